"""What a worker process owes its coordinator: to die with it, to leave ^C to it, to keep off its screen."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Let the kernel kill this process when that parent dies, however it dies (prctl(2), PR_SET_PDEATHSIG).

    A parent that died before this call has no death to signal any more: then this process ends at once.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl(PR_SET_PDEATHSIG): {os.strerror(number)}")
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)


def leave_interrupts() -> None:
    """Ignore ^C: the terminal sends it to the whole process group, and the coordinator decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def speak_into(log: Path) -> None:
    """Everything that this process prints, and its libraries, goes to the end of that file (0600)."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Threads and processes that are started meanwhile never get ^C. (A resource tracker that is started first
    would let it through again.)"""
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _LogFile(logging.FileHandler):
    """A log whose disk may be full: a line that cannot be written is lost, and no traceback fills the screen."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """The run itself meets the full disk, and says so."""


@contextmanager
def logging_into(log: Path, names: Sequence[str]) -> Iterator[None]:
    """Warnings of these loggers go into a file (0600) meanwhile, not onto the operator's screen."""
    os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    handler = _LogFile(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    loggers = [logging.getLogger(name) for name in names]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    for logger in loggers:
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        for logger, handlers, level, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)
        with suppress(OSError):  # what a full disk did not take is lost with it
            handler.close()
