"""The messages of an mbox file, found as Dovecot finds them (lib-storage/index/mbox/istream-raw-mbox.c).

A message ends before a line end that "From SENDER DATE" follows, or, where its Content-Length leads to such a place
further on, there. The last line end of the file belongs to no message. Nothing else parts messages: ">From " stands
for itself. Read as a stream: however long a line, a header or a message is, little of it is held.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from restore.survey.mbox_from import LONGEST, from_line
from restore.survey.mbox_header import MOST_HEADER, Header, end_of_fields, header_limit, read_header

SEPARATOR = b"\nFrom "
KEPT = len(SEPARATOR) + 2
"""Bytes at the end of what was read that may belong to a separator, or be the file's last line end."""
CR = 13
_PARTING = re.compile(rb"\r?\n(From [^\n]*)")

OpenAt = Callable[[int], Iterator[bytes]]
"""A file from that byte offset to its end, in chunks."""


class MboxMessage(NamedTuple):
    """A message of an mbox file: its place among the others, where its header begins, its bytes there and as they are
    shown, its date in epoch seconds. `unique` is told from its header, `version` from all that is shown of it."""

    number: int
    start: int
    raw: int
    size: int
    mtime: int
    letters: str
    unique: bytes
    version: bytes

    @property
    def name(self) -> bytes:
        """For people; sorts as the file does."""
        return b"message %06d at byte %d" % (self.number, self.start)


class Skipped(NamedTuple):
    """Bytes at the beginning of a file that belong to no message."""

    end: int


class Window:
    """What of a file is held: `data` from byte offset `base` on."""

    __slots__ = ("_chunks", "base", "data")

    def __init__(self, chunks: Iterator[bytes], base: int = 0) -> None:
        self._chunks = chunks
        self.base = base
        self.data = bytearray()

    @property
    def end(self) -> int:
        """The byte offset behind what is held."""
        return self.base + len(self.data)

    def more(self) -> bool:
        """Read on; False at the end of the file."""
        for chunk in self._chunks:
            if chunk:
                self.data += chunk
                return True
        return False

    def take(self, end: int) -> bytes:
        """What is held up to that byte offset, and is then no longer held."""
        taken = bytes(self.data[: end - self.base])
        del self.data[: len(taken)]
        self.base += len(taken)
        return taken

    def skip(self, to: int) -> None:
        """Go on to that byte offset, or to the end of the file."""
        while self.end < to:
            self.take(self.end)
            if not self.more():
                return
        self.take(to)

    def parts(self, end: int) -> Iterator[bytes]:
        """What follows up to that byte offset, in pieces."""
        while self.base < end and (self.data or self.more()):
            yield self.take(end)

    def line(self) -> bytes:
        """The line that begins at `base`, without its end, or as much of it as is looked at."""
        while (end := self.data.find(b"\n", 0, LONGEST)) < 0 and len(self.data) < LONGEST and self.more():
            pass
        return bytes(self.data[: end if end >= 0 else LONGEST])

    def skip_line(self) -> None:
        """Go on behind that line."""
        while (found := self.data.find(b"\n")) < 0:
            self.take(self.end)
            if not self.more():
                return
        self.take(self.base + found + 1)

    def parting(self, at: int) -> bool | None:
        """Whether the line end at that byte offset parts messages; None where the file ends with it."""
        place = at - self.base
        while (end := self.data.find(b"\n", place + 2, place + LONGEST)) < 0:
            if len(self.data) >= place + LONGEST or not self.more():
                end = place + LONGEST
                break
        text = bytes(self.data[place:end])
        if text in (b"\n", b"\r\n"):
            return None
        found = _PARTING.match(text)
        return found is not None and from_line(found[1]) is not None

    def natural_end(self, passed: Callable[[bytes], None]) -> tuple[int, bool]:
        """Where the text before the next line end that parts messages ends, or the file; and whether one does. What
        was passed over is given to `passed` and no longer held."""
        scan_from = self.base
        while True:
            found = self.data.find(SEPARATOR, scan_from - self.base)
            if found >= 0:
                at = self.base + found
                if self.parting(at):
                    return at - (found > 0 and self.data[found - 1] == CR), True
                scan_from = at + 1
                continue
            if len(self.data) > KEPT:
                passed(self.take(self.end - KEPT))
            scan_from = max(scan_from, self.base)
            if not self.more():
                size = len(self.data) - self.data.endswith(b"\n")
                return self.base + size - (size < len(self.data) and self.data[:size].endswith(b"\r")), False


