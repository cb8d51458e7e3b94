"""What an operator changes while a run is on: limits, a pause, who goes first, what is tried again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.model.outcome import Abandoned, Outcome, Scope
from restore.model.plan import Capacity, Job, Step
from restore.run.schedule import PlanBroken, Schedule
from tests.run.plans import RESOURCES, capacities, done, endings, failed, job, jobs, step

ONE_EACH = Capacity(dict.fromkeys(RESOURCES, 1))


class Operator:
    """Ends running steps in a random order and gives a random order of his own in between; each step that begins
    finds a slot of each of its Resources, as the limits are then."""

    def __init__(
        self, schedule: Schedule, of: list[Job], ends: dict[str, Outcome], chance: random.Random
    ) -> None:
        self.schedule, self.of, self.ends, self.chance = schedule, of, ends, chance
        self.running: dict[str, Step] = {}
        self.ended: Counter[str] = Counter()
        self.acts: list[Callable[[], None]] = [self.limit, self.pause, self.go_on, self.move]

    def limit(self) -> None:
        name = self.chance.choice(RESOURCES)
        wanted = self.chance.randint(1, 4)
        self.schedule.limit(name, wanted)
        assert self.schedule.limits[name] == wanted

    def pause(self) -> None:
        self.schedule.suspend()
        assert self.schedule.begin() == ()

    def go_on(self) -> None:
        self.schedule.resume()

    def move(self) -> None:
        one = self.chance.choice(self.of)
        self.note(*self.schedule.add([Job(one.key, one.kind, one.customer, one.steps, one.after, (-1,))]))

    def again(self) -> None:
        self.note(*self.schedule.add([self.chance.choice(self.of)], anew=True))

    def note(self, *outcomes: Outcome) -> None:
        self.ended.update(outcome.key for outcome in outcomes)

    def play(self, turns: int) -> None:
        while not self.schedule.idle or turns > 0:
            turns -= 1
            if turns > 0:
                self.chance.choice(self.acts)()
            else:
                self.schedule.resume()
            self.begin()
            if self.running:
                ending = self.chance.choice(sorted(self.running))
                del self.running[ending]
                self.note(self.ends[ending], *self.schedule.end(self.ends[ending]))

    def begin(self) -> None:
        begun = self.schedule.begin()
        self.running |= {one.key: one for one in begun}
        used = Counter(name for one in self.running.values() for name in one.needs)
        assert all(used[name] <= self.schedule.limits[name] for one in begun for name in one.needs)


@settings(max_examples=50)
@given(st.data(), capacities, st.randoms(use_true_random=False))
def test_whatever_an_operator_changes_limits_hold_and_every_step_ends_once(
    data: st.DataObject, capacity: Capacity, chance: random.Random
) -> None:
    of = data.draw(jobs())
    ends = data.draw(endings(of, [Scope.STEP, Scope.JOB, Scope.SERVER, Scope.RUN]))
    operator = Operator(Schedule(of, {}, capacity), of, ends, chance)

    operator.play(turns=30)

    assert operator.ended == Counter(one.key for each in of for one in each.steps)


@settings(max_examples=50)
@given(st.data(), capacities, st.randoms(use_true_random=False))
def test_whatever_is_tried_again_limits_hold_and_every_step_ends(
    data: st.DataObject, capacity: Capacity, chance: random.Random
) -> None:
    of = data.draw(jobs())
    ends = data.draw(endings(of, [Scope.STEP, Scope.JOB, Scope.SERVER]))
    schedule = Schedule(of, {}, capacity)
    operator = Operator(schedule, of, ends, chance)
    operator.acts.append(operator.again)

    operator.play(turns=30)

    assert set(operator.ended) == {one.key for each in of for one in each.steps}
    counts = schedule.counts["look"]
    assert (counts.jobs, counts.jobs_ended) == (len(of), len(of))
    assert (counts.steps_ended, counts.running) == (counts.steps, 0)


def test_a_lower_limit_begins_nothing_until_so_many_have_ended() -> None:
    schedule = Schedule([job(name) for name in "abcd"], {}, Capacity({"worker": 3}))
    schedule.begin()

    assert schedule.limit("worker", 1) == 3
    for name in "ab":
        schedule.end(done(f"{name}.0"))
        assert schedule.begin() == ()
    schedule.end(done("c.0"))

    assert [one.key for one in schedule.begin()] == ["d.0"]


@pytest.mark.parametrize(("name", "slots"), [("worker", 0), ("mail/unknown", 2)])
def test_no_limit_is_set_that_would_never_let_anything_begin(name: str, slots: int) -> None:
    with pytest.raises(PlanBroken, match=name):
        Schedule([], {}, ONE_EACH).limit(name, slots)


def test_a_paused_run_begins_nothing_and_goes_on_where_it_was() -> None:
    schedule = Schedule([job("a"), job("b")], {}, ONE_EACH)
    schedule.begin()
    schedule.suspend()

    schedule.end(done("a.0"))
    assert (schedule.begin(), schedule.idle) == ((), False)
    schedule.resume()

    assert [one.key for one in schedule.begin()] == ["b.0"]


def test_a_job_that_failed_is_done_once_more_on_a_server_that_was_given_up() -> None:
    lost = failed("a.0", Scope.SERVER, "mail1", transient=False)
    on_mail = job("a", step("a.0", "mail/mail1")), job("b", step("b.0", "mail/mail1"))
    schedule = Schedule(on_mail, {}, ONE_EACH)
    schedule.begin()
    (given_up,) = schedule.end(lost)
    assert isinstance(given_up, Abandoned)

    assert schedule.add(on_mail, anew=True) == ()

    assert [one.key for one in schedule.begin()] == ["a.0"]
    schedule.end(done("a.0"))
    assert [one.key for one in schedule.begin()] == ["b.0"]


def test_what_stands_done_is_handed_on_when_it_is_decided_anew_and_not_done_again() -> None:
    schedule = Schedule([job("a")], {}, ONE_EACH)
    schedule.begin()
    schedule.end(done("a.0"))
    schedule.know({"a.0": done("a.0")})

    schedule.add([job("a")], anew=True)

    assert (schedule.recorded(), schedule.begin(), schedule.idle) == ((done("a.0"),), (), True)


def test_a_step_that_runs_is_not_begun_a_second_time_when_it_is_decided_anew() -> None:
    schedule = Schedule([job("a")], {}, Capacity({"worker": 2}))
    schedule.begin()

    schedule.add([job("a", step("a.0", "worker"), step("a.1", "worker"))], anew=True)

    assert schedule.begin() == ()


def test_a_job_that_waits_is_replaced_by_the_one_decided_since_and_one_withdrawn_never_begins() -> None:
    schedule = Schedule([job("a"), job("b"), job("c"), job("d", after=("c",))], {}, ONE_EACH)
    schedule.begin()

    schedule.add([job("b", step("b.other", "worker"))], anew=True)
    schedule.withdraw(["a", "c"])
    schedule.end(done("a.0"))

    begun = [one.key for one in schedule.begin()]
    schedule.end(done(begun[0]))
    assert begun + [one.key for one in schedule.begin()] == ["d.0", "b.other"]
