"""The run under way while it takes requests: for how long, and a pen by which askers hear of their part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from contextlib import contextmanager

from restore.ledger.events import Event
from restore.model.outcome import Outcome
from restore.model.plan import Job, Plan
from restore.model.survey import Narrowing
from restore.run.crew import Crew
from restore.run.execute import Pen
from restore.verbs.serving import Attendant
from restore.wiring import Office


class AttendedPen:
    """A pen by which askers hear what was recorded of their part."""

    def __init__(self, pen: Pen, attendant: Attendant) -> None:
        self._pen = pen
        self._attendant = attendant

    def done(self) -> Mapping[str, Outcome]:
        """What stands done, but for what somebody asked to be done again."""
        return Unless(self._pen.done(), self._attendant.plan.again)

    def about(self, job: Job) -> None:
        self._pen.about(job)

    def append_all(self, events: Iterable[Event]) -> None:
        recorded = list(events)
        self._pen.append_all(recorded)
        self._attendant.told(recorded)


class Unless(Mapping[str, Outcome]):
    """A mapping without these keys, as they are at the time of asking."""

    def __init__(self, found: Mapping[str, Outcome], hidden: Set[str]) -> None:
        self._found = found
        self._hidden = hidden

    def __getitem__(self, key: str) -> Outcome:
        if key in self._hidden:
            raise KeyError(key)
        return self._found[key]

    def __contains__(self, key: object) -> bool:
        return key not in self._hidden and key in self._found

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._found if key not in self._hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@contextmanager
def attending(
    here: Office, plan: Plan, covers: Narrowing | None, crew: Crew, *, finishes: bool = False
) -> Iterator[Attendant]:
    """Take requests for as long as the context lasts; `finishes`: those first that killed runs left. Where it is broken
    off, the askers are sent away: each carries on by himself what he asked for."""
    attendant = Attendant(here, plan, covers, crew, finishes=finishes)
    here.inlet.wake = crew.wake
    ended = False
    try:
        yield attendant
        ended = True
    finally:
        attendant.leave() if ended else attendant.send_away()
