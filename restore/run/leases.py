"""Who may act on which step: one worker at a time, and none of an earlier epoch."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from restore.errors import Fenced
from restore.model.text import safe

LEASE_SECONDS = 30.0


@dataclass(slots=True)
class _Step:
    """`holder` may act until `until`; the `fenced` may not any more. Not `begun`: nobody may, but a lease whose
    holder's end was not seen runs on."""

    begun: bool = False
    holder: str = ""
    until: float = 0.0
    fenced: set[str] = field(default_factory=set)


class Leases:
    """The steps that are begun and who carries each. Safe to use from several threads."""

    def __init__(
        self, epoch: int, seconds: float = LEASE_SECONDS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._epoch = epoch
        self.seconds = seconds
        self._clock = clock
        self._steps: dict[str, _Step] = {}
        self._lock = threading.Lock()

    def allow(self, steps: Iterable[str]) -> None:
        """These steps are begun: the first worker that calls for one holds it. Call before a step is sent out."""
        with self._lock:
            for step in steps:
                self._steps.setdefault(step, _Step()).begun = True

    def withdraw(self, steps: Iterable[str]) -> None:
        """These steps have ended, as their workers said: whoever still calls for one is fenced."""
        with self._lock:
            for step in steps:
                self._steps.pop(step, None)

    def lose(self, steps: Iterable[str]) -> None:
        """These steps are over, but nobody saw their workers end (a worker lost, a time-out): whoever calls is
        fenced, the last holder for good, and where such a step is begun again, his lease is waited out first."""
        with self._lock:
            for step in steps:
                state = self._steps.get(step)
                if state is not None:
                    state.begun = False
                    state.fenced |= {state.holder} - {""}

    def present(self, epoch: int, steps: Iterable[str], process: str) -> None:
        """Let a process whose workers' names begin with `process` live on while it carries these steps, or raise
        Fenced where one of them is another's by now."""
        with self._lock:
            if epoch != self._epoch:
                raise Fenced(f"a worker is of epoch {epoch}; epoch {self._epoch} has taken over")
            for step in steps:
                state = self._steps.get(step)
                if state is not None and any(one.startswith(process) for one in state.fenced):
                    raise Fenced(f"step {safe(step)} was taken from this worker")

    def check(self, epoch: int, step: str, worker: str) -> None:
        """Let the worker act on the step for another lease, or raise Fenced."""
        with self._lock:
            if epoch != self._epoch:
                raise Fenced(f"step {safe(step)} is of epoch {epoch}; epoch {self._epoch} has taken over")
            state = self._steps.get(step)
            if state is None or not state.begun:
                raise Fenced(f"step {safe(step)} is not under way any more")
            now = self._clock()
            if worker in state.fenced:
                raise Fenced(f"step {safe(step)} was taken over by another worker")
            if state.holder not in ("", worker):
                if now < state.until:
                    raise Fenced(
                        f"step {safe(step)} is held by another worker for {state.until - now:.0f} s more"
                    )
                state.fenced.add(state.holder)
            state.holder, state.until = worker, now + self.seconds
