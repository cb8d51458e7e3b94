"""A backup that is a folder of this machine: a mounted disk, or a copy made before.

Every component is opened from its parent with O_NOFOLLOW, so no link is followed and no swap in between can
change that (open(2)). What the kernel itself hangs on, a dead NFS server for one, cannot be timed out from
here: mount such a source "soft".
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from detectors.walk import Entry
from restore.errors import SourceMissing, SourceUnreadable
from restore.model.ports import Content, Unreadable
from restore.model.text import safe
from restore.systems.paths import NOT_FOLLOWED, kind, split, unreadable
from restore.systems.throttle import Throttle

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
CHUNK = 1 << 20


class FolderSource:
    """Satisfies restore.model.ports.Source for the folder `root`, which the operator named: it may be a link.

    Raises SourceMissing where the root is not there, or no longer the folder it was (an unmounted disk).
    """

    def __init__(self, name: str, root: str, bytes_per_second: float = 0) -> None:
        self._name = name
        self._root = os.fsencode(root)
        self._identity: tuple[int, int] | None = None
        self.throttle = Throttle(bytes_per_second)

    @property
    def name(self) -> str:
        """The source's name in the incident file."""
        return self._name

    def list(self, path: bytes) -> Sequence[Entry]:
        """The entries of a folder, as lstat states them, in no order; the kernel lets no name hold "/" or NUL."""
        with self._errors(path), self._folder(split(self._name, path)) as folder, os.scandir(folder) as found:
            return [_entry(os.fsencode(item.name), item.stat(follow_symlinks=False)) for item in found]

    def lstat(self, path: bytes) -> Entry | None:
        """What stands at that path, links not followed; None where nothing does."""
        names = split(self._name, path)
        try:
            with self._errors(path, absent_too=False), self._folder(names[:-1]) as folder:
                name = names[-1] if names else b""
                return _entry(name, os.stat(name or b".", dir_fd=folder, follow_symlinks=False))
        except FileNotFoundError:
            return None

    def readlink(self, path: bytes) -> bytes:
        """A link's target as it stands."""
        names = split(self._name, path)
        with self._errors(path), self._folder(names[:-1]) as folder:
            return os.readlink(names[-1] if names else b".", dir_fd=folder)

    def read(self, path: bytes, limit: int) -> bytes:
        """The first `limit` bytes of a regular file."""
        with self._open(path) as (file, entry):
            self.throttle.take(min(limit, entry.size))
            return _read(file, limit)

    def read_many(self, paths: Sequence[bytes], limit: int) -> Iterator[Content | Unreadable]:
        """Many small files, in the order given; a file above `limit` bytes is Unreadable."""
        with ExitStack() as kept:  # the folder of the last path: mostly that of the next one too
            inside: bytes | None = None
            folder = -1
            for path in paths:
                place, _, name = path.rpartition(b"/")
                try:
                    if place != inside or name in (b"", b".", b"..") or b"\0" in name:
                        inside = None
                        kept.close()
                        names = split(self._name, path)
                        with self._errors(path):
                            folder = kept.enter_context(self._folder(names[:-1]))
                        name = names[-1] if names else b""
                        inside = place if path.endswith(name) else None
                    yield self._whole(name, folder, path, limit)
                except SourceUnreadable as error:
                    yield Unreadable(path, error.message)

    def _whole(self, name: bytes, folder: int, path: bytes, limit: int) -> Content | Unreadable:
        try:
            file, entry = self._open_file(name, folder, path)
            try:
                self.throttle.take(min(limit, entry.size))
                data = _read(file, limit + 1, entry.size) if entry.size <= limit else b""
            finally:
                os.close(file)
        except OSError as error:
            raise self._failure(path, error) from error
        if entry.size > limit or len(data) > limit:
            size = max(entry.size, len(data))
            return Unreadable(path, f"{size:,} bytes, above the limit of {limit:,}")
        return Content(path, entry, data)

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        """A regular file from that byte offset to its end, in chunks."""
        with self._open(path) as (file, _):
            os.lseek(file, offset, os.SEEK_SET)
            while chunk := os.read(file, self.throttle.portion(CHUNK)):
                self.throttle.take(len(chunk))
                yield chunk

    def close(self) -> None:
        """Nothing is kept open between calls."""

    @contextmanager
    def _open(self, path: bytes) -> Iterator[tuple[int, Entry]]:
        names = split(self._name, path)
        name = names[-1] if names else b""
        with self._errors(path), self._folder(names[:-1]) as folder, self._file(name, folder, path) as opened:
            yield opened

    @contextmanager
    def _file(self, name: bytes, folder: int, path: bytes) -> Iterator[tuple[int, Entry]]:
        """A regular file of an opened folder; b"" is the folder itself."""
        opened, entry = self._open_file(name, folder, path)
        try:
            yield opened, entry
        finally:
            os.close(opened)

    def _open_file(self, name: bytes, folder: int, path: bytes) -> tuple[int, Entry]:
        if not name:
            raise unreadable(self._name, path, "a folder, not a regular file")
        # Before the open: opening a device or a pipe can act on it.
        expected = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(expected.st_mode):
            raise unreadable(self._name, path, f"a {kind(expected.st_mode)}, not a regular file")
        opened = _open_unseen(name, FILE, folder)
        found = os.fstat(opened)
        if stat.S_ISREG(found.st_mode):
            return opened, _entry(name, found)
        os.close(opened)
        raise unreadable(self._name, path, "replaced while it was opened")

    @contextmanager
    def _folder(self, names: Sequence[bytes]) -> Iterator[int]:
        opened = self._open_root()
        try:
            for name in names:
                inner = _open_unseen(name, FOLDER, opened)
                os.close(opened)
                opened = inner
            yield opened
        finally:
            os.close(opened)

    def _open_root(self) -> int:
        try:
            opened = os.open(self._root, FOLDER & ~os.O_NOFOLLOW)
        except OSError as error:
            raise self._missing(f"cannot be opened: {error.strerror}") from error
        found = os.fstat(opened)
        identity = (found.st_dev, found.st_ino)
        if self._identity is None:
            self._identity = identity
        if identity != self._identity:
            os.close(opened)
            raise self._missing("is no longer the folder it was when this run began")
        return opened

    def _missing(self, reason: str) -> SourceMissing:
        return SourceMissing(f"{self._name}: the folder {safe(self._root)} {reason}", server=self._name)

    @contextmanager
    def _errors(self, path: bytes, *, absent_too: bool = True) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not absent_too:
                raise
            raise self._failure(path, error) from error

    def _failure(self, path: bytes, error: OSError) -> SourceUnreadable:
        if isinstance(error, FileNotFoundError):
            return unreadable(self._name, path, "nothing stands there")
        if isinstance(error, NotADirectoryError):
            return unreadable(self._name, path, NOT_FOLLOWED)
        return unreadable(self._name, path, error.strerror or "cannot be read")


def _open_unseen(name: bytes, flags: int, folder: int) -> int:
    """Open without touching the access time where we own the file or are root, else as any reader would."""
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=folder)
    except PermissionError:
        return os.open(name, flags, dir_fd=folder)


def _read(file: int, limit: int, size: int = CHUNK) -> bytes:
    """At most `limit` bytes. A file of `size` bytes that gives just as many has ended."""
    first = os.read(file, min(limit, size + 1, CHUNK))
    if len(first) == size < CHUNK:
        return first
    parts = [first]
    while parts[-1] and (limit := limit - len(parts[-1])) > 0:
        parts.append(os.read(file, min(limit, CHUNK)))
    return b"".join(parts)


def _entry(name: bytes, found: os.stat_result) -> Entry:
    return Entry(name, kind(found.st_mode), found.st_size, found.st_mtime, found.st_ino)
