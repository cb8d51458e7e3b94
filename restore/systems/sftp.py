"""A backup server reached by SFTP: plain SFTP alone, since a chrooted account cannot run anything.

SFTP servers follow links in every component of a path, usually with root's rights. So each component is
lstat'ed before a path is opened, and a link anywhere is refused. What remains is a race: somebody who can
write on the backup server could put a link in place between our look and our open (folders seen to be folders
are believed for ten seconds). Tenants cannot write there; whoever can has the backup already.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from detectors.walk import Entry
from restore.errors import SourceUnreadable
from restore.model.ports import Content, Unreadable
from restore.systems.paths import split, unreadable
from restore.systems.sftp_answers import NO_SUCH_FILE, Malformed, Refusal
from restore.systems.sftp_connect import Connection, SftpAddress, connect
from restore.systems.sftp_tree import Large, SftpTree, words
from restore.systems.sftp_wire import Wire, pipelined, run
from restore.systems.throttle import Throttle

FILES_AT_ONCE = 256


class SftpSource:
    """Satisfies restore.model.ports.Source for the folder `root` of an SFTP server.

    Each thread has a connection of its own, made at its first use and again after a drop, one at a time.
    Raises beside the port's errors: HostKeyUnknown, SourceLoginRefused, SourceBusy (transient: the server
    turns connections away), SourceMissing (the root is not there or empty), SourceOdd (no SFTP).
    """

    def __init__(self, name: str, root: str, address: SftpAddress, bytes_per_second: float = 0) -> None:
        self._name = name
        self._address = address
        self._connections: dict[threading.Thread, Connection] = {}
        self._gate = threading.Lock()
        self.throttle = Throttle(bytes_per_second)
        self._tree = SftpTree(name, root, address.host, self.throttle)

    @property
    def name(self) -> str:
        """The source's name in the incident file."""
        return self._name

    def list(self, path: bytes) -> Sequence[Entry]:
        """The entries of a folder, as lstat states them, in no order. Inodes are not known."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            return run(wire, self._tree.list(wire, names))

    def lstat(self, path: bytes) -> Entry | None:
        """What stands at that path, links not followed; None where nothing does."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            return run(wire, self._tree.lstat(wire, names))

    def readlink(self, path: bytes) -> bytes:
        """A link's target as it stands."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            return run(wire, self._tree.readlink(wire, names))

    def read(self, path: bytes, limit: int) -> bytes:
        """The first `limit` bytes of a regular file."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            opened, entry = run(wire, self._tree.open(wire, names))
            try:
                enough = min(limit, entry.size)
                return run(wire, self._tree.beginning(wire, opened, limit, enough))[:limit]
            finally:
                wire.close_handle(opened)

    def read_many(self, paths: Sequence[bytes], limit: int) -> Iterator[Content | Unreadable]:
        """Many small files, pipelined, in the order given; a file above `limit` bytes is Unreadable."""
        wire = self._wire()
        with self._errors(wire, b""):
            tasks = (self._tree.fetch(wire, path, limit) for path in paths)
            for result in pipelined(wire, tasks, FILES_AT_ONCE):
                yield self._read_large(wire, result) if isinstance(result, Large) else result

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        """A regular file from that byte offset to its end, in chunks."""
        names, wire = split(self._name, path), self._wire()
        with self._errors(wire, path):
            opened, entry = run(wire, self._tree.open(wire, names))
            try:
                yield from self._tree.chunks(wire, opened, offset, entry.size)
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
            run(connection.wire, self._tree.check_root(connection.wire))
        return connection.wire

    def _read_large(self, wire: Wire, large: Large) -> Content | Unreadable:
        try:
            opened, entry = run(wire, self._tree.open(wire, split(self._name, large.path)))
            try:
                data = b"".join(self._tree.chunks(wire, opened, 0, entry.size))
            finally:
                wire.close_handle(opened)
        except SourceUnreadable as error:
            return Unreadable(large.path, error.message)
        except Refusal as refusal:
            return Unreadable(large.path, words(refusal))
        if len(data) != large.entry.size:
            return Unreadable(large.path, "changed while it was read")
        return Content(large.path, large.entry, data)

    @contextmanager
    def _errors(self, wire: Wire, path: bytes) -> Iterator[None]:
        try:
            yield
            wire.settle()
        except Refusal as refusal:
            if refusal.code == NO_SUCH_FILE:
                self._tree.forget_folders()
                run(wire, self._tree.check_root(wire))
            raise unreadable(self._name, path, words(refusal)) from refusal
        except Malformed as error:
            raise wire.odd(error) from error
