"""The heart: begin what may begin, remember what ended, add what was learned. Knows no kinds of step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from restore.ledger.events import Asked, Event, Started, Undone
from restore.model.outcome import Outcome
from restore.model.plan import Capacity, Job, Learned, Plan
from restore.run.crew import Crew
from restore.run.inlet import NoRequests, Requests
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
    requests: Requests | None = None,
) -> Iterator[Event]:
    """Carry out a plan as it grows; yields every event once it is recorded. `watch` is told after each commit
    how far each kind of job is, and `requests` are taken up as they come in (call crew.wake() then).

    One commit a tick: what ended, what follows from it, and what begins next, before its first byte leaves.
    Killed anywhere, the next run learns from the ledger what this one knew. Raises what the ledger raises,
    and PlanBroken for a plan that can never end.
    """
    inlet = requests or NoRequests()
    run = _Run(plan, ledger, crew, Schedule((), ledger.done(), capacity), inlet)

    def turn(events: list[Event]) -> list[Event]:
        run.begin(events)
        watch(run.schedule.counts)
        return events

    yield from turn([*map(Asked, plan.items), *run.follow(run.add(Learned(tuple(plan.jobs)))), *run.hear()])
    while True:
        for outcomes in crew.ready():
            yield from turn([*run.end(outcomes), *run.hear()])
        if not run.goes_on():
            break
        yield from turn(run.hear())
    run.schedule.check_end()


@dataclass(frozen=True, slots=True)
class _Run:
    """What a tick is made of."""

    plan: Plan
    ledger: Pen
    crew: Crew
    schedule: Schedule
    inlet: Requests

    def add(self, learned: Learned) -> tuple[Outcome, ...]:
        """Take in what was learned; what is abandoned by that at once."""
        withdrawn = self.schedule.withdraw(learned.withdrawn)
        for job in learned.jobs:
            self.ledger.about(job)
        return (*withdrawn, *self.schedule.add(learned.jobs, anew=learned.anew))

    def end(self, outcomes: Iterable[Outcome]) -> list[Event]:
        """These ends, and all that follows; a step that is put back has not ended: the plan learns nothing of it."""
        events: list[Event] = []
        ended: list[Outcome] = []
        for one in outcomes:
            again = self.schedule.put_back(one)
            if again is not None:
                events.append(again)
            else:
                ended += (one, *self.schedule.end(one))
        return [*events, *self.follow(ended)]

    def follow(self, ended: Iterable[Outcome]) -> list[Event]:
        """These ends, and all that follows from them."""
        events: list[Event] = list(ended)
        unlearned = deque((*ended, *self.schedule.recorded()))
        while unlearned:
            outcome = unlearned.popleft()
            learned = self.plan.learn(outcome)
            abandoned = self.add(learned)
            events += (*_news(learned, outcome.key), *abandoned)
            unlearned += (*abandoned, *self.schedule.recorded())
        return events

    def hear(self) -> list[Event]:
        """All that follows from what was asked since."""
        learned = self.inlet.take(self.schedule)
        if learned.anew:
            self.schedule.know(self.ledger.done())
        return [*_news(learned, ""), *self.follow(self.add(learned))]

    def begin(self, events: list[Event]) -> None:
        """Record these events, and after them what begins now, before it begins."""
        if self.crew.draining:
            self.schedule.drain()
        steps = self.schedule.begin()
        events += (Started(step.key) for step in steps)
        if events:
            self.ledger.append_all(events)
        for step in steps:
            self.crew.begin(step, self.schedule.pause(step))

    def goes_on(self) -> bool:
        """Whether there is more to come though nothing is under way: a pause, or something asked at the last moment."""
        if self.crew.draining:
            return False
        if self.schedule.paused and not self.schedule.idle:
            self.inlet.wait()
            return True
        return not self.inlet.close()


def _news(learned: Learned, step: str) -> list[Event]:
    return [*(Asked(item, step) for item in learned.items), *map(Undone, learned.gone)]