def scan(open_at: OpenAt, size: int) -> Iterator[MboxMessage | Skipped]:
    """Every message of a file of `size` bytes, and what stands before the first. Raises what reading raises."""
    window = Window(open_at(0))
    if from_line(window.line()) is None:
        end, parted = window.natural_end(_forget)
        if not parted:
            return
        window.skip(end + _line_end(window, end))
        yield Skipped(window.base)
    seen: Counter[bytes] = Counter()
    number = 0
    base: frozenset[str] | None = None
    parted = True
    while parted:
        found = _Message(window, open_at, size)
        parted = found.read()
        if base is None:
            base = found.header.base
            if found.header.pseudo:
                continue
        number += 1
        mark = found.mark
        seen[mark] += 1
        yield found.message(number, mark if seen[mark] == 1 else mark + b"%d" % seen[mark], base)


def _forget(_: bytes) -> None:
    """What belongs to no message."""


def _line_end(window: Window, at: int) -> int:
    """How long the line end at a byte offset that is held is."""
    return 2 if window.data.startswith(b"\r", at - window.base) else 1


class _Message:
    """One message while it is read; the window stands at its "From " line."""

    def __init__(self, window: Window, open_at: OpenAt, size: int) -> None:
        self._window = window
        self._open_at = open_at
        self._size = size
        self._line = window.line()
        window.skip_line()
        self._start = self._end = window.base
        self._shown = 0
        self._hash = hashlib.blake2b(digest_size=16)
        self.header = Header(b"")
        self.mark = b""

    def read(self) -> bool:
        """Goes to its end, and to the "From " line of the next message where there is one."""
        window = self._window
        body, end, parted = self._fields()
        if end is None:
            end, parted = window.natural_end(self._pass)
        stated = body + (self.header.length or 0)
        if parted and end < stated < self._size:
            leads = self._leads(stated)
            if leads is not False:
                end, parted = stated, leads is True
        for part in window.parts(end):
            self._pass(part)
        self._end = window.base
        if parted:
            while len(window.data) < 2 and window.more():
                pass
            window.skip(window.base + _line_end(window, window.base))
        return parted

    def _fields(self) -> tuple[int, int | None, bool]:
        """Reads the header. Where the body begins; where the message ends, if that is in its header, and whether
        another follows then."""
        window = self._window
        place, whole = self._empty_line()
        data = window.data
        separator = data.find(SEPARATOR, 0, place)
        while separator >= 0 and not window.parting(window.base + separator):
            separator = data.find(SEPARATOR, separator + 1, place)
        ends = separator >= 0 or not whole
        if separator >= 0:
            place = separator - (separator > 0 and data[separator - 1] == CR)
        elif not whole:
            place -= data.endswith(b"\n")
            place -= data.endswith(b"\r\n")
        body = window.base + place
        if not ends:
            while len(data) < place + 2 and window.more():
                pass
            body += _line_end(window, body)
        self._show(window.take(window.base + place))
        return body, window.base if ends else None, separator >= 0

    def _empty_line(self) -> tuple[int, bool]:
        """Where in what is held the fields end, and whether they do before the file does."""
        window = self._window
        place = end_of_fields(window.data)
        while place < 0 and len(window.data) < MOST_HEADER:
            looked = max(0, len(window.data) - 2)
            if not window.more():
                return len(window.data), False
            place = end_of_fields(window.data, looked)
        if 0 <= place <= MOST_HEADER:
            return place, True
        return header_limit(window.data), True

    def _show(self, fields: bytes) -> None:
        self.header = read_header(fields)
        self.mark = hashlib.blake2b(self._line + b"\n" + self.header.visible, digest_size=16).digest()
        self._pass(self.header.visible)

    def _pass(self, data: bytes) -> None:
        self._hash.update(data)
        self._shown += len(data)

    def _leads(self, stated: int) -> bool | None:
        """Whether a Content-Length leads to a line end that parts messages; None: to the file's last one."""
        if stated + LONGEST < self._window.end:
            return self._window.parting(stated)
        return Window(self._open_at(stated), stated).parting(stated)

    def message(self, number: int, unique: bytes, base: frozenset[str]) -> MboxMessage:
        """What it is; `base` are the keywords of the file."""
        date = from_line(self._line)
        return MboxMessage(
            number,
            self._start,
            self._end - self._start,
            self._shown,
            date or 0,
            self.header.letters_of(base),
            unique,
            self._hash.digest(),
        )
