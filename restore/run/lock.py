"""One coordinator per incident: the state folder's lock (flock(2)), and the epoch that fences its predecessors."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from restore.errors import LedgerMissing, RunInProgress, StateUnsafe, StateUnwritable
from restore.ledger import disk
from restore.ledger.reading import Reading
from restore.model.operator import Operator

LOCK = "lock"
EPOCH = "epoch"
TRIES = 10
PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Holder:
    """Who coordinates: since when (UTC, ISO 8601), which epoch, which incident file (SHA-256, hex)."""

    operator: Operator
    started: str
    epoch: int
    incident: str

    def __str__(self) -> str:
        return f"{self.operator.name} on {self.operator.host} (pid {self.operator.pid}) since {self.started}"


@contextmanager
def hold(state: Path, operator: Operator, incident: str) -> Iterator[Holder]:
    """Be the coordinator of this state folder (made 0700 if there is none) for as long as the context lasts.

    A new epoch, above every epoch in the epoch file and the ledger, is on disk before this yields. The lock goes
    with the process, however it ends; it is not inherited over exec. Raises RunInProgress, naming the other's
    operator, host and start; StateUnsafe, StateUnwritable.
    """
    disk.private_folder(state)
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        handle = os.open(state / LOCK, flags, 0o600)
    except OSError as error:
        raise StateUnwritable(f"the lock {state / LOCK} cannot be made: {error.strerror}") from error
    try:
        if not _locked(handle):
            raise RunInProgress(
                f"a run is on: {_said(handle) or 'its operator has not been written down yet'}"
            )
        os.ftruncate(handle, 0)
        mine = Holder(
            operator, datetime.now(UTC).isoformat(timespec="seconds"), _raise_epoch(state), incident
        )
        _sign(handle, mine, state / LOCK)
        yield mine
    finally:
        os.close(handle)


def _sign(handle: int, mine: Holder, path: Path) -> None:
    try:
        os.pwrite(handle, json.dumps(asdict(mine)).encode("ascii"), 0)
    except OSError as error:
        raise StateUnwritable(f"the lock {path} cannot be written: {error.strerror}") from error


def holder(state: Path) -> Holder | None:
    """Who coordinates this state folder now; None where nobody does. Raises StateUnsafe where the folder is not
    ours to look into."""
    try:
        handle = os.open(state / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise StateUnsafe(f"{state} belongs to somebody else: {error.strerror}") from error
    try:
        for _ in range(TRIES):
            if _try(handle, fcntl.LOCK_SH):
                return None
            found = _said(handle)
            if found is not None:
                return found
            time.sleep(PAUSE_SECONDS)
        return None
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    """Take the lock; somebody's look at it (holder() takes it for a moment) is waited out."""
    for _ in range(TRIES):
        if _try(handle, fcntl.LOCK_EX):
            return True
        time.sleep(PAUSE_SECONDS)
    return False


def _try(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _said(handle: int) -> Holder | None:
    """What the holder wrote; None while he has not."""
    try:
        said = json.loads(os.pread(handle, 65536, 0))
    except ValueError:
        return None
    return Holder(Operator(**said["operator"]), said["started"], said["epoch"], said["incident"])


def _raise_epoch(state: Path) -> int:
    path = state / EPOCH
    kept = int(path.read_text("ascii")) if path.exists() else 0
    epoch = max(kept, _ledger_epoch(state)) + 1
    disk.write_whole(path, f"{epoch}\n".encode())
    return epoch


def _ledger_epoch(state: Path) -> int:
    try:
        with Reading.open(state) as reading:
            return reading.epoch()
    except LedgerMissing:
        return 0
