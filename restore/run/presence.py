"""A worker process that falls silent is ended by the kernel before its steps may be given to another.

While a step is under way a timer runs that sends SIGKILL when it ends (timer_create(2), on CLOCK_BOOTTIME). A thread
winds it up again and again, each time only after the coordinator's desk has answered. A process that was stopped, or
cut off, or whose coordinator is gone, is therefore dead when its lease ends, and no act of it comes late: SIGKILL
reaches a stopped process too, and one whose whole host stood still before any other instruction of it (signal(7)).
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from restore.errors import CoordinatorGone, Fenced

SHARE = 0.8  # of a lease: the rest is for clocks and the way there
TURNS = 8
SIGEVENT_BYTES = 64


class _Event(ctypes.Structure):
    """struct sigevent, its beginning (SIGEV_SIGNAL is 0)."""

    _fields_ = (
        ("value", ctypes.c_void_p),
        ("signo", ctypes.c_int),
        ("notify", ctypes.c_int),
        ("rest", ctypes.c_char * (SIGEVENT_BYTES - 16)),
    )


class _Times(ctypes.Structure):
    """struct itimerspec."""

    _fields_ = tuple((name, ctypes.c_long) for name in ("again", "again_ns", "seconds", "nanoseconds"))


class Deadline:
    """A timer that kills this process unless it is set again. Raises OSError where the kernel gives none."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._timer = ctypes.c_void_p()
        event = _Event(signo=signal.SIGKILL)
        made = self._libc.timer_create(time.CLOCK_BOOTTIME, ctypes.byref(event), ctypes.byref(self._timer))
        _check(made)

    def set(self, seconds: float) -> None:
        """Die so many seconds from now; 0: never."""
        whole, part = divmod(seconds, 1)
        times = _Times(seconds=int(whole), nanoseconds=int(part * 1e9))
        _check(self._libc.timer_settime(self._timer, 0, ctypes.byref(times), None))

    def close(self) -> None:
        """Give the timer back."""
        _check(self._libc.timer_delete(self._timer))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"a timer: {os.strerror(number)}")


class Presence:
    """Says that this process lives while it carries steps. `beat` asks the desk, with the keys of these steps, and
    raises where it does not answer as wished; with a lease of `lease` seconds the process lives at most SHARE of it
    past the last answer."""

    def __init__(self, beat: Callable[[Collection[str]], None], lease: float) -> None:
        self._beat = beat
        self._seconds = lease * SHARE
        self._deadline = Deadline()
        self._steps: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._over = threading.Event()
        threading.Thread(target=self._go_on, name="presence", daemon=True).start()

    @property
    def busy(self) -> bool:
        """Whether a step is under way."""
        return bool(self._steps)

    @contextmanager
    def carrying(self, step: str) -> Iterator[None]:
        """This step is under way meanwhile."""
        with self._lock:
            if not self._steps:
                self._deadline.set(self._seconds)
            self._steps[step] += 1
        try:
            yield
        finally:
            with self._lock:
                self._steps -= Counter([step])
                if not self._steps:
                    self._deadline.set(0)

    def close(self) -> None:
        """No more beats; no step may be under way."""
        self._over.set()
        self._deadline.close()

    def _go_on(self) -> None:
        while not self._over.wait(self._seconds / TURNS):
            with self._lock:
                steps = list(self._steps)
            if steps:
                self._once(steps)

    def _once(self, steps: Collection[str]) -> None:
        asked = time.clock_gettime(time.CLOCK_BOOTTIME)
        try:
            self._beat(steps)
        except (CoordinatorGone, Fenced):
            return  # the timer runs on
        with self._lock:
            left = self._seconds - (time.clock_gettime(time.CLOCK_BOOTTIME) - asked)
            if self._steps and left > 0:
                self._deadline.set(left)
