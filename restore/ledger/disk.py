"""Files of the state folder: for their owner alone, and on disk before anything follows from them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from restore.errors import StateUnsafe, StateUnwritable


def private_folder(folder: Path) -> None:
    """Make the folder (0700) or check that it is ours alone; raises StateUnsafe, StateUnwritable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise StateUnwritable(f"the folder {folder} cannot be made: {error.strerror}") from error
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise StateUnsafe(
            f"{folder} has owner {found.st_uid} and mode {found.st_mode & 0o7777:04o}: others may enter"
        )


def sync_folder(folder: Path) -> None:
    """Bring names made, renamed or removed in a folder to disk (fsync(2) on the folder itself)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_whole(path: Path, content: bytes) -> None:
    """Make or replace a 0600 file, whole and on disk or not at all; raises StateUnwritable."""
    part = path.with_name(f".{path.name}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(part, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StateUnwritable(f"{path} could not be written: {error.strerror}") from error
