"""What operators ask of the run under way, on its way from their connections' threads to the one that coordinates."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Protocol

from restore.errors import RestoreError
from restore.model.operator import Operator
from restore.model.plan import Learned
from restore.run.schedule import Schedule

WAIT_SECONDS = 0.25
CLOSED: Mapping[str, object] = {"closed": True}
LAST = frozenset({"ok", "error", "closed"})


class Requests(Protocol):
    """What a run is asked while it is on (verbs/serving.py); the executor takes it up between two ticks."""

    def take(self, schedule: Schedule) -> Learned:
        """Take up all that was asked since: changes the schedule at once; what it makes decidable, with jobs decided
        anew. What is accepted stands in the ledger when this returns."""

    def wait(self) -> None:
        """Wait until something is asked, a moment at most."""

    def close(self) -> bool:
        """Take nothing more, unless something was asked already: then False."""


class NoRequests:
    """Nobody asks anything."""

    def take(self, schedule: Schedule) -> Learned:
        return Learned()

    def wait(self) -> None: ...

    def close(self) -> bool:
        return True


@dataclass(eq=False, slots=True)
class Request:
    """What one operator asks, as it came over the wire, and the way of the answers back to him; not `heard`: of one who
    asked an earlier run, and whom no answer reaches."""

    said: Mapping[str, Any]
    asker: Operator
    heard: bool = True
    _replies: SimpleQueue[Mapping[str, object]] = field(default_factory=SimpleQueue)

    def reply(self, message: Mapping[str, object]) -> None:
        """Tell the asker; one that hung up hears nothing, and what he asked goes on."""
        if self.heard:
            self._replies.put(message)

    def refuse(self, error: RestoreError) -> None:
        """Tell the asker why not, which is the end of it."""
        self.reply({"error": {"code": error.code, "message": error.message, "kept": error.kept}})

    def replies(self) -> Iterator[Mapping[str, object]]:
        """All that is told, to the end; waits for it."""
        while True:
            message = self._replies.get()
            yield message
            if not LAST.isdisjoint(message):
                return


class Inlet:
    """Requests that wait to be taken up. Safe to use from several threads; `wake` is called after each."""

    def __init__(self) -> None:
        self._asked: deque[Request] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self.wake: Callable[[], None] = lambda: None

    def ask(self, said: Mapping[str, Any], asker: Operator) -> Iterator[Mapping[str, object]]:
        """All that is said of a request until its end; called in the thread of the asker's connection."""
        request = Request(said, asker)
        with self._changed:
            if self._closed:
                return iter((CLOSED,))
            self._asked.append(request)
            self._changed.notify_all()
        self.wake()
        return request.replies()

    def next(self) -> Request | None:
        """What was asked first of all that waits; None where nothing does."""
        with self._changed:
            return self._asked.popleft() if self._asked else None

    def wait(self) -> None:
        """Wait until something is asked, a moment at most."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._asked), WAIT_SECONDS)

    def close(self, *, at_once: bool = False) -> bool:
        """Take nothing more, and True; False where something waits, unless `at_once`: then it is sent away, to be
        asked again of whoever comes next."""
        with self._changed:
            if self._asked and not at_once:
                return False
            self._closed = True
            left = tuple(self._asked)
            self._asked.clear()
        for request in left:
            request.reply(CLOSED)
        return True
