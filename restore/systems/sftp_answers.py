"""What an SFTP server's answers say (draft-ietf-secsh-filexfer-02, sections 5 to 7), read with distrust."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass

from detectors.walk import Entry
from restore.model.text import safe
from restore.systems.paths import kind

STATUS, HANDLE, DATA, NAME, ATTRS = 101, 102, 103, 104, 105
EOF, NO_SUCH_FILE, PERMISSION_DENIED = 1, 2, 3
HAS_SIZE, HAS_OWNER, HAS_MODE, HAS_TIMES, HAS_MORE = 1, 2, 4, 8, 0x80000000


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer's type and what follows its id."""

    kind: int
    body: bytes


class Refusal(Exception):
    """A status: `code` of the draft's section 7 and the server's words, made safe to show."""

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


class Malformed(Exception):
    """An answer that is not what the draft says."""


class _Cursor:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def number(self, width: int = 4) -> int:
        return int.from_bytes(self._take(width), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def _take(self, width: int) -> bytes:
        taken = self._body[self._at : self._at + width]
        if len(taken) != width:
            raise Malformed("an answer is shorter than it says")
        self._at += width
        return taken


def handle(reply: Reply) -> bytes:
    """An opened file's or folder's handle."""
    return _expect(reply, HANDLE).string()


def data(reply: Reply, most: int) -> bytes:
    """The bytes of a READ that asked for `most`; b"" at the end of the file."""
    try:
        given = _expect(reply, DATA).string()
    except Refusal as refusal:
        if refusal.code != EOF:
            raise
        return b""
    if len(given) > most:
        raise Malformed(f"{len(given):,} bytes where {most:,} were asked for")
    return given


def entry(reply: Reply, name: bytes) -> Entry:
    """What LSTAT or STAT says."""
    return _entry(_expect(reply, ATTRS), name)


def link(reply: Reply) -> bytes:
    """What READLINK says."""
    cursor = _expect(reply, NAME)
    if cursor.number() != 1:
        raise Malformed("a link with several targets")
    return cursor.string()


def entries(reply: Reply) -> Iterator[Entry]:
    """Some of a folder's entries, without "." and ".."; raises Refusal with EOF after the last."""
    cursor = _expect(reply, NAME)
    for _ in range(cursor.number()):
        name = cursor.string()
        cursor.string()
        found = _entry(cursor, name)
        if name not in (b".", b".."):
            yield found


def _expect(reply: Reply, wanted: int) -> _Cursor:
    cursor = _Cursor(reply.body)
    if reply.kind == STATUS:
        raise Refusal(cursor.number(), safe(cursor.string()))
    if reply.kind != wanted:
        raise Malformed(f"an answer of type {reply.kind} where {wanted} was due")
    return cursor


def _entry(cursor: _Cursor, name: bytes) -> Entry:
    flags = cursor.number()
    size = cursor.number(8) if flags & HAS_SIZE else 0
    if flags & HAS_OWNER:
        cursor.number(8)
    mode = cursor.number() if flags & HAS_MODE else 0
    mtime = 0
    if flags & HAS_TIMES:
        cursor.number()
        mtime = cursor.number()
    for _ in range(cursor.number() if flags & HAS_MORE else 0):
        cursor.string()
        cursor.string()
    if not stat.S_IFMT(mode):
        raise Malformed("a file without a type")
    return Entry(name, kind(mode), size, float(mtime), None)
