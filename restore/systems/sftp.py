"""A backup server reached by SFTP: plain SFTP alone, since a chrooted account cannot run anything.

SFTP servers follow links in every component of a path, usually with root's rights. So each component is
lstat'ed before a path is opened, and a link anywhere is refused. What remains is a race: somebody who can
write on the backup server could put a link in place between our look and our open (folders seen to be folders
are believed for FOLDERS_BELIEVED seconds). Tenants cannot write there; whoever can has the backup already.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from detectors.walk import Entry
from restore.errors import SourceMissing, SourceUnreadable
from restore.model.ports import Content, Unreadable
from restore.model.text import safe
from restore.systems import sftp_answers as answers
from restore.systems.paths import NOT_FOLLOWED, check_name, split, unreadable
from restore.systems.sftp_answers import EOF, NO_SUCH_FILE, PERMISSION_DENIED, Malformed, Refusal
from restore.systems.sftp_connect import Connection, SftpAddress, connect
from restore.systems.sftp_wire import (
    FOR_READING,
    LSTAT,
    OPEN,
    OPENDIR,
    READDIR,
    READLINK,
    Task,
    Wire,
    pipelined,
    run,
    together,
)
from restore.systems.throttle import Throttle

CHUNK = 255 * 1024
CHUNKS_AHEAD = 16
FILES_AT_ONCE = 256
READDIRS_AHEAD = 4
MOST_ENTRIES = 5_000_000
FOLDERS_BELIEVED = 10.0
NO_ATTRIBUTES = 0


@dataclass(frozen=True, slots=True)
class _Large:
    """A file too big to be read among many small ones: read by itself when its turn comes."""

    path: bytes
    entry: Entry


class SftpSource:
    """Satisfies restore.model.ports.Source for the folder `root` of an SFTP server.

    Each thread has a connection of its own, made at its first use and again after a drop, one at a time.
    Raises beside the port's errors: HostKeyUnknown, SourceLoginRefused, SourceBusy (transient: the server
    turns connections away), SourceMissing (the root is not there or empty), SourceOdd (no SFTP).
    """

    def __init__(self, name: str, root: str, address: SftpAddress, bytes_per_second: float = 0) -> None:
        self._name = name
        self._root = os.fsencode(root).rstrip(b"/")
        self._address = address
        self._connections: dict[threading.Thread, Connection] = {}
        self._gate = threading.Lock()
        self._folders: dict[bytes, float] = {}
        self.throttle = Throttle(bytes_per_second)

    @property
    def name(self) -> str:
        """The source's name in the incident file."""
        return self._name

    def list(self, path: bytes) -> Sequence[Entry]:
        """The entries of a folder, as lstat states them, in no order. Inodes are not known."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            return run(wire, self._list(wire, names))

    def lstat(self, path: bytes) -> Entry | None:
        """What stands at that path, links not followed; None where nothing does."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            return run(wire, self._lstat(wire, names))

    def readlink(self, path: bytes) -> bytes:
        """A link's target as it stands."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            return run(wire, self._readlink(wire, names))

    def read(self, path: bytes, limit: int) -> bytes:
        """The first `limit` bytes of a regular file."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            opened, entry = run(wire, self._open(wire, names))
            try:
                enough = min(limit, entry.size)
                return run(wire, self._beginning(wire, opened, limit, enough))[:limit]
            finally:
                wire.close_handle(opened)

    def read_many(self, paths: Sequence[bytes], limit: int) -> Iterator[Content | Unreadable]:
        """Many small files, pipelined, in the order given; a file above `limit` bytes is Unreadable."""
        wire = self._wire()
        with self._errors(wire, b""):
            tasks = (self._fetch(wire, path, limit) for path in paths)
            for result in pipelined(wire, tasks, FILES_AT_ONCE):
                yield self._read_large(wire, result) if isinstance(result, _Large) else result

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        """A regular file from that byte offset to its end, in chunks."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            opened, entry = run(wire, self._open(wire, names))
            try:
                yield from self._chunks(wire, opened, offset, entry.size)
            finally:
                wire.close_handle(opened)

    def close(self) -> None:
        """Give all connections back."""
        with self._gate:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def _wire(self) -> Wire:
        thread = threading.current_thread()
        connection = self._connections.get(thread)
        if connection is not None and connection.alive:
            return connection.wire
        with self._gate:
            for other, old in list(self._connections.items()):
                if other is thread or not other.is_alive():
                    self._connections.pop(other).close()
                    old.close()
            connection = self._connections[thread] = connect(self._name, self._address)
        with self._errors(connection.wire, b""):
            run(connection.wire, self._check_root(connection.wire))
        return connection.wire

    def _full(self, names: Sequence[bytes]) -> bytes:
        return self._root + b"/" + b"/".join(names) if names else self._root or b"/"

    def _check_root(self, wire: Wire) -> Task[None]:
        """An unmounted disk leaves no folder, or an empty one: what that lacks is not known to be missing."""
        try:
            opened = answers.handle((yield wire.ask(OPENDIR, self._full([]))))
            try:
                while not [*answers.entries((yield wire.ask(READDIR, opened)))]:
                    pass
            finally:
                wire.close_handle(opened)
        except Refusal as refusal:
            reason = "is empty" if refusal.code == EOF else f"cannot be listed: {refusal.words}"
            where = f"the folder {safe(self._full([]))} of {self._address.host}"
            raise SourceMissing(f"{self._name}: {where} {reason}", server=self._name) from refusal

    def _check_folders(self, wire: Wire, names: Sequence[bytes]) -> Task[None]:
        now = time.monotonic()
        paths = [b"/".join(names[: depth + 1]) for depth in range(len(names))]
        unknown = [path for path in paths if self._folders.get(path, 0.0) < now]
        asked = [wire.ask(LSTAT, self._full([path])) for path in unknown]
        for path, reply in zip(unknown, (yield from together(wire, asked)), strict=True):
            if answers.entry(reply, b"").kind != "folder":
                raise unreadable(self._name, b"/".join(names), NOT_FOLLOWED)
            self._folders[path] = now + FOLDERS_BELIEVED
        if len(self._folders) > FILES_AT_ONCE * 100:
            self._folders.clear()

    def _list(self, wire: Wire, names: Sequence[bytes]) -> Task[Sequence[Entry]]:
        yield from self._check_folders(wire, names)
        opened = answers.handle((yield wire.ask(OPENDIR, self._full(names))))
        found: list[Entry] = []
        ahead = deque(wire.ask(READDIR, opened) for _ in range(READDIRS_AHEAD))
        try:
            while True:
                found += answers.entries((yield ahead[0]))
                ahead.popleft()
                ahead.append(wire.ask(READDIR, opened))
                if len(found) > MOST_ENTRIES:
                    raise unreadable(self._name, b"/".join(names), f"more than {MOST_ENTRIES:,} entries")
        except Refusal as refusal:
            if refusal.code != EOF:
                raise
        finally:
            for request in ahead:
                wire.forget(request)
            wire.close_handle(opened)
        for one in found:
            check_name(self._name, b"/".join(names), one.name)
        return found

    def _lstat(self, wire: Wire, names: Sequence[bytes]) -> Task[Entry | None]:
        folder_is_there = False
        try:
            yield from self._check_folders(wire, names[:-1])
            asked = [wire.ask(LSTAT, self._full(names)), wire.ask(LSTAT, self._full(names[:-1]))]
            found, folder = yield from together(wire, asked)
            folder_is_there = folder.kind == answers.ATTRS
            return answers.entry(found, names[-1] if names else b"")
        except Refusal as refusal:
            if refusal.code != NO_SUCH_FILE:
                raise
        # Absent is a fact only while its folder is there: asked after it, on the same line.
        if len(names) < 2 or not folder_is_there:
            yield from self._check_root(wire)
        return None

    def _readlink(self, wire: Wire, names: Sequence[bytes]) -> Task[bytes]:
        yield from self._check_folders(wire, names[:-1])
        return answers.link((yield wire.ask(READLINK, self._full(names))))

    def _open(self, wire: Wire, names: Sequence[bytes]) -> Task[tuple[bytes, Entry]]:
        yield from self._check_folders(wire, names[:-1])
        # Before the open: opening a pipe would hang the server.
        entry = answers.entry((yield wire.ask(LSTAT, self._full(names))), names[-1] if names else b"")
        if entry.kind != "file":
            raise unreadable(self._name, b"/".join(names), f"a {entry.kind}, not a regular file")
        opened = answers.handle((yield wire.ask(OPEN, self._full(names), FOR_READING, NO_ATTRIBUTES)))
        return opened, entry

    def _fetch(self, wire: Wire, path: bytes, limit: int) -> Task[Content | Unreadable | _Large]:
        try:
            opened, entry = yield from self._open(wire, split(self._name, path))
            try:
                if entry.size > limit:
                    return Unreadable(path, f"{entry.size:,} bytes, above the limit of {limit:,}")
                if entry.size >= CHUNK:
                    return _Large(path, entry)
                data = yield from self._beginning(wire, opened, entry.size + 1, entry.size)
            finally:
                wire.close_handle(opened)
        except SourceUnreadable as error:
            return Unreadable(path, error.message)
        except Refusal as refusal:
            if refusal.code == NO_SUCH_FILE:
                yield from self._check_root(wire)
            return Unreadable(path, _words(refusal))
        if len(data) != entry.size:
            return Unreadable(path, "changed while it was read")
        return Content(path, entry, data)

    def _beginning(self, wire: Wire, opened: bytes, length: int, enough: int) -> Task[bytes]:
        """At most the first `length` bytes of an open file, at least `enough` where it has them."""
        data = bytearray()
        while len(data) < enough:
            wanted = self.throttle.portion(min(CHUNK, length - len(data)))
            self.throttle.take(wanted)
            more = answers.data((yield wire.ask_read(opened, len(data), wanted)))
            if not more:
                break
            data += more
        return bytes(data)

    def _read_large(self, wire: Wire, large: _Large) -> Content | Unreadable:
        try:
            opened, entry = run(wire, self._open(wire, split(self._name, large.path)))
            try:
                data = b"".join(self._chunks(wire, opened, 0, entry.size))
            finally:
                wire.close_handle(opened)
        except SourceUnreadable as error:
            return Unreadable(large.path, error.message)
        except Refusal as refusal:
            return Unreadable(large.path, _words(refusal))
        if len(data) != large.entry.size:
            return Unreadable(large.path, "changed while it was read")
        return Content(large.path, large.entry, data)

    def _chunks(self, wire: Wire, opened: bytes, offset: int, end: int) -> Iterator[bytes]:
        """An open file's bytes from `offset` to its real end; `end` is where that is expected: until there,
        CHUNKS_AHEAD requests are under way. A server that gives less than was asked is asked for the rest."""
        ahead: deque[tuple[int, int, int]] = deque()
        most = CHUNK
        try:
            while True:
                while len(ahead) < CHUNKS_AHEAD and (offset <= end or not ahead):
                    length = min(self.throttle.portion(most), end - offset if offset < end else most)
                    self.throttle.take(length if offset < end else 0)
                    ahead.append((wire.ask_read(opened, offset, length), offset, length))
                    offset += length
                request, start, length = ahead[0]
                data = answers.data(wire.answer(request))
                if not data:
                    return
                if len(data) < length:
                    most = max(len(data), 4096) if start < end else most
                    rest = (start + len(data), length - len(data))
                    ahead[0] = (wire.ask_read(opened, *rest), *rest)
                else:
                    ahead.popleft()
                yield data
        finally:
            for request, _, _ in ahead:
                wire.forget(request)

    @contextmanager
    def _errors(self, wire: Wire, path: bytes) -> Iterator[None]:
        try:
            yield
            wire.settle()
        except Refusal as refusal:
            if refusal.code == NO_SUCH_FILE:
                self._folders.clear()
                run(wire, self._check_root(wire))
            raise unreadable(self._name, path, _words(refusal)) from refusal
        except Malformed as error:
            raise wire.odd(error) from error


def _words(refusal: Refusal) -> str:
    known = {NO_SUCH_FILE: "nothing stands there", PERMISSION_DENIED: "permission denied"}
    return known.get(refusal.code, f"the server says: {refusal.words or refusal.code}")
