"""A bandwidth cap that several threads share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Throttle:
    """Hands out bytes at `rate` a second (0: no limit), first come, first served; `rate` may be changed."""

    def __init__(
        self,
        rate: float = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free_at = 0.0
        self._lock = threading.Lock()

    def take(self, amount: int) -> None:
        """Wait until so many bytes may pass. Nobody saves up: an idle second gives no burst later."""
        with self._lock:
            if self.rate <= 0:
                return
            now = self._clock()
            start = max(now, self._free_at)
            self._free_at = start + amount / self.rate
        if start > now:
            self._sleep(start - now)

    def portion(self, most: int) -> int:
        """How many bytes to ask for at once: a quarter second's so that a slow rate flows, at most `most`."""
        return most if self.rate <= 0 else max(4096, min(most, int(self.rate / 4)))
