"""The schedule holds every limit of the whole cluster, ends every step once and never hangs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.model.outcome import Abandoned, Done, Outcome, Scope
from restore.model.plan import Capacity, Job, Step
from restore.run.lanes import PATIENCE
from restore.run.schedule import PlanBroken, Schedule
from restore.run.servers import RETRIES
from tests.run.plans import RESOURCES, capacities, done, endings, failed, job, jobs, manual, step

ONE_EACH = Capacity(dict.fromkeys(RESOURCES, 1))


def carry(
    schedule: Schedule, ends: Mapping[str, Outcome], capacity: Capacity, chance: random.Random
) -> dict[str, Outcome]:
    """Play a crew that ends running steps in a random order; checks limits and that each step ends once."""
    running: dict[str, Step] = {}
    outcomes: dict[str, Outcome] = {}

    def note(*ended: Outcome) -> None:
        for outcome in ended:
            assert outcome.key not in outcomes
            outcomes[outcome.key] = outcome

    while not schedule.idle:
        running |= {begun.key: begun for begun in schedule.begin()}
        used = Counter(name for one in running.values() for name in one.needs)
        assert all(used[name] <= capacity.slots[name] for name in used)
        ending = chance.choice(sorted(running))
        del running[ending]
        note(ends[ending], *schedule.end(ends[ending]))
    return outcomes


def test_two_jobs_of_one_thing_never_run_at_once_and_the_urgent_one_goes_first() -> None:
    many = Capacity(dict.fromkeys(RESOURCES, 9))
    bulk, other, urgent = (
        replace(job(name, rank=(rank,)), thing="mail/anna") for name, rank in (("b", 1), ("o", 2), ("u", 0))
    )
    schedule = Schedule([bulk, other], {}, many)
    assert [one.key for one in schedule.begin()] == ["b.0"]
    assert schedule.add([urgent], anew=True) == () and schedule.begin() == ()

    schedule.end(done("b.0"))
    assert [one.key for one in schedule.begin()] == ["u.0"]
    schedule.end(failed("u.0"))
    assert [one.key for one in schedule.begin()] == ["o.0"]
    schedule.end(done("o.0"))
    schedule.check_end()


def all_steps(of: Sequence[Job]) -> set[str]:
    return {one.key for each in of for one in each.steps}


@given(st.data(), capacities, st.randoms(use_true_random=False))
def test_every_step_ends_exactly_once_within_every_limit_whatever_fails(
    data: st.DataObject, capacity: Capacity, chance: random.Random
) -> None:
    plan = data.draw(jobs())
    ends = data.draw(endings(plan, list(Scope)))

    outcomes = carry(Schedule(plan, {}, capacity), ends, capacity, chance)

    assert set(outcomes) == all_steps(plan)


@given(st.data(), capacities, st.randoms(use_true_random=False))
def test_what_becomes_of_each_step_does_not_depend_on_who_arrives_first(
    data: st.DataObject, capacity: Capacity, chance: random.Random
) -> None:
    plan = data.draw(jobs())
    ends = data.draw(endings(plan, [Scope.STEP, Scope.JOB]))
    late = Schedule((), {}, capacity)
    for one in data.draw(st.permutations(plan)):
        late.add([one])

    outcomes = carry(Schedule(plan, {}, capacity), ends, capacity, chance)

    assert carry(late, ends, capacity, chance) == outcomes


@given(st.data(), capacities, st.randoms(use_true_random=False))
def test_a_step_begins_only_after_all_that_it_is_after(
    data: st.DataObject, capacity: Capacity, chance: random.Random
) -> None:
    plan = data.draw(jobs())
    schedule = Schedule(plan, {}, capacity)
    before = {
        one.key: [step.key for other in plan if other.key in each.after for step in other.steps]
        + [step.key for step in each.steps[:at]]
        for each in plan
        for at, one in enumerate(each.steps)
    }
    ended: set[str] = set()
    running: list[str] = []

    while not schedule.idle:
        for begun in schedule.begin():
            assert ended.issuperset(before[begun.key])
            running.append(begun.key)
        key = running.pop(chance.randrange(len(running)))
        schedule.end(done(key))
        ended.add(key)


@given(st.data(), capacities, st.randoms(use_true_random=False))
def test_what_the_ledger_knows_as_done_is_handed_on_and_not_begun_again(
    data: st.DataObject, capacity: Capacity, chance: random.Random
) -> None:
    plan = data.draw(jobs())
    keys = sorted(all_steps(plan))
    known = {key: done(key) for key in data.draw(st.sets(st.sampled_from(keys))) if keys} if keys else {}
    schedule = Schedule(plan, known, capacity)

    begun = carry(schedule, {key: done(key) for key in keys}, capacity, chance)

    assert (set(begun), {outcome.key for outcome in schedule.recorded()}) == (
        set(keys) - set(known),
        set(known),
    )


def test_a_failure_in_the_ledger_is_tried_again() -> None:
    schedule = Schedule([job("a")], {"a.0": failed("a.0")}, ONE_EACH)

    assert [begun.key for begun in schedule.begin()] == ["a.0"]


def test_a_smaller_rank_goes_first_and_equal_ranks_in_order_of_arrival() -> None:
    schedule = Schedule(
        [job("late", rank=(2,)), job("x", rank=(1,)), job("y", rank=(1,)), job("first", rank=(0, 9))],
        {},
        ONE_EACH,
    )

    order = []
    while not schedule.idle:
        (begun,) = schedule.begin()
        order.append(begun.key)
        schedule.end(done(begun.key))

    assert order == ["first.0", "x.0", "y.0", "late.0"]


def test_a_job_asked_for_again_with_a_smaller_rank_moves_forward_and_runs_once() -> None:
    schedule = Schedule([job("bulk", rank=(1,)), job("alice", rank=(2,))], {}, ONE_EACH)
    schedule.add([job("alice", rank=(0,))])

    order = []
    while not schedule.idle:
        (begun,) = schedule.begin()
        order.append(begun.key)
        schedule.end(done(begun.key))

    assert order == ["alice.0", "bulk.0"]


def test_a_step_that_needs_two_busy_servers_is_not_starved_by_those_that_need_one() -> None:
    schedule = Schedule([], {}, ONE_EACH)
    schedule.add([job(f"{name}{n}", step(f"{name}{n}", name)) for n in range(2) for name in RESOURCES[:2]])
    running = [begun.key for begun in schedule.begin()]
    schedule.add([job("both", step("both", *RESOURCES[:2]))])
    for number in range(2, 10 * PATIENCE):
        schedule.add([job(f"{name}{number}", step(f"{name}{number}", name)) for name in RESOURCES[:2]])

    begun = 0
    while "both" not in running:
        schedule.end(done(running.pop(0)))
        running += [one.key for one in schedule.begin()]
        begun += 1

    assert begun <= 4 * PATIENCE


def test_a_step_that_waits_behind_an_earlier_one_keeps_no_other_server_idle() -> None:
    capacity = Capacity({"source/backup1": 2, "database/db1": 1, "mail/mail1": 9})
    load = ("source/backup1", "database/db1")
    schedule = Schedule([job(f"load{n}", step(f"load{n}", *load)) for n in range(2)], {}, capacity)
    schedule.add([job(f"mail{n}", step(f"mail{n}", "source/backup1", "mail/mail1")) for n in range(40)])
    running = [begun.key for begun in schedule.begin()]

    for _ in range(39):
        schedule.end(done(running.pop()))
        running += [begun.key for begun in schedule.begin()]

    assert running == ["load0", "mail39"]


def test_after_a_failure_or_a_question_the_rest_of_the_job_is_abandoned_with_the_reason() -> None:
    steps = [[step(f"{key}{at}", "worker") for at in range(3)] for key in "ab"]
    schedule = Schedule([job("a", *steps[0]), job("b", *steps[1])], {}, Capacity({"worker": 2}))
    schedule.begin()

    ended = (*schedule.end(failed("a0")), *schedule.end(manual("b0")))

    assert ended == (
        Abandoned("a1", "a0 failed: a0 broke"),
        Abandoned("a2", "a0 failed: a0 broke"),
        Abandoned("b1", "b0 waits for a person's answer"),
        Abandoned("b2", "b0 waits for a person's answer"),
    )


def mails(count: int) -> list[Job]:
    return [job(f"mail{n}", step(f"mail{n}", "mail/mail1")) for n in range(count)]


def test_a_server_that_fails_is_tried_one_step_at_a_time_and_then_given_up() -> None:
    schedule = Schedule(mails(30), {}, Capacity({"mail/mail1": 4, "worker": 1}))
    begun = schedule.begin()
    for one in begun:
        assert schedule.end(failed(one.key, Scope.SERVER, "mail1")) == ()
    schedule.add([job("other")])

    pauses = []
    abandoned: tuple[Outcome, ...] = ()
    while not abandoned:
        begun = tuple(one for one in schedule.begin() if one.key != "other.0")
        assert len(begun) == 1
        pauses.append(schedule.pause(begun[0]))
        abandoned = schedule.end(failed(begun[0].key, Scope.SERVER, "mail1"))
    late = schedule.add(mails(31)[30:])

    assert (pauses, len(abandoned), late) == (
        list(range(1, RETRIES + 1)),
        30 - 4 - RETRIES,
        (Abandoned("mail30", f"mail1 was given up: mail{3 + RETRIES} broke"),),
    )


def test_a_server_that_answers_again_gets_all_its_slots_back() -> None:
    schedule = Schedule(mails(9), {}, Capacity({"mail/mail1": 4}))
    for one in schedule.begin():
        schedule.end(failed(one.key, Scope.SERVER, "mail1"))
    (probe,) = schedule.begin()

    schedule.end(done(probe.key))

    begun = schedule.begin()
    assert [(one.key, schedule.pause(one)) for one in begun] == [(f"mail{n}", 0) for n in range(5, 9)]


def test_an_error_that_will_not_pass_closes_its_server_at_once() -> None:
    schedule = Schedule(mails(3), {}, Capacity({"mail/mail1": 1}))
    schedule.begin()

    abandoned = schedule.end(failed("mail0", Scope.SERVER, "mail1", transient=False))

    assert [outcome.key for outcome in abandoned] == ["mail1", "mail2"]


def test_a_failure_of_the_run_stops_everything_but_what_already_runs() -> None:
    plan = [
        job("a"),
        job("b", step("b0", "mail/mail1"), step("b1", "worker")),
        job("c"),
        job("d", after=("b",)),
    ]
    schedule = Schedule(plan, {}, ONE_EACH)
    schedule.begin()

    at_once = schedule.end(failed("a.0", Scope.RUN))
    then = schedule.end(done("b0"))

    assert ([one.key for one in at_once], [one.key for one in then], schedule.idle) == (
        ["c.0", "d.0"],
        ["b1"],
        True,
    )


def test_draining_begins_nothing_more_and_leaves_the_rest_for_the_next_run() -> None:
    schedule = Schedule([job("a"), job("b")], {}, ONE_EACH)
    schedule.begin()
    schedule.drain()

    ended = schedule.end(done("a.0"))

    assert (ended, schedule.begin(), schedule.idle) == ((), (), True)


@pytest.mark.parametrize(
    ("after", "words"),
    [(("never",), "a waits for never"), (("a",), "a waits for a")],
)
def test_a_job_that_waits_for_one_that_can_never_end_is_named(after: tuple[str, ...], words: str) -> None:
    schedule = Schedule([job("a", after=after)], {}, ONE_EACH)

    assert schedule.begin() == ()
    with pytest.raises(PlanBroken, match=words):
        schedule.check_end()


@pytest.mark.parametrize("slots", [{}, {"worker": 0}])
def test_a_step_that_needs_something_without_slots_is_refused_when_added(slots: dict[str, int]) -> None:
    with pytest.raises(PlanBroken, match=r"a\.0 needs 'worker'"):
        Schedule([job("a")], {}, Capacity(slots))


def test_a_job_added_twice_is_one_but_never_with_other_steps() -> None:
    schedule = Schedule([job("a"), job("a")], {}, ONE_EACH)

    with pytest.raises(PlanBroken, match="twice"):
        schedule.add([job("a", step("other", "worker"))])

    assert schedule.counts["look"].steps == 1


def test_one_step_key_in_two_jobs_is_refused() -> None:
    with pytest.raises(PlanBroken, match=r"a\.0"):
        Schedule([job("a"), job("b", step("a.0", "worker"))], {}, ONE_EACH)


def test_a_chain_of_thirty_thousand_jobs_ends() -> None:
    links = [
        Job(f"j{n}", "mail", "alice", (step(f"s{n}", "worker"),), (f"j{n - 1}",) if n else (), bytes=1)
        for n in range(30_000)
    ]
    known = {f"s{n}": done(f"s{n}") for n in range(0, 30_000, 2)}
    schedule = Schedule(reversed(links), known, ONE_EACH)

    outcomes = carry(schedule, {f"s{n}": done(f"s{n}") for n in range(30_000)}, ONE_EACH, random.Random(1))

    counts = schedule.counts["mail"]
    assert (len(outcomes), counts.jobs_ended, counts.steps_ended, counts.bytes_ended, counts.running) == (
        15_000,
        30_000,
        30_000,
        30_000,
        0,
    )
    assert all(isinstance(outcome, Done) for outcome in schedule.recorded())
