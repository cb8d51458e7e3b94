"""A plan carried out by the coordinator: shown as it goes on, drained by ^C, and open to what operators ask."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType

from restore.elsewhere import cautions, crew_elsewhere
from restore.ledger.events import Asked, Drained, Event
from restore.model.outcome import Failed, Manual, Outcome
from restore.model.plan import Plan
from restore.model.survey import Narrowing
from restore.plan.bulk import capacity
from restore.plan.undo import UndoPlan
from restore.run.crew import Crew
from restore.run.execute import execute
from restore.run.tracks import Counts
from restore.verbs.attending import AttendedPen, attending
from restore.verbs.clustering import cluster_of
from restore.verbs.screen import Screen, incident_of, operator_of
from restore.wiring import Office, office

DRAINED = "drained"


@dataclass(frozen=True, slots=True)
class Carried:
    """The last outcome of every step of the plan itself, and the ids of all questions that came up."""

    ends: dict[str, Outcome]
    asked: set[str]


@contextmanager
def coordinating(options: Namespace, screen: Screen, command: str = "") -> Iterator[Office]:
    """Be the coordinator; `command` is for the record what was typed, where that is more than the verb."""
    who, cluster, incident = operator_of(options), cluster_of(options), incident_of(options)
    for line in cautions(incident) if cluster else ():
        screen.warn(line)
    with office(incident, who, command or options.verb, screen.warn) as opened:
        if cluster:
            opened.hire = partial(crew_elsewhere, cluster)
        yield opened


def carry_out(
    here: Office,
    work: Plan,
    screen: Screen,
    *,
    steps: bool = True,
    again: bool = False,
    covers: Narrowing | None = None,
) -> Carried:
    """Execute a plan to its end, showing its steps or not. `covers` is what the plan restores, None where it restores
    nothing; what operators ask meanwhile is done too, and shown. One that writes to targets first takes up what was
    asked of runs that were killed."""
    ends: dict[str, Outcome] = {}
    asked: set[str] = set()
    display = screen.display(steps=steps)
    writes = covers is not None or isinstance(work, UndoPlan)
    with (
        here.crew(display.bytes) as crew,
        _interrupts(crew, screen),
        attending(here, work, covers, crew, finishes=writes) as attendant,
    ):
        attendant.tell = screen.warn

        def watch(counts: Mapping[str, Counts]) -> None:
            display.counts(counts)
            attendant.finish()

        pen = AttendedPen(here.pen(again=again), attendant)
        try:
            for event in execute(attendant.plan, pen, crew, capacity(here.incident), watch, attendant):
                display.event(event)
                asked.update(_questions(event))
                if isinstance(event, Outcome) and attendant.is_own(event.key):
                    ends[event.key] = event
        finally:
            display.close()
        here.because = _ended(ends)
        if crew.draining:
            if not attendant.drained:
                here.ledger.append_all([Drained("asked to by ^C or SIGTERM")])
            here.because = DRAINED
    return Carried(ends, asked)


def _ended(ends: Mapping[str, Outcome]) -> str:
    """How a run that came to its end is remembered."""
    failed = sum(isinstance(one, Failed) for one in ends.values())
    asked = sum(isinstance(one, Manual) for one in ends.values())
    parts = ([f"{failed:,} failed"] if failed else []) + ([f"{asked:,} wait for a person"] if asked else [])
    return ", ".join(["by itself", *parts]) if parts else "all done"


def whole_run(here: Office, screen: Screen) -> bool:
    """Whether all that could begin did; says what to do where the run was drained."""
    if here.because == DRAINED:
        screen.warn(
            "Stopped as asked: not everything has been begun. Run the same command again for the rest."
        )
    return here.because != DRAINED


@contextmanager
def _interrupts(crew: Crew, screen: Screen) -> Iterator[None]:
    """^C or SIGTERM: nothing more begins; a second one: each step stops before its next act."""

    def stop(number: int, frame: FrameType | None) -> None:
        if crew.draining:
            screen.warn("Stopping each step before its next act …")
            crew.cancel()
        else:
            screen.warn("Draining: what has begun ends, nothing more begins. ^C again stops sooner.")
            crew.drain()

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _questions(event: Event) -> tuple[str, ...]:
    if isinstance(event, Asked):
        return (event.item.id,)
    return tuple(item.id for item in event.items) if isinstance(event, Manual) else ()
