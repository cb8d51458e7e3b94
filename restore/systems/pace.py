"""Kindness to a live mail server: one connection sends no faster than allowed, and rests when answers slow down.

After a batch that took the server much longer than its best ones, nothing is sent for as long again: the load that this
connection makes is halved while the server is busy with its users.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from restore.systems.throttle import Throttle

SLOW_SECONDS = 1.0
TIMES_THE_BEST = 4.0
LONGEST_REST = 10.0


class Pace:
    """Of one connection. `throttle` hands out bytes, to several connections where they share it."""

    def __init__(
        self,
        throttle: Throttle | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._throttle = throttle or Throttle()
        self._clock = clock
        self._sleep = sleep
        self._best = float("inf")
        self._felt = 0.0
        self._amount = 0
        self._rest = 0.0

    def before(self, amount: int) -> None:
        """Wait until so many bytes may be sent."""
        self._judge()
        if self._rest:
            self._sleep(self._rest)
            self._rest = 0.0
        self._throttle.take(amount)
        self._felt, self._amount = 0.0, amount

    @contextmanager
    def feeling(self) -> Iterator[None]:
        """Time that passes here is the server's: it takes bytes, or is waited for."""
        began = self._clock()
        try:
            yield
        finally:
            self._felt += self._clock() - began

    def _judge(self) -> None:
        if not self._amount:
            return
        took = self._felt / self._amount
        if self._felt >= SLOW_SECONDS and took > TIMES_THE_BEST * self._best:
            self._rest = min(self._felt, LONGEST_REST)
        self._best = min(self._best, took)
