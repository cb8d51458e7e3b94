"""The executor remembers before it acts, learns what the ledger knew, and can be cut anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import cast

import pytest

from restore.ledger.events import Asked, Event, Started
from restore.ledger.ledger import Ledger
from restore.model.operator import Operator
from restore.model.outcome import Abandoned, Done, ManualItem, Outcome, Partial, Scope
from restore.model.plan import Capacity, Job, Learned, Step
from restore.model.ports import Systems
from restore.run.crew import STOPPED, InlineCrew
from restore.run.execute import execute
from restore.run.schedule import PlanBroken
from restore.run.tracks import Counts
from tests.run.plans import RESOURCES, FixedPlan, done, failed, job, manual, step

CAPACITY = Capacity(dict.fromkeys(RESOURCES, 2))
OPERATOR = Operator("ada", "--operator", 0, 1, "host")
NO_SYSTEMS = cast(Systems, None)


class Cut(BaseException):
    """The process was killed here."""


@dataclass
class Moments:
    """Counts the moments at which a process can be killed, and kills it at one of them."""

    cut_at: int = -1
    passed: int = 0

    def one(self) -> None:
        self.passed += 1
        if self.passed == self.cut_at:
            raise Cut


@dataclass
class World:
    """What steps do, as it outlives a killed process; `ends` says how a step ends that does not end well."""

    ends: Mapping[str, Outcome] = field(default_factory=dict)
    acts: list[str] = field(default_factory=list)

    def apply(self, moments: Moments) -> Callable[[Step, Systems], Outcome]:
        def act(step: Step, systems: Systems) -> Outcome:
            moments.one()
            self.acts.append(step.key)
            moments.one()
            return self.ends.get(step.key) or done(step.key)

        return act


@dataclass
class CutPen:
    """A ledger around whose every commit the process may be killed."""

    ledger: Ledger
    moments: Moments

    def done(self) -> Mapping[str, Outcome]:
        return self.ledger.done()

    def about(self, job: Job) -> None:
        self.ledger.about(job)

    def append_all(self, events: Iterable[Event]) -> None:
        self.moments.one()
        self.ledger.append_all(events)
        self.moments.one()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "state", OPERATOR, 1) as opened:
        yield opened


def run(
    plan: FixedPlan, ledger: Ledger, world: World, moments: Moments | None = None, seed: int | None = None
) -> list[Event]:
    moments = moments or Moments()
    crew = InlineCrew(world.apply(moments), NO_SYSTEMS, None if seed is None else Random(seed))
    return list(execute(plan, CutPen(ledger, moments), crew, CAPACITY))


ITEM = ManualItem("item-1", "doubt", "alice", "web1/database/shop", "Which one?")
SWITCH = job("switch", step("switch.0", "database/db1"), step("switch.1"), after=("load",))
PLAN = FixedPlan(
    jobs=(
        job("load", step("load.0", "source/backup1", "database/db1")),
        job("mail", step("mail.0", "mail/mail1"), step("mail.1", "mail/mail1")),
        job("doubt", step("doubt.0", "worker"), step("doubt.1", "worker")),
        job("broken", step("broken.0", "worker"), step("broken.1", "worker")),
        job("last", after=("mail", "broken")),
    ),
    learned={
        "load.0": Learned((SWITCH,), (ITEM,)),
        "switch.1": Learned((job("account", after=("switch", "mail")),)),
    },
    items=(ManualItem("item-0", "doubt", "bob", "web1/database/shop", "Whose?"),),
)
ENDS: dict[str, Outcome] = {"doubt.0": manual("doubt.0"), "broken.0": failed("broken.0")}


def left_behind(ledger: Ledger) -> tuple[dict[str, Outcome], set[str]]:
    return dict(ledger.done()), {item.item.id for item in ledger.queue}


def test_a_run_cut_at_any_commit_or_act_and_run_again_ends_as_if_it_had_not_been_cut(tmp_path: Path) -> None:
    def end(name: str, cut_at: int) -> tuple[Moments, tuple[dict[str, Outcome], set[str]], set[str]]:
        world = World(ENDS)
        moments = Moments(cut_at)
        with Ledger.open(tmp_path / name, OPERATOR, 1) as first, suppress(Cut):
            run(PLAN, first, world, moments, seed=cut_at)
        with Ledger.open(tmp_path / name, OPERATOR, 2) as second:
            run(PLAN, second, world)
            return moments, left_behind(second), set(world.acts)

    uncut = end("uncut", -1)
    cuts = [end(f"cut-{at}", at) for at in range(1, uncut[0].passed + 1)]

    assert len(cuts) > 25
    assert [cut[1:] for cut in cuts] == [uncut[1:]] * len(cuts)
    assert set(uncut[1][0]) == uncut[2] - set(ENDS)


def test_no_step_acts_before_its_beginning_is_on_disk(ledger: Ledger) -> None:
    world = World()
    recorded: list[set[str]] = []

    class Watching(CutPen):
        def append_all(self, events: Iterable[Event]) -> None:
            events = list(events)
            super().append_all(events)
            recorded.append({event.key for event in events if isinstance(event, Started)})

    def act(step: Step, systems: Systems) -> Outcome:
        assert step.key in set().union(*recorded)
        world.acts.append(step.key)
        return done(step.key)

    list(execute(PLAN, Watching(ledger, Moments()), InlineCrew(act, NO_SYSTEMS), CAPACITY))

    assert sorted(world.acts) == sorted(set().union(*recorded))


def test_a_second_run_does_nothing_that_stands_done_and_still_learns_from_it(ledger: Ledger) -> None:
    run(PLAN, ledger, World())
    world = World()
    wider = FixedPlan(PLAN.jobs, {**PLAN.learned, "account.0": Learned((job("new"),))}, PLAN.items)

    run(wider, ledger, world)

    assert world.acts == ["new.0"]


def test_questions_of_the_plan_of_outcomes_and_of_steps_all_reach_the_queue(ledger: Ledger) -> None:
    events = run(PLAN, ledger, World(ENDS))

    assert {event.item.id: event.step for event in events if isinstance(event, Asked)} == {
        "item-0": "",
        "item-1": "load.0",
    }
    assert {item.item.id for item in ledger.queue} == {"item-0", "item-1", "item-doubt.0"}


def test_what_follows_from_a_failure_is_recorded_with_it_and_learned_too(ledger: Ledger) -> None:
    learned: list[str] = []

    class Listening(FixedPlan):
        def learn(self, outcome: Outcome) -> Learned:
            learned.append(outcome.key)
            return super().learn(outcome)

    plan = Listening((job("a", step("a.0"), step("a.1")),))
    events = run(plan, ledger, World({"a.0": failed("a.0")}))

    assert (events, learned) == (
        [Started("a.0"), failed("a.0"), Abandoned("a.1", "a.0 failed: a.0 broke")],
        ["a.0", "a.1"],
    )


def test_a_failure_that_reaches_the_run_leaves_the_rest_abandoned(ledger: Ledger) -> None:
    plan = FixedPlan([job(f"j{n}") for n in range(5)])

    events = run(plan, ledger, World({"j0.0": failed("j0.0", Scope.RUN)}))

    assert [event.key for event in events if isinstance(event, Abandoned)] == ["j2.0", "j3.0", "j4.0"]


def test_a_drained_run_lets_what_was_begun_end_and_the_next_run_does_the_rest(ledger: Ledger) -> None:
    plan = FixedPlan([job(f"j{n}") for n in range(5)])
    world = World()
    crew = InlineCrew(world.apply(Moments()), NO_SYSTEMS)

    for event in execute(plan, ledger, crew, CAPACITY):
        if isinstance(event, Started):
            crew.drain()
    first = list(world.acts)
    run(plan, ledger, world)

    assert (first, sorted(world.acts)) == (["j0.0", "j1.0"], [f"j{n}.0" for n in range(5)])


def test_a_cancelled_run_abandons_what_was_begun_and_the_next_run_does_it(ledger: Ledger) -> None:
    plan = FixedPlan([job("a")])
    world = World()
    crew = InlineCrew(world.apply(Moments()), NO_SYSTEMS)
    events = []
    for event in execute(plan, ledger, crew, CAPACITY):
        events.append(event)
        crew.cancel()

    again = run(plan, ledger, world)

    assert (events, again) == (
        [Started("a.0"), Abandoned("a.0", STOPPED)],
        [Started("a.0"), done("a.0")],
    )


def test_a_plan_that_can_never_end_is_refused_loudly_once_the_rest_is_done(ledger: Ledger) -> None:
    plan = FixedPlan([job("a"), job("b", after=("never",))])
    world = World()

    with pytest.raises(PlanBroken, match="b waits for never"):
        run(plan, ledger, world)

    assert (world.acts, set(ledger.done())) == (["a.0"], {"a.0"})


def test_a_step_that_was_done_in_part_lets_its_job_go_on(ledger: Ledger) -> None:
    part = Partial("a.0", done("a.0").fact, ("one message: unreadable",))

    events = run(FixedPlan([job("a", step("a.0"), step("a.1"))]), ledger, World({"a.0": part}))

    assert events[1:] == [part, Started("a.1"), done("a.1")]


def test_the_watcher_is_told_how_far_each_kind_is_after_every_commit(ledger: Ledger) -> None:
    seen: list[tuple[int, int]] = []

    def watch(counts: Mapping[str, Counts]) -> None:
        seen.append((counts["look"].running, counts["look"].steps_ended))

    crew = InlineCrew(World().apply(Moments()), NO_SYSTEMS)
    for _ in execute(FixedPlan([job("a"), job("b"), job("c")]), ledger, crew, CAPACITY, watch):
        pass

    assert seen == [(2, 0), (2, 1), (1, 2), (0, 3)]


def test_the_same_question_again_is_not_recorded_again(ledger: Ledger) -> None:
    run(PLAN, ledger, World(ENDS))
    head = ledger.head.seq

    events = run(FixedPlan((), items=PLAN.items), ledger, World())

    assert (events, ledger.head.seq) == ([Asked(PLAN.items[0])], head)


def test_a_learned_job_whose_outcome_was_recorded_but_not_acted_on_is_done_by_the_next_run(
    ledger: Ledger,
) -> None:
    ledger.append_all([Started("load.0"), done("load.0")])
    world = World()

    run(PLAN, ledger, world)

    assert ("load.0" in world.acts, "switch.1" in world.acts) == (False, True)
    assert isinstance(ledger.done()["account.0"], Done)
