"""The dry run must show what a run would do, in its order, and what it would ask."""

from __future__ import annotations

from restore.model.facts import DumpLooked, MailboxLooked
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId
from restore.model.outcome import Done, Failed, Outcome, Partial, Scope
from restore.model.plan import Forecast, LoadDatabase, LookDump
from restore.model.survey import Survey
from restore.plan.bulk import BulkPlan
from restore.plan.forecast import foresee
from restore.plan.looks import LookPlan
from tests.plan.company import claim, customer, dump, incident, index, looked, maildir

THINGS = (
    customer("alice", "shop", mailboxes=("a@alice.test",)),
    customer("bob", "blog"),
    maildir("a@alice.test"),
    dump("shop"),
    dump("blog"),
)


def forecast(complete: bool = True, failed: bool = False) -> Forecast:
    survey = Survey(index(*THINGS))
    looks = LookPlan(BulkPlan(incident(), survey))
    for job in looks.jobs:
        looks.learn(answer(job.steps[0].key, job.steps[0].work, complete, failed))
    return foresee(BulkPlan(incident(), survey), looks.seen)


def answer(key: str, work: object, complete: bool, failed: bool) -> Outcome:
    """What the looks see: Alice's site is clear, Bob has none; the shop's dump may be cut."""
    if key == "look/web1/alice":
        return looked("alice", claim("alice", "shop", "shopuser"))
    if key == "look/web1/bob":
        return looked("bob")
    if isinstance(work, LookDump):
        whole = complete or work.dump.database.name == "blog"
        fact = DumpLooked(DatabaseId("web1", work.dump.database.name), "mysqldump", "", whole, 100)
        return Done(key, fact) if whole else Partial(key, fact, ("it has no end",))
    if failed:
        return Failed(key, "source-unreadable", Scope.STEP, "cannot be read", "look at it")
    return Done(key, MailboxLooked(MailboxId("web1", "a@alice.test"), 2, 17, 1234))


def test_the_dry_run_unfolds_in_the_order_of_a_run() -> None:
    shown = forecast()

    assert [(one.job.kind, one.job.customer) for one in shown.jobs] == [
        ("mail", "alice"),
        ("database", "alice"),
        ("account", "alice"),
        ("database", "bob"),
    ]
    assert "17 messages in 2 folders" in shown.jobs[0].what
    assert [(item.cause, item.subject) for item in shown.items] == [("no-login", "web1/database/blog")]


def test_a_dump_without_an_end_is_foreseen_as_the_question_it_will_be() -> None:
    shown = forecast(complete=False)

    assert sorted(item.cause for item in shown.items) == ["dump-damaged", "no-login"]
    assert not [one for one in shown.jobs if one.job.kind == "account"]
    damaged = next(item for item in shown.items if item.cause == "dump-damaged")
    assert (damaged.customer, damaged.subject) == ("alice", "web1/database/shop")


def test_a_failed_look_is_named_beside_what_it_leaves_in_doubt() -> None:
    shown = forecast(failed=True)

    assert "cannot be read" in shown.jobs[0].doubt
    assert [one.code for one in shown.failed] == ["source-unreadable"]


def test_every_dump_that_would_be_loaded_is_looked_at() -> None:
    plan = BulkPlan(incident(), Survey(index(*THINGS)))
    loads = [step.work.dump for job in plan.jobs for step in job.steps if isinstance(step.work, LoadDatabase)]

    looks = [step.work for job in LookPlan(plan).jobs for step in job.steps]

    assert [work.dump for work in looks if isinstance(work, LookDump)] == loads
