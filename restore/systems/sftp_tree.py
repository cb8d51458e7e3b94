"""Conversations about an SFTP server's tree: what is asked of a path, in which order, and what is refused.

See sftp.py for the promise about links. Each conversation is a Task of sftp_wire.py: many can run at once.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from detectors.walk import Entry
from restore.errors import SourceMissing, SourceUnreadable
from restore.model.ports import Content, Unreadable
from restore.model.text import safe
from restore.systems import sftp_answers as answers
from restore.systems.paths import NOT_FOLLOWED, check_name, split, unreadable
from restore.systems.sftp_answers import EOF, NO_SUCH_FILE, PERMISSION_DENIED, Refusal
from restore.systems.sftp_wire import (
    FOR_READING,
    LSTAT,
    OPEN,
    OPENDIR,
    READDIR,
    READLINK,
    Task,
    Wire,
    together,
)
from restore.systems.throttle import Throttle

CHUNK = 255 * 1024
CHUNKS_AHEAD = 16
READDIRS_AHEAD = 4
MOST_ENTRIES = 5_000_000
FOLDERS_BELIEVED = 10.0
MOST_BELIEVED = 20_000
NO_ATTRIBUTES = 0


@dataclass(frozen=True, slots=True)
class Large:
    """A file too big to be read among many small ones: read by itself when its turn comes."""

    path: bytes
    entry: Entry


class SftpTree:
    """The tree below `root` of one server. `host` stands in errors; `throttle` is asked before every read."""

    def __init__(self, name: str, root: str, host: str, throttle: Throttle) -> None:
        self._name = name
        self._root = os.fsencode(root).rstrip(b"/")
        self._host = host
        self._throttle = throttle
        self._folders: dict[bytes, float] = {}

    def forget_folders(self) -> None:
        """Believe nothing any more: something that was there is gone."""
        self._folders.clear()

    def _full(self, names: Sequence[bytes]) -> bytes:
        return self._root + b"/" + b"/".join(names) if names else self._root or b"/"

    def check_root(self, wire: Wire) -> Task[None]:
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
            where = f"the folder {safe(self._full([]))} of {self._host}"
            raise SourceMissing(f"{self._name}: {where} {reason}", server=self._name) from refusal

    def check_folders(self, wire: Wire, names: Sequence[bytes]) -> Task[None]:
        """Raise SourceUnreadable unless each of these components is a folder and no link."""
        now = time.monotonic()
        paths = [b"/".join(names[: depth + 1]) for depth in range(len(names))]
        unknown = [path for path in paths if self._folders.get(path, 0.0) < now]
        asked = [wire.ask(LSTAT, self._full([path])) for path in unknown]
        for path, reply in zip(unknown, (yield from together(wire, asked)), strict=True):
            if answers.entry(reply, b"").kind != "folder":
                raise unreadable(self._name, b"/".join(names), NOT_FOLLOWED)
            self._folders[path] = now + FOLDERS_BELIEVED
        if len(self._folders) > MOST_BELIEVED:
            self._folders.clear()

    def list(self, wire: Wire, names: Sequence[bytes]) -> Task[Sequence[Entry]]:
        """The entries of a folder."""
        yield from self.check_folders(wire, names)
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

    def lstat(self, wire: Wire, names: Sequence[bytes]) -> Task[Entry | None]:
        """What stands there, None where nothing does while its folder is there."""
        folder_is_there = False
        try:
            yield from self.check_folders(wire, names[:-1])
            asked = [wire.ask(LSTAT, self._full(names)), wire.ask(LSTAT, self._full(names[:-1]))]
            found, folder = yield from together(wire, asked)
            folder_is_there = folder.kind == answers.ATTRS
            return answers.entry(found, names[-1] if names else b"")
        except Refusal as refusal:
            if refusal.code != NO_SUCH_FILE:
                raise
        # Absent is a fact only while its folder is there: asked after it, on the same line.
        if len(names) < 2 or not folder_is_there:
            yield from self.check_root(wire)
        return None

    def readlink(self, wire: Wire, names: Sequence[bytes]) -> Task[bytes]:
        """A link's target."""
        yield from self.check_folders(wire, names[:-1])
        return answers.link((yield wire.ask(READLINK, self._full(names))))

    def open(self, wire: Wire, names: Sequence[bytes]) -> Task[tuple[bytes, Entry]]:
        """A regular file's handle and entry."""
        yield from self.check_folders(wire, names[:-1])
        # Before the open: opening a pipe would hang the server.
        entry = answers.entry((yield wire.ask(LSTAT, self._full(names))), names[-1] if names else b"")
        if entry.kind != "file":
            raise unreadable(self._name, b"/".join(names), f"a {entry.kind}, not a regular file")
        opened = answers.handle((yield wire.ask(OPEN, self._full(names), FOR_READING, NO_ATTRIBUTES)))
        return opened, entry

    def fetch(self, wire: Wire, path: bytes, limit: int) -> Task[Content | Unreadable | Large]:
        """A small file whole, or why not, or Large."""
        try:
            opened, entry = yield from self.open(wire, split(self._name, path))
            try:
                if entry.size > limit:
                    return Unreadable(path, f"{entry.size:,} bytes, above the limit of {limit:,}")
                if entry.size >= CHUNK:
                    return Large(path, entry)
                data = yield from self.beginning(wire, opened, entry.size + 1, entry.size)
            finally:
                wire.close_handle(opened)
        except SourceUnreadable as error:
            return Unreadable(path, error.message)
        except Refusal as refusal:
            if refusal.code == NO_SUCH_FILE:
                yield from self.check_root(wire)
            return Unreadable(path, words(refusal))
        if len(data) != entry.size:
            return Unreadable(path, "changed while it was read")
        return Content(path, entry, data)

    def beginning(self, wire: Wire, opened: bytes, length: int, enough: int) -> Task[bytes]:
        """At most the first `length` bytes of an open file, at least `enough` where it has them."""
        data = bytearray()
        while len(data) < enough:
            wanted = self._throttle.portion(min(CHUNK, length - len(data)))
            self._throttle.take(wanted)
            more = answers.data((yield wire.ask_read(opened, len(data), wanted)), wanted)
            if not more:
                break
            data += more
        return bytes(data)

    def chunks(self, wire: Wire, opened: bytes, offset: int, end: int) -> Iterator[bytes]:
        """An open file's bytes from `offset` to its real end; `end` is where that is expected: until there,
        CHUNKS_AHEAD requests are under way. A server that gives less than was asked is asked for the rest."""
        ahead: deque[tuple[int, int, int]] = deque()
        most = CHUNK
        try:
            while True:
                while len(ahead) < CHUNKS_AHEAD and (offset <= end or not ahead):
                    length = min(self._throttle.portion(most), end - offset if offset < end else most)
                    self._throttle.take(length if offset < end else 0)
                    ahead.append((wire.ask_read(opened, offset, length), offset, length))
                    offset += length
                request, start, length = ahead[0]
                data = answers.data(wire.answer(request), length)
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


def words(refusal: Refusal) -> str:
    """A server's refusal in the operator's words."""
    known = {NO_SUCH_FILE: "nothing stands there", PERMISSION_DENIED: "permission denied"}
    return known.get(refusal.code, f"the server says: {refusal.words or refusal.code}")
