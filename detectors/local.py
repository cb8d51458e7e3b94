"""A Tree over the local file system: each component is opened from its parent, never through a link."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from detectors.walk import Entry, Kind, Unreadable, components

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def _kind(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    return "link" if stat.S_ISLNK(mode) else "other"


def _entry(name: bytes, found: os.stat_result) -> Entry:
    return Entry(name, _kind(found.st_mode), found.st_size, found.st_mtime, found.st_ino)


def _kind_of(item: os.DirEntry[bytes]) -> Kind:
    """The kind of what is no regular file."""
    if item.is_dir(follow_symlinks=False):
        return "folder"
    return "link" if item.is_symlink() else "other"


class LocalTree:
    """Satisfies detectors.walk.Tree for the folder `root`, which the operator named (so it may be a link)."""

    def __init__(self, root: str | bytes) -> None:
        self.root = os.fsencode(root)
        self._real = os.path.realpath(self.root).rstrip(b"/")

    @contextmanager
    def _folder(self, names: Sequence[bytes]) -> Iterator[int]:
        if b".." in names:
            raise Unreadable("a path with .. in it")
        opened = self._at_once(names)
        if opened is None:
            opened = os.open(self.root or b"/", FOLDER & ~os.O_NOFOLLOW)
            names_left = names
        else:
            names_left = ()
        try:
            for name in names_left:
                inner = os.open(name, FOLDER, dir_fd=opened)
                os.close(opened)
                opened = inner
            yield opened
        finally:
            os.close(opened)

    def _at_once(self, names: Sequence[bytes]) -> int | None:
        """A folder opened by its whole path, if the kernel says that it stands there and no link led to it."""
        if len(names) < 2:
            return None
        whole = b"/".join((self._real, *names))
        try:
            opened = os.open(whole, FOLDER)
        except OSError:
            return None
        try:
            if os.readlink(b"/proc/self/fd/%d" % opened) == whole:
                return opened
        except OSError:
            pass  # no /proc: component by component
        os.close(opened)
        return None

    def list(self, path: bytes) -> Sequence[Entry]:
        """The entries of a folder, links not followed, in no order. Raises Unreadable."""
        try:
            with self._folder(components(path)) as folder, os.scandir(folder) as found:
                return [_entry(os.fsencode(item.name), item.stat(follow_symlinks=False)) for item in found]
        except OSError as error:
            raise Unreadable(f"cannot be listed: {error.strerror}") from error

    def kinds(self, path: bytes) -> tuple[Sequence[bytes], Sequence[tuple[bytes, Kind]]]:
        """The regular files in a folder, and all else with what it is; links not followed, in no order. Raises
        Unreadable."""
        files: list[bytes] = []
        others: list[tuple[bytes, Kind]] = []
        try:
            # Of a path in bytes the names are bytes as well: nothing is decoded to be encoded again.
            with self._folder(components(path)) as folder, os.scandir(b"/proc/self/fd/%d" % folder) as found:
                for item in found:
                    if item.is_file(follow_symlinks=False):
                        files.append(item.name)
                    else:
                        others.append((item.name, _kind_of(item)))
            return files, others
        except FileNotFoundError:
            entries = self.list(path)
            files = [one.name for one in entries if one.kind == "file"]
            return files, [(one.name, one.kind) for one in entries if one.kind != "file"]
        except OSError as error:
            raise Unreadable(f"cannot be listed: {error.strerror}") from error

    def lstat(self, path: bytes) -> Entry | None:
        """What stands there, None where nothing does. Raises Unreadable."""
        names = components(path)
        try:
            with self._folder(names[:-1]) as folder:
                name = names[-1] if names else b"."
                return _entry(name, os.stat(name, dir_fd=folder, follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise Unreadable(f"cannot be looked at: {error}") from error

    def readlink(self, path: bytes) -> bytes:
        """A link's target as it stands. Raises Unreadable."""
        names = components(path)
        try:
            with self._folder(names[:-1]) as folder:
                return os.readlink(names[-1], dir_fd=folder)
        except (OSError, IndexError) as error:
            raise Unreadable(f"link cannot be read: {error}") from error

    def read(self, path: bytes, limit: int) -> bytes:
        """The first `limit` bytes of a regular file. Raises Unreadable, also for pipes and devices."""
        names = components(path)
        try:
            with self._folder(names[:-1]) as folder:
                opened = os.open(names[-1], FILE, dir_fd=folder)
            with open(opened, "rb") as file:
                if not stat.S_ISREG(os.fstat(opened).st_mode):
                    raise Unreadable("not a regular file")
                return file.read(limit)
        except (OSError, IndexError) as error:
            raise Unreadable(f"cannot be read: {error}") from error


CHUNK = 1 << 20
DUMPS = (".sql", ".sql.gz", ".sql.bz2", ".sql.xz")


def dumps(folder: str) -> Iterator[str]:
    """The dumps below a folder, by their names (.sql, plain or packed), links not followed, in order."""
    for here, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(here, name)
            if name.lower().endswith(DUMPS) and not os.path.islink(path):
                yield path


def chunks(path: str) -> Iterator[bytes]:
    """A dump's bytes, unpacked, in pieces. Raises Unreadable, also in the middle of a damaged archive."""
    try:
        with open(os.open(path, FILE), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Unreadable("not a regular file")
            stream = _unpacked(path.lower(), file)
            while chunk := stream.read(CHUNK):
                yield chunk
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Unreadable(f"cannot be read: {error}") from error


def _unpacked(name: str, file: io.BufferedReader) -> io.BufferedIOBase:
    if name.endswith(".gz"):
        return gzip.GzipFile(fileobj=file)
    if name.endswith(".bz2"):
        return bz2.BZ2File(file)
    return lzma.LZMAFile(file) if name.endswith(".xz") else file
