"""What is asked of a run under way is decided afresh, once, and leaves the rest of the run as it was."""

from __future__ import annotations

from restore.model.mysql import DatabaseId
from restore.model.outcome import Answer, Failed, Scope
from restore.model.plan import Job, Learned, LoadDatabase, SwitchDatabase
from restore.model.survey import Decision, Narrowing, Survey
from restore.plan.bulk import BulkPlan
from restore.plan.ownership import own
from restore.plan.question import ask
from restore.plan.together import Asked, Together
from restore.plan.wanted import afresh, concerned, wish, within
from tests.plan.company import claim, customer, dump, incident, index, loaded, looked, maildir, switched

INDEX = index(
    customer("alice", "shop", "wiki", mailboxes=("a@alice.test",)),
    customer("bob", "blog", mailboxes=("a@bob.test",)),
    *map(dump, ("shop", "wiki", "blog")),
    *map(maildir, ("a@alice.test", "a@bob.test")),
)
OWNERS = own(INDEX)
ALL = wish(Narrowing(), OWNERS)
SHOP = DatabaseId("web1", "shop")


def bulk(narrowing: Narrowing | None = None, *settled: Decision) -> BulkPlan:
    return BulkPlan(incident(), Survey(INDEX, settled), narrowing)


def requested(together: Together, narrowing: Narrowing, *settled: Decision) -> tuple[Asked, Learned]:
    """What a request makes of a run."""
    whole = wish(afresh(wish(narrowing, OWNERS), together.covers, INDEX), OWNERS)
    asked = Asked(whole)
    return asked, together.take_in(asked, bulk(whole.narrowing, *settled), whole)


def test_a_customer_goes_ahead_of_the_bulk_and_nobody_elses_work_is_touched() -> None:
    together = Together(bulk(), ALL)
    ranks = {job.key: job.rank for job in together.jobs}

    asked, learned = requested(together, Narrowing(frozenset({"alice"})))

    assert {job.customer for job in learned.jobs} == {"alice"}
    assert max(job.rank for job in learned.jobs) < min(ranks.values())
    assert (learned.anew, learned.withdrawn) == (True, ())
    assert {job.key for job in learned.jobs} == {job.key for job in together.jobs if job.customer == "alice"}
    assert asked.open == {job.key for job in learned.jobs}


def test_a_database_brings_what_its_account_waits_for_and_the_request_ends_with_the_account() -> None:
    together = Together(bulk(), ALL)
    asked, learned = requested(together, Narrowing(databases=frozenset({SHOP})))
    jobs = list(learned.jobs)
    assert sorted(job.kind for job in jobs) == ["database", "database", "look"]

    site = looked(
        "alice", claim("alice", "shop", "shopuser"), claim("alice", "wiki", "wikiuser", config="w.php")
    )
    jobs += together.learn(site).jobs
    for name in ("shop", "wiki"):
        (load,) = [job for job in jobs if job.key.startswith(f"load/web1/{name}/")]
        (switch,) = together.learn(loaded(load, name)).jobs
        made = together.learn(switched(switch, name)).jobs

    assert asked.open == {job.key for job in made}
    assert {job.kind for job in made} == {"account"} and len(made) == 2


