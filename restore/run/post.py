"""Where steps are done: the worker's side of a crew, whatever carries the messages."""

from __future__ import annotations

import importlib
import pickle
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Protocol

from restore.errors import Cancelled
from restore.model.outcome import Outcome
from restore.model.plan import Step
from restore.model.ports import Progress, Systems
from restore.run.apply import attempt

TELL_SECONDS = 0.2

Tell = Callable[[str, bytes], None]


class OpenSystems(Systems, Protocol):
    """Systems that hold connections."""

    def close(self) -> None:
        """Give every connection back."""


SystemsFactory = Callable[[object, Callable[[str], Progress]], OpenSystems]


@dataclass(frozen=True, slots=True)
class Factory:
    """Who builds a worker's Systems: "module:function" and the plain data it is called with (paths, the epoch;
    never a secret). The function is a SystemsFactory: its second argument makes a step's Progress."""

    name: str
    argument: object = None

    def load(self) -> SystemsFactory:
        """The function itself."""
        module, _, function = self.name.partition(":")
        found: SystemsFactory = getattr(importlib.import_module(module), function)
        return found


class Post:
    """One worker process. Each of its threads has its own Systems, made at its first step and kept, so that no
    connection is ever used by two steps at once; `close` closes them all.

    `tell` carries messages to the coordinator: an outcome under `outcomes`, (step key, bytes) under `progress`.
    """

    def __init__(self, factory: Factory, tell: Tell) -> None:
        self._factory = factory
        self._tell = tell
        self._here = threading.local()
        self._opening = threading.Lock()
        self._open = ExitStack()
        self._cancelled = threading.Event()
        self._meters: dict[str, _Meter] = {}

    def carry(self, step: Step, ticket: str) -> None:
        """Do a step and tell its outcome; `ticket` says which try of it this is. Only a bug raises."""
        meter = self._meters[step.key] = _Meter(step.key, self._tell, self._cancelled)
        try:
            outcome = attempt(step, self._systems)
        finally:
            del self._meters[step.key]
            meter.tell()
        self._tell("outcomes", pickle.dumps((ticket, outcome)))

    def cancel(self) -> None:
        """Let every step stop before its next act."""
        self._cancelled.set()

    def close(self) -> None:
        """Close what the steps used."""
        self._open.close()

    def _systems(self) -> Systems:
        found: Systems | None = getattr(self._here, "systems", None)
        if found is None:
            with self._opening:
                made = self._factory.load()(self._factory.argument, self._progress)
                self._open.callback(made.close)
            found = self._here.systems = made
        return found

    def _progress(self, key: str) -> Progress:
        return self._meters[key]


class _Meter:
    """A step's Progress: adds up, and tells now and then."""

    def __init__(self, key: str, tell: Tell, cancelled: threading.Event) -> None:
        self._key = key
        self._tell = tell
        self._cancelled = cancelled
        self._untold = 0
        self._told_at = time.monotonic()

    def __call__(self, amount: int) -> None:
        self._untold += amount
        if time.monotonic() - self._told_at >= TELL_SECONDS:
            self.tell()
        if self._cancelled.is_set():
            raise Cancelled(f"{self._key} was asked to stop")

    def tell(self) -> None:
        if self._untold:
            self._tell("progress", pickle.dumps((self._key, self._untold)))
        self._untold = 0
        self._told_at = time.monotonic()


def outcome_of(message: bytes) -> tuple[str, Outcome]:
    """A message under `outcomes`: the ticket and the outcome."""
    ticket, outcome = pickle.loads(message)  # noqa: S301 (from our own worker, over mutual TLS)
    return ticket, outcome


def progress_of(message: bytes) -> tuple[str, int]:
    """A message under `progress`: the step's key and the bytes done since the last one."""
    key, amount = pickle.loads(message)  # noqa: S301 (from our own worker, over mutual TLS)
    return key, amount
