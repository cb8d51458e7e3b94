"""The incident's staging folder: copies of dumps, under names made from ids, whole or not there.

A copy grows as `NAME.BOOT.part` under flock(2) and gets its name only when it is on disk with the size and time
that the survey saw. A part left by a killed worker of this same boot is what was read so far and is gone on
with; after a reboot it may have holes, so it is not used (hence BOOT).
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from detectors.walk import Entry
from restore.errors import SourceChanged, StagingFull, StateUnwritable
from restore.model.mysql import Fingerprint
from restore.model.ports import Progress
from restore.model.text import safe
from restore.systems.unpack import UnpackLimits, unpack
from restore.systems.unpack_salvage import Hole, salvaged_bytes

FULL = (errno.ENOSPC, errno.EDQUOT)
CHUNK = 1 << 20
POLL = 0.2
FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Origin(Protocol):
    """Where a file is copied from: a source, or what gives a part of one of its files."""

    def lstat(self, path: bytes) -> Entry | None:
        """As Source.lstat."""

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        """As Source.stream."""


class StagingFolder:
    """Satisfies restore.model.ports.Staging. `folder` is made with mode 0700 where it is missing."""

    def __init__(self, folder: Path, limits: UnpackLimits | None = None) -> None:
        self._folder = folder
        self._limits = limits or UnpackLimits()
        self._boot = BOOT_ID.read_text()[:8]
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def fetch(self, source: Origin, file: Fingerprint, progress: Progress) -> None:
        """Copy a file of a source here; one that is here whole already is used again.

        Raises what the source raises (what was read so far is kept), StagingFull and SourceChanged (size or
        mtime are no longer the fingerprint's; in both cases the part is removed), StateUnwritable.
        """
        name = self._path(file)
        with self._errors(file), self._part(name, progress) as part:
            if self._whole(name, file):
                return
            _check(source, file)
            self._copy(source, file, part, progress)
            _check(source, file)
            os.rename(self._part_path(name), name)
            self._sync_folder()
            self._remove_parts(name)

    def plain(self, file: Fingerprint) -> Iterator[bytes]:
        """The staged copy's content in chunks, unpacked by what its first bytes say.

        Raises DumpDamaged where the compression is cut or broken, DumpTooLarge beyond the limits; what was
        yielded before either is not to be trusted as whole.
        """
        with self._errors(file), open(self._path(file), "rb") as staged:
            os.posix_fadvise(staged.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
            yield from unpack(staged, file.size, f"{file.source}: {safe(file.path)}", self._limits)

    def salvaged(self, file: Fingerprint) -> Iterator[bytes | Hole]:
        """The same as far as it can be had of a damaged copy; nothing is raised for damage."""
        with self._errors(file), open(self._path(file), "rb") as staged:
            yield from salvaged_bytes(staged, file.size, self._limits)

    def discard(self, file: Fingerprint) -> None:
        """Remove the staged copy and what there is of a part; no error where there is none."""
        name = self._path(file)
        name.unlink(missing_ok=True)
        self._remove_parts(name)

    def _path(self, file: Fingerprint) -> Path:
        """A name that says nothing and holds nothing of a tenant's: a hash over the whole fingerprint."""
        parts = (file.source, file.path, file.size, file.mtime, file.inode)
        return self._folder / hashlib.sha256(repr(parts).encode()).hexdigest()[:40]

    def _part_path(self, name: Path) -> Path:
        return name.with_name(f"{name.name}.{self._boot}.part")

    def _whole(self, name: Path, file: Fingerprint) -> bool:
        try:
            found = name.lstat()
        except FileNotFoundError:
            return False
        if stat.S_ISREG(found.st_mode) and found.st_size == file.size:
            return True
        name.unlink()
        return False

    @contextmanager
    def _part(self, name: Path, progress: Progress) -> Iterator[int]:
        """The part file, locked: a second worker with the same step waits here and then finds the copy."""
        path = self._part_path(name)
        while (part := _lock(path)) is None:
            progress(0)
            time.sleep(POLL)
        try:
            yield part
            if _same(part, path):
                path.unlink()  # made for the lock alone: the copy was here already
        except (OSError, SourceChanged):
            path.unlink(missing_ok=True)
            raise
        finally:
            os.close(part)

    @contextmanager
    def _errors(self, file: Fingerprint) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = f"staging folder {self._folder}: {error.strerror}"
            what = f"the copy of {file.source}: {safe(file.path)}"
            if error.errno in FULL:
                raise StagingFull(f"{reason}; {what} was removed again") from error
            raise StateUnwritable(f"{reason}; {what} was not made") from error

    def _copy(self, source: Origin, file: Fingerprint, part: int, progress: Progress) -> None:
        have = os.fstat(part).st_size
        if have > file.size:
            os.ftruncate(part, 0)
            have = 0
        self._check_room(file, file.size - have)
        progress(have)
        for chunk in source.stream(file.path, have):
            view = memoryview(chunk)
            while view:
                view = view[os.write(part, view) :]
            have += len(chunk)
            if have > file.size:
                break
            progress(len(chunk))
        if have != file.size:
            raise _changed(file, f"{have:,} bytes were read where it had {file.size:,}")
        os.fsync(part)

    def _check_room(self, file: Fingerprint, need: int) -> None:
        """Better to stop before the disk is full than after: ledger and other copies may stand on it too."""
        disk = os.statvfs(self._folder)
        free = disk.f_bavail * disk.f_frsize
        if need > free:
            raise OSError(errno.ENOSPC, f"{free:,} bytes free, {need:,} needed")

    def _remove_parts(self, name: Path) -> None:
        for part in self._folder.glob(f"{name.name}.*.part"):
            part.unlink(missing_ok=True)

    def _sync_folder(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _lock(path: Path) -> int | None:
    """The file opened and locked, None where somebody else holds it or has just given it its final name."""
    part = os.open(path, FLAGS, 0o600)
    try:
        fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _same(part, path):
            return part
    except BlockingIOError:
        pass
    os.close(part)
    return None


def _same(opened: int, path: Path) -> bool:
    """Whether the file we hold open still has that name: another worker may have given it its final one."""
    try:
        return os.path.samestat(os.fstat(opened), path.lstat())
    except FileNotFoundError:
        return False


def _check(source: Origin, file: Fingerprint) -> None:
    found = source.lstat(file.path)
    if found is None:
        raise _changed(file, "it is not there any more")
    if found.kind != "file" or (found.size, found.mtime) != (file.size, file.mtime):
        raise _changed(file, f"it was {file.size:,} bytes, it is now {found.size:,}, or its time has changed")


def _changed(file: Fingerprint, reason: str) -> SourceChanged:
    return SourceChanged(f"{file.source}: {safe(file.path)} changed since the survey: {reason}")
