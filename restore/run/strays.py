"""Workers that an earlier coordinator left behind: one may be within its lease, about to act. Nothing is given out
until all of them are gone, or must have noticed.

A worker on this host holds a shared lock on its epoch's file as long as it lives (flock(2)). Of workers on other hosts
only a mark is left that there were some: each of them is dead or fenced one lease after its coordinator ended
(presence.py).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from restore.ledger import disk
from restore.request import workers_path

POLL_SECONDS = 0.1


def elsewhere_path(socket: Path, epoch: int) -> Path:
    """The mark beside the socket that workers on other hosts carry steps of an epoch."""
    return socket.with_name(f"elsewhere.{epoch}")


def await_strays(socket: Path, epoch: int, lease: float, notify: Callable[[str], None]) -> None:
    """Wait for workers of earlier epochs, at most one lease of so many seconds. Raises OSError."""
    mine = workers_path(socket, epoch)
    end = time.monotonic() + lease
    for path in set(mine.parent.glob("workers.*")) - {mine}:
        _await_deaths(path, end, lease, notify)
        path.unlink()
    marks = set(mine.parent.glob("elsewhere.*")) - {elsewhere_path(socket, epoch)}
    if marks:
        notify(
            f"an earlier run was cut off from workers on other hosts; waiting {lease:g} s for their leases"
        )
        time.sleep(max(0.0, end - time.monotonic()))
    for path in marks:
        path.unlink()
    if not mine.exists():
        disk.write_whole(mine, b"")


def _await_deaths(path: Path, end: float, lease: float, notify: Callable[[str], None]) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if not _alone(handle):
            notify(f"workers of an earlier run still live; waiting {lease:g} s at most")
        while not _alone(handle) and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
    finally:
        os.close(handle)


def _alone(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
