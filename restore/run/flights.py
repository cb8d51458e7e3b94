"""Steps on their way to a worker and back: which try of each it is, and when it may go out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from restore.model.plan import Step


class Task(Protocol):
    """What carries a step that was sent out (a distributed.Future)."""

    @property
    def status(self) -> str | None:
        """One of pending, finished, error, lost, cancelled; None for a task that nobody knows."""

    def exception(self) -> BaseException | None:
        """What the task raised, with its traceback."""


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds before a step is tried on a server that has failed once, twice, ..., and before one whose worker
    died is sent out again (longer than a lease), as many times as there are."""

    suspect: tuple[float, ...] = (30.0, 120.0, 600.0)
    lost: tuple[float, ...] = (35.0, 70.0)


@dataclass(slots=True)
class Flight:
    """A step that was begun: `ticket` names this try of it, `future` its task once it was sent out at `due`."""

    step: Step
    due: float
    ticket: str
    losses: int = 0
    future: Task | None = None
    silent: bool = False


def sort_out(
    waiting: Sequence[Flight], flights: Iterable[Flight], now: float
) -> tuple[list[Flight], list[Flight]]:
    """Of those that wait, who goes out now and who waits on; `flights` are all that are under way.

    A step that has lost two workers goes out when no other such step is out, so that one which kills its worker
    takes no innocent neighbour down with it each time.
    """
    alone = any(flight.losses > 1 and flight.future is not None for flight in flights)
    out: list[Flight] = []
    still: list[Flight] = []
    for flight in waiting:
        goes = flight.due <= now and not (alone and flight.losses > 1)
        alone = alone or (goes and flight.losses > 1)
        (out if goes else still).append(flight)
    return out, still