def test_a_database_as_of_a_day_replaces_what_the_bulk_has_not_begun_and_leaves_the_others_as_new_as_they_are() -> (
    None
):
    old, new = (dump("shop", mtime=at, path=f"{at:.0f}/shop.sql") for at in (10.0, 20.0))
    wiki = [dump("wiki", mtime=at, path=f"{at:.0f}/wiki.sql") for at in (10.0, 20.0)]
    things = index(customer("alice", "shop", "wiki", mailboxes=("a@alice.test",)), maildir("a@alice.test"),
                   old, new, *wiki)  # fmt: skip
    together = Together(BulkPlan(incident(), Survey(things)), ALL)
    narrowing = Narrowing(databases=frozenset({SHOP}), as_of=15.0)
    whole = wish(afresh(wish(narrowing, own(things)), together.covers, things), own(things))

    learned = together.take_in(Asked(whole), BulkPlan(incident(), Survey(things), whole.narrowing), whole)

    loads = [job.steps[0].work for job in learned.jobs if job.key.startswith("load/")]
    assert [(one.dump.database.name, one.dump.taken) for one in loads if isinstance(one, LoadDatabase)] == [
        ("shop", 10.0),
        ("wiki", 20.0),
    ]
    assert [key.split("/")[2] for key in learned.withdrawn] == ["shop"]
    again = within(together.covers, frozenset({"web1/alice"}), things)
    assert again is not None and (again.moment(SHOP), again.moment(DatabaseId("web1", "wiki"))) == (
        15.0,
        None,
    )
    assert again.moment("a@alice.test") is None


def damaged(job: Job) -> Failed:
    return Failed(job.key, "dump-damaged", Scope.JOB, "cut", "hint")


def test_what_failed_is_tried_again_for_who_asks_for_it_and_for_nobody_else() -> None:
    together = Together(bulk(), ALL)
    loads = {job.key.split("/")[2]: job for job in together.jobs if job.key.startswith("load/")}
    shop, wiki, blog = (loads[name] for name in ("shop", "wiki", "blog"))
    for load in (shop, wiki, blog):
        together.learn(damaged(load))

    _, learned = requested(together, Narrowing(frozenset({"alice"})))

    keys = {job.key for job in learned.jobs}
    assert {shop.key, wiki.key} < keys
    assert blog.key not in keys


def test_an_answer_replaces_what_was_decided_without_it_and_withdraws_what_no_longer_holds() -> None:
    together = Together(bulk(), ALL)
    together.learn(looked("alice"))
    load = next(job for job in together.jobs if job.key.startswith("load/web1/shop/"))
    (stale,) = together.learn(loaded(load, "shop")).jobs
    item = ask("live-database-differs", "web1/database/shop", "?")
    answer = Answer(item.id, item.subject, "replace", "digest-of-live")

    _, learned = requested(together, Narrowing(frozenset({"web1/alice"})), Decision(item, answer))
    assert stale.key in learned.withdrawn
    together.learn(looked("alice"))
    (fresh,) = together.learn(loaded(load, "shop")).jobs

    work = fresh.steps[0].work
    assert isinstance(work, SwitchDatabase)
    assert (work.replace, fresh.key != stale.key) == ("digest-of-live", True)


def test_an_answer_concerns_all_who_have_something_of_that_name() -> None:
    two = index(customer("alice", "wp"), customer("bob", "wp", server="web2"), dump("wp"), dump("wp", "web2"))

    assert concerned(ask("database-collision", "web1/database/wp", "?"), two) == {"web1/alice", "web2/bob"}


def test_an_answer_begins_nothing_that_the_run_was_not_asked_for() -> None:
    whose = frozenset({"web1/alice"})

    assert within([wish(Narrowing(frozenset({"bob"})), OWNERS)], whose, INDEX) is None
    mail = within([wish(Narrowing(kinds=frozenset({"mail"})), OWNERS)], whose, INDEX)
    assert mail == Narrowing(whose, frozenset({"mail"}))
    named = within([wish(Narrowing(databases=frozenset({SHOP})), OWNERS)], whose, INDEX)
    assert named == Narrowing(databases=frozenset({SHOP}))


def test_mail_alone_leaves_the_customers_databases_to_the_bulk() -> None:
    together = Together(bulk(), ALL)
    before = {job.key: job for job in together.jobs}

    _, learned = requested(together, Narrowing(frozenset({"alice"}), frozenset({"mail"})))

    assert [before[job.key].kind for job in learned.jobs] == ["mail"]
    load = next(job for job in together.jobs if job.key.startswith("load/web1/shop/"))
    together.learn(looked("alice"))
    assert [job.kind for job in together.learn(loaded(load, "shop")).jobs] == ["database"]
