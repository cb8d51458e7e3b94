"""What a verification takes up of a plan: all of it or a sample, and logins once every hash has been read."""

from __future__ import annotations

import pytest

from restore.model.facts import SiteLooked, Survivor, SurvivorsRead
from restore.model.mysql import AccountName
from restore.model.outcome import Done
from restore.model.plan import VerifyDump, VerifyLogins, VerifyMailbox
from restore.model.survey import Index, Narrowing, Survey
from restore.plan.bulk import BulkPlan
from restore.plan.verify import Sample, Trial, VerifyPlan
from restore.report.verification import bound
from tests.plan.company import claim, customer, dump, incident, maildir

INDEX = Index(
    tuple(
        customer(f"c{number}", f"c{number}_db", mailboxes=(f"info@c{number}.test",)) for number in range(40)
    ),
    tuple(maildir(f"info@c{number}.test") for number in range(40)),
    tuple(dump(f"c{number}_db") for number in range(40)),
)


def trying(trial: Trial | None = None, narrowing: Narrowing | None = None) -> VerifyPlan:
    return VerifyPlan(
        incident(), BulkPlan(incident(), Survey(INDEX), narrowing), (dump("mysql"),), trial or Trial()
    )


def kinds(plan: VerifyPlan) -> tuple[int, int]:
    work = [step.work for job in plan.jobs for step in job.steps]
    return sum(isinstance(one, VerifyMailbox) for one in work), sum(
        isinstance(one, VerifyDump) for one in work
    )


@pytest.mark.parametrize(
    ("sample", "tried"),
    [
        (Sample(), 40),
        (Sample(share=0.1), 4),
        (Sample(share=0.01), 1),
        (Sample(number=7), 7),
        (Sample(number=99), 40),
    ],
)
def test_a_sample_takes_so_many_of_each_kind_and_the_same_ones_each_time(sample: Sample, tried: int) -> None:
    plan, again = trying(Trial(sample)), trying(Trial(sample))

    assert kinds(plan) == (tried, tried)
    assert plan.jobs == again.jobs
    assert (plan.known, plan.chosen) == ({"mail": 40, "load": 40}, {"mail": tried, "load": tried})


def test_a_narrowed_verification_tries_out_one_customer_s_things_alone() -> None:
    assert kinds(trying(narrowing=Narrowing(frozenset({"web1/c7"})))) == (1, 1)


def test_no_step_of_a_verification_occupies_a_slot_of_a_database_server_or_is_a_restoring_one() -> None:
    plan = trying()
    needs = {need for job in plan.jobs for step in job.steps for need in step.needs}

    assert needs == {"source/backup", "mail/mail1", "worker"}
    assert {job.kind for job in plan.jobs} == {"look", "verify"}


def test_logins_are_judged_once_all_hashes_are_read_and_each_by_its_own_server_s_alone() -> None:
    plan = trying(narrowing=Narrowing(frozenset({"web1/c7"})))
    (hashes,) = (job.key for job in plan.jobs if job.key.startswith("verify/hashes"))
    claimed = claim("c7", "c7_db", "c7_user")
    early = plan.learn(Done("look/web1/c7", SiteLooked("web1", "c7", (claimed, claimed), (), (), ())))
    read = SurvivorsRead("web1", "mysql.sql", (Survivor(AccountName("c7_user", "%"), "ed25519", "id"),))
    late = plan.learn(Done(hashes, read))
    works = [step.work for job in late.jobs for step in job.steps]

    assert early.jobs == ()
    assert works == [VerifyLogins("web1", "c7", (claimed,), (read,), ("db1",), ("localhost",))]


@pytest.mark.parametrize(("bad", "tried", "most"), [(0, 100, 0.03), (0, 1, 0.8), (5, 100, 0.11), (0, 0, 1.0)])
def test_what_a_sample_cannot_rule_out_is_said_and_never_none(bad: int, tried: int, most: float) -> None:
    assert bad / max(tried, 1) < bound(bad, tried) <= most
