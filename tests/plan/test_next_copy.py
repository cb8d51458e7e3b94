"""A source that dies in the middle of a run: what it held comes from the next copy, and all else stays as decided."""

from __future__ import annotations

from restore.model.outcome import Abandoned, Failed, Outcome, Scope
from restore.model.plan import Job, LoadDatabase, RestoreMailbox
from restore.model.survey import Index, Narrowing, Survey
from restore.plan.bulk import BulkPlan
from restore.plan.next_copy import Lost, lost_with, without
from restore.plan.ownership import own
from restore.plan.together import Together
from restore.plan.wanted import afresh, wish, within
from tests.plan.test_copies import ALICE, BOX, FIRST, HOMES, PLACE, SECOND, SHOP, several

INDEX = Index((ALICE,), (PLACE,), (FIRST, SECOND), homes=HOMES)
DEAD = frozenset({"backup"})


def dies(job: Job) -> Outcome:
    """How a job ends that needs the dead source."""
    if job.kind == "mail":
        return Abandoned(job.key, "backup was given up")
    return Failed(job.key, "source-unreachable", Scope.SERVER, "gone", "hint", True, server="backup")


def moved(rule: str) -> tuple[Together, list[Job], list[str]]:
    """What is begun anew, and what is asked, once the backup of last night is gone."""
    incident = several(rule)
    together = Together(BulkPlan(incident, Survey(INDEX)), wish(Narrowing(), own(INDEX)))
    for job in together.jobs:
        if any("source/backup" in step.needs for step in job.steps):
            together.learn(dies(job))
    lost = lost_with(together.broken_by("backup"), INDEX, incident, DEAD)
    assert lost == Lost(frozenset({BOX}), frozenset({SHOP}), frozenset(), frozenset({"web1/alice"}))
    assert together.broken_by("backup") == ()
    narrowing = within(together.covers, lost.customers, INDEX)
    assert narrowing is not None
    whole = wish(afresh(wish(narrowing, own(INDEX)), together.covers, INDEX), own(INDEX))
    survey = Survey(without(INDEX, incident, DEAD, lost))
    learned = together.take_in(together.own, BulkPlan(incident, survey, whole.narrowing), whole)
    return together, list(learned.jobs), [item.cause for item in learned.items]


def test_a_mailbox_and_a_dump_come_from_the_copies_that_are_left_where_the_incident_says_so() -> None:
    together, jobs, asked = moved("use")

    works = {type(job.steps[0].work): job.steps[0].work for job in jobs}
    mail, load = works[RestoreMailbox], works[LoadDatabase]
    assert isinstance(mail, RestoreMailbox) and isinstance(load, LoadDatabase)
    assert (mail.source, [one.source for one in mail.also]) == ("week", ["wreck"])
    assert (load.dump, asked) == (SECOND, [])
    assert {job.key for job in jobs} <= together.own.steps


def test_an_older_dump_in_place_of_one_that_died_is_a_question_unless_the_incident_states_a_rule() -> None:
    _, jobs, asked = moved("ask")

    assert [job.kind for job in jobs if job.kind in ("mail", "database")] == ["mail"]
    assert asked == ["older-dump"]


def test_what_no_other_copy_holds_is_left_for_the_next_run() -> None:
    alone = Index((ALICE,), (), (FIRST,))
    incident = several()
    together = Together(BulkPlan(incident, Survey(alone)), wish(Narrowing(), own(alone)))
    for job in together.jobs:
        together.learn(dies(job))

    assert not lost_with(together.broken_by("backup"), alone, incident, DEAD)


def test_nobody_is_asked_for_the_login_of_a_site_whose_source_was_given_up() -> None:
    plan = BulkPlan(several(), Survey(INDEX))
    (look,) = (job for job in plan.jobs if job.kind == "look")

    assert plan.learn(Abandoned(look.key, "week was given up")).items == ()
    other = BulkPlan(several(), Survey(INDEX))
    unreadable = Failed(look.key, "source-unreadable", Scope.STEP, "no", "hint")
    assert [item.cause for item in other.learn(unreadable).items] == ["no-login"]
