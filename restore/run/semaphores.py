"""Named semaphores that killed processes left in /dev/shm (sem_overview(7)): Dask's nannies make some for each worker,
and what would remove them is killed with its process group."""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

SHM = Path("/dev/shm")  # noqa: S108 - where the C library keeps them
OLD_SECONDS = 600.0


def sweep_semaphores(age: float = OLD_SECONDS) -> int:
    """Remove those of Python's that are ours, that old (seconds), and in use by no living process; how many."""
    left = {}
    with suppress(FileNotFoundError):
        for path in SHM.glob("sem.mp-*"):
            with suppress(FileNotFoundError):
                found = path.lstat()
                ours = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()
                if ours and time.time() - found.st_mtime >= age:
                    left[found.st_ino] = path
    if left:
        for inode in _mapped():
            left.pop(inode, None)
    for path in left.values():
        path.unlink(missing_ok=True)
    return len(left)


def _mapped() -> set[int]:
    """The inodes in SHM that processes have mapped; a name says nothing, since it is given after the mapping."""
    found = set()
    for maps in Path("/proc").glob("[0-9]*/maps"):
        with suppress(
            OSError
        ):  # it has ended, or is somebody else's, who cannot have mapped what is ours alone
            for line in maps.read_bytes().splitlines():
                words = line.split(None, 5)
                if len(words) == 6 and words[5].startswith(b"/dev/shm/sem."):
                    found.add(int(words[4]))
    return found
