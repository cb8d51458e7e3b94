"""A run as it goes on: on a terminal one line a kind of work, with bytes, rate and time left; else plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from restore.ledger.events import Asked, Event, kind
from restore.model.facts import DumpLooked, MailboxLooked, SiteLooked, StagingSwept
from restore.model.outcome import Abandoned, Done, Failed, Manual, Outcome, Partial, Unchanged
from restore.model.text import safe
from restore.report.layout import size, span
from restore.report.queue import item_document
from restore.report.status import event_text, failure_lines

WORK = {"mail": "mail", "load": "database", "switch": "database", "account": "account", "undo": "undo"}
LOOKS = (SiteLooked, MailboxLooked, DumpLooked)
ORDER = ("look", "mail", "database", "account", "undo", "sweep")


class Counted(Protocol):
    """How far one kind of work is."""

    steps: int
    steps_ended: int
    bytes: int
    bytes_ended: int


class Display(Protocol):
    """Is told of a run; shows it somehow."""

    def event(self, event: Event) -> None:
        """An event was recorded."""

    def counts(self, counts: Mapping[str, Counted]) -> None:
        """How far each kind of work is now."""

    def bytes(self, step: str, amount: int) -> None:
        """A step moved so many more bytes."""

    def close(self) -> None:
        """The run is over."""


class Lines:
    """Plain lines: every end of a step that is news to an operator, and every question."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def event(self, event: Event) -> None:
        for line in event_lines(event):
            self._write(line)

    def counts(self, counts: Mapping[str, Counted]) -> None:
        """Lines say what ended, not how much is left."""

    def bytes(self, step: str, amount: int) -> None:
        """Lines do not show what is under way."""

    def close(self) -> None:
        """Nothing is held."""


class Documents:
    """For machines: one document an event."""

    def __init__(self, write: Callable[[object], None]) -> None:
        self._write = write

    def event(self, event: Event) -> None:
        if isinstance(event, Outcome):
            self._write({"event": kind(event), "step": safe(event.key), "text": event_text(event)})
        elif isinstance(event, Asked):
            self._write({"event": "asked", **item_document(event.item)})

    def counts(self, counts: Mapping[str, Counted]) -> None:
        """Documents say what ended, not how much is left."""

    def bytes(self, step: str, amount: int) -> None:
        """Documents do not show what is under way."""

    def close(self) -> None:
        """Nothing is held."""


def event_lines(event: Event) -> list[str]:
    """The lines an operator should read as they come up; none for what is only bookkeeping."""
    if isinstance(event, Failed):
        return [
            f"failed     {line.strip()}" if not number else line
            for number, line in enumerate(failure_lines(event.key, event))
        ]
    if isinstance(event, Done | Unchanged) and isinstance(event.fact, LOOKS):
        return []
    if isinstance(event, Done) and isinstance(event.fact, StagingSwept) and not event.fact.dropped:
        return []
    if isinstance(event, Done | Unchanged | Partial | Abandoned):
        return [f"{kind(event):<9}  {safe(event.key, 120)}  {event_text(event)}"]
    if isinstance(event, Manual):
        return [
            f"question   {item.id}  {item.cause}  {item.customer}  {item.question}" for item in event.items
        ]
    if isinstance(event, Asked):
        return [
            f"question   {event.item.id}  {event.item.cause}  {event.item.customer}  {event.item.question}"
        ]
    return []


class Live:
    """A terminal: one bar a kind of work below the lines of what went wrong or needs a person."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TaskID, TextColumn

        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=24),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            TextColumn("{task.fields[moved]}"),
            transient=False,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began: dict[str, float] = {}
        self._moved: dict[str, int] = {}
        self._counts: Mapping[str, Counted] = {}
        self._progress.start()

    def event(self, event: Event) -> None:
        if isinstance(event, Failed | Partial | Manual | Asked | Abandoned):
            for line in event_lines(event):
                self._progress.console.print(line, markup=False, highlight=False)

    def counts(self, counts: Mapping[str, Counted]) -> None:
        self._counts = counts
        for work in sorted(counts, key=lambda one: ORDER.index(one) if one in ORDER else len(ORDER)):
            if work not in self._tasks:
                self._tasks[work] = self._progress.add_task(work, total=0, moved="")
                self._began[work] = time.monotonic()
            self._show(work)

    def bytes(self, step: str, amount: int) -> None:
        work = WORK.get(step.partition("/")[0], "look")
        self._moved[work] = self._moved.get(work, 0) + amount
        if work in self._tasks:
            self._show(work)

    def close(self) -> None:
        self._progress.stop()

    def _show(self, work: str) -> None:
        counted = self._counts[work]
        seconds = max(time.monotonic() - self._began[work], 0.001)
        moved = self._moved.get(work, 0)
        shown = f"{size(moved)} {size(moved / seconds)}/s" if moved else ""
        left = (
            (counted.steps - counted.steps_ended) * seconds / counted.steps_ended
            if counted.steps_ended
            else 0
        )
        self._progress.update(
            self._tasks[work],
            total=counted.steps,
            completed=counted.steps_ended,
            moved=f"{shown}  {span(left)} left".strip() if left else shown,
        )
