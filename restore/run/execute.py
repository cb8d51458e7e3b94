"""The heart: begin what may begin, remember what ended, add what was learned. Knows no kinds of step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from restore.ledger.events import Asked, Event, Started, Undone
from restore.model.outcome import Outcome
from restore.model.plan import Capacity, Job, Plan
from restore.run.crew import Crew
from restore.run.schedule import Schedule
from restore.run.tracks import Counts


class Pen(Protocol):
    """What the executor needs of a ledger (restore.ledger.ledger.Ledger is one)."""

    def done(self) -> Mapping[str, Outcome]:
        """The outcome of every step that stands done."""

    def about(self, job: Job) -> None:
        """Learn of a job before its first event."""

    def append_all(self, events: Iterable[Event]) -> None:
        """Record in one commit, on disk when this returns. The questions of a Manual are recorded with it."""


def ignore(counts: Mapping[str, Counts]) -> None:
    """Watch nothing."""


def execute(
    plan: Plan,
    ledger: Pen,
    crew: Crew,
    capacity: Capacity,
    watch: Callable[[Mapping[str, Counts]], None] = ignore,
) -> Iterator[Event]:
    """Carry out a plan as it grows; yields every event once it is recorded. `watch` is told after each commit
    how far each kind of job is.

    One commit a tick: what ended, what follows from it, and what begins next, before its first byte leaves.
    Killed anywhere, the next run learns from the ledger what this one knew. Raises what the ledger raises,
    and PlanBroken for a plan that can never end.
    """
    schedule = Schedule((), ledger.done(), capacity)

    def add(jobs: Iterable[Job]) -> tuple[Outcome, ...]:
        jobs = tuple(jobs)
        for job in jobs:
            ledger.about(job)
        return schedule.add(jobs)

    def follow(ended: Iterable[Outcome]) -> list[Event]:
        events: list[Event] = list(ended)
        unlearned = deque((*ended, *schedule.recorded()))
        while unlearned:
            outcome = unlearned.popleft()
            learned = plan.learn(outcome)
            abandoned = add(learned.jobs)
            events += (
                *(Asked(item, outcome.key) for item in learned.items),
                *map(Undone, learned.gone),
                *abandoned,
            )
            unlearned += (*abandoned, *schedule.recorded())
        return events

    def turn(events: list[Event]) -> list[Event]:
        if crew.draining:
            schedule.drain()
        steps = schedule.begin()
        events += (Started(step.key) for step in steps)
        if events:
            ledger.append_all(events)
        for step in steps:
            crew.begin(step, schedule.pause(step))
        watch(schedule.counts)
        return events

    yield from turn([*map(Asked, plan.items), *follow(add(plan.jobs))])
    for outcomes in crew.ready():
        yield from turn(follow([each for one in outcomes for each in (one, *schedule.end(one))]))
    schedule.check_end()
