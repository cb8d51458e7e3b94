"""IMAP's hot paths on the raw connection: batched APPEND and streaming FETCH (RFC 9051, 3502, 4315, 7888).

imapclient connects and logs in; its own append and fetch take ten times as long.

A literal that a server takes for commands, because it refused what stood before it, would have a customer's mail
run as IMAP commands. So the first literal of every APPEND waits for the server's go-ahead, and what stands before
the others holds nothing but what this module has checked.
"""

from __future__ import annotations

import re
import time
from calendar import timegm
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import repeat
from typing import BinaryIO, NoReturn, Protocol

from restore.errors import MailRefused, MailUnreachable
from restore.model.mail import AppendResult, NewMessage, Refusal, Stored

CHUNK = 1 << 18
SMALL_LITERAL = 4096
MOST_PIECES = 1024
"""IOV_MAX of Linux."""
MAX_LINE = 1 << 20
SYSTEM_FLAGS = frozenset(("\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"))
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

_LITERAL = re.compile(rb"\{(\d+)\}\r\n\Z")
_ATOM = re.compile(r"[^\x00-\x20\x7f-\U0010ffff(){%*\"\\\]]{1,250}")
_PLAIN_ATOM = re.compile(r"[A-Za-z0-9$_.-]+")
_APPENDUID = re.compile(rb"\[APPENDUID (\d+) ([\d:,]+)\]", re.IGNORECASE)
_RESPONSE_CODE = re.compile(r"\[([A-Za-z][A-Za-z0-9-]*)")
_DATE = re.compile(
    rb'INTERNALDATE "([ \d]\d)-(\w\w\w)-(\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)"', re.IGNORECASE
)
_MONTH = {name.encode().upper(): number for number, name in enumerate(MONTHS, 1)}


class Connection(Protocol):
    """What of a socket is needed."""

    def sendall(self, data: bytes | bytearray | memoryview, /) -> None:
        """Send everything or raise OSError."""

    def sendmsg(self, buffers: Sequence[bytes | bytearray | memoryview], /) -> int:
        """Send from several buffers as if they were one; how many bytes went."""


@dataclass(frozen=True, slots=True)
class Appended:
    """The server's answer to an APPEND: its UIDVALIDITY (None: it does not say) and each message's fate."""

    uidvalidity: int | None
    results: tuple[AppendResult, ...]


class Wire:
    """One logged-in IMAP connection, command by command.

    `broken` from the first byte of a command to its answer, and for good after a BAD one: a connection left in
    between, by an interrupt or a reader that gave up, must not take another command, which the server might read
    as the rest of a message.
    """

    def __init__(self, connection: Connection, file: BinaryIO, server: str, literals: str) -> None:
        self._connection = connection
        self._gathers = type(connection).__module__ != "ssl"  # ssl.SSLSocket has a sendmsg() that raises
        self._file = file
        self._server = server
        self._literals = literals
        self._number = 0
        self.broken = False

    def fetch(self, command: bytes, literal: Callable[[BinaryIO, int], None]) -> Iterator[bytes]:
        """Send a command and yield its untagged answers, without their literals, which go to `literal`.

        Must be read to its end before the next command. Raises MailRefused, MailUnreachable.
        """
        tag = self._tag()
        self._connection.sendall(tag + b" " + command + b"\r\n")
        while True:
            text = self._answer(literal)
            if text.startswith(tag):
                self._check(text[len(tag) :])
                return
            yield text

    def status(self, folders: Sequence[bytes], items: bytes) -> list[bytes | None]:
        """The STATUS answer of each folder (names encoded and quoted), None where it is refused; all are asked for
        at once. Raises MailUnreachable."""
        tags = [self._tag() for _ in folders]
        self._send([b"%s STATUS %s %s\r\n" % asked for asked in zip(tags, folders, repeat(items))])
        answers: list[bytes | None] = []
        for tag in tags:
            self.broken = True
            said = None
            while not (text := self._answer(skip)).startswith(tag):
                said = text if text[:9].upper() == b"* STATUS " else said
            try:
                self._check(text[len(tag) :])
            except MailRefused:
                said = None
            answers.append(said)
        return answers

    def append_many(
        self, folder: bytes, messages: Sequence[NewMessage], confirm: Callable[[], None]
    ) -> Callable[[], Appended]:
        """MULTIAPPEND: all or none; what is returned waits for the answer. `folder` is the encoded and quoted name.

        The server stores when it has the line's end, which `confirm` is called before: raises what that raises, and
        the connection must not be used again, so that the end never comes. Either raises MailRefused (nothing stored).
        """
        tag, count = self._tag(), len(messages)
        pieces: list[bytes | bytearray] = [tag + b" APPEND " + folder]
        for place, message in enumerate(messages):
            self._add(pieces, message, tag, ask=place == 0)
        self._send(pieces)
        confirm()
        self._send([b"\r\n"])
        return lambda: _appended(self._check(self._tagged(tag)[len(tag) :]), count)

    def append_each(
        self, folder: bytes, messages: Sequence[NewMessage], confirm: Callable[[], None]
    ) -> Appended:
        """One APPEND a message, sent without waiting where the server takes LITERAL+; each has its own fate."""
        done: list[Appended] = []
        start = 0
        while start < len(messages):
            end = start + 1
            while end < len(messages) and not self._must_ask(messages[end]):
                end += 1
            done.append(self._append_run(folder, messages[start:end], confirm))
            start += len(done[-1].results)
        stated = [part.uidvalidity for part in done if part.uidvalidity is not None]
        return Appended(stated[-1] if stated else None, tuple(fate for part in done for fate in part.results))

    def _append_run(
        self, folder: bytes, messages: Sequence[NewMessage], confirm: Callable[[], None]
    ) -> Appended:
        tags = [self._tag() for _ in messages]
        pieces: list[bytes | bytearray] = []
        try:
            for place, (tag, message) in enumerate(zip(tags, messages, strict=True)):
                pieces.append(tag + b" APPEND " + folder)
                self._add(pieces, message, tag, ask=place == 0)
                pieces.append(b"\r\n")
        except MailRefused as error:
            return Appended(None, (Refusal(error.message, error.response_code),))
        confirm()
        self._send(pieces)
        answers = [_fate(self._tagged(tag)[len(tag) :], self._check) for tag in tags]
        stated = [answer.uidvalidity for answer in answers if answer.uidvalidity is not None]
        results = tuple(answer.results[0] for answer in answers)
        return Appended(stated[-1] if stated else None, results)

    def _add(self, pieces: list[bytes | bytearray], message: NewMessage, tag: bytes, *, ask: bool) -> None:
        size = len(message.content)
        head = b"%s %s {%d" % (_flag_list(message.flags), _date_time(message.internaldate), size)
        if ask or self._must_ask(message):
            pieces.append(b" " + head + b"}\r\n")
            self._send(pieces)
            pieces.clear()
            self._go_ahead(tag)
        else:
            pieces.append(b" " + head + b"+}\r\n")
        pieces.append(message.content)

    def _must_ask(self, message: NewMessage) -> bool:
        if not _are_plain(message.flags):
            return True
        if self._literals == "+":
            return False
        return self._literals != "-" or len(message.content) > SMALL_LITERAL

    def _send(self, pieces: Sequence[bytes | bytearray]) -> None:
        if not self._gathers:
            for together in _joined(pieces):
                self._connection.sendall(together)
            return
        left = [memoryview(piece) for piece in pieces if piece]
        at = 0
        while at < len(left):
            sent = self._connection.sendmsg(left[at : at + MOST_PIECES])
            while at < len(left) and sent >= len(left[at]):
                sent -= len(left[at])
                at += 1
            if sent:
                left[at] = left[at][sent:]

    def _go_ahead(self, tag: bytes) -> None:
        while True:
            text = self._answer(skip)
            if text.startswith(b"+"):
                return
            if text.startswith(tag):
                self._check(text[len(tag) :])
                self.broken = True
                raise MailRefused(f"mail server {self._server} ended APPEND before it had the message")

    def _tagged(self, tag: bytes) -> bytes:
        while True:
            text = self._answer(skip)
            if text.startswith(tag):
                return text

    def _answer(self, literal: Callable[[BinaryIO, int], None]) -> bytes:
        text = line = self._line()
        while found := _LITERAL.search(line):
            literal(self._file, int(found[1]))
            line = self._line()
            text += line
        if text[:5].upper() == b"* BYE":
            self._lost(f"it said goodbye: {_words(text[5:])}")
        return text

    def _line(self) -> bytes:
        line = self._file.readline(MAX_LINE)
        if not line.endswith(b"\n"):
            self._lost("it closed the connection" if len(line) < MAX_LINE else "it sent a line without end")
        return line

    def _lost(self, why: str) -> NoReturn:
        self.broken = True
        raise MailUnreachable(f"mail server {self._server}: {why}", server=self._server)

    def _check(self, text: bytes) -> bytes:
        """The words of a tagged answer that says OK; raises MailRefused for NO and BAD."""
        kind, _, rest = text.strip().partition(b" ")
        self.broken = kind.upper() not in (b"OK", b"NO")
        if kind.upper() == b"OK":
            return rest
        words = _words(rest)
        error = MailRefused(f"mail server {self._server} answered: {words}")
        error.response_code = response_code(words)
        raise error

    def _tag(self) -> bytes:
        self._number += 1
        self.broken = True
        return b"BR%d" % self._number


def _joined(pieces: Iterable[bytes | bytearray]) -> Iterator[bytes | bytearray]:
    """Small ones as one, so that they go out together; large ones are not copied."""
    small: list[bytes | bytearray] = []
    for piece in pieces:
        if len(piece) < CHUNK:
            small.append(piece)
            continue
        yield b"".join(small)
        small.clear()
        yield piece
    yield b"".join(small)


def _fate(text: bytes, check: Callable[[bytes], bytes]) -> Appended:
    try:
        return _appended(check(text), 1)
    except MailRefused as error:
        return Appended(None, (Refusal(error.message, error.response_code),))


def _appended(words: bytes, count: int) -> Appended:
    found = _APPENDUID.search(words)
    uids = expand(found[2]) if found else []
    if found is None or len(uids) != count:
        return Appended(int(found[1]) if found else None, (Stored(None),) * count)
    return Appended(int(found[1]), tuple(Stored(uid) for uid in uids))


def skip(file: BinaryIO, size: int) -> None:
    """Read a literal and forget it."""
    while size:
        chunk = file.read(min(size, CHUNK))
        if not chunk:
            return  # the next line read says that the connection is gone
        size -= len(chunk)


def response_code(words: str) -> str:
    """OVERQUOTA of "[OVERQUOTA] Quota exceeded", or ""."""
    found = _RESPONSE_CODE.search(words)
    return found[1].upper() if found else ""


def expand(uids: bytes, most: int = 100_000) -> list[int]:
    """A UID set such as 4:6,9 as [4, 5, 6, 9]; at most so many of each range."""
    expanded: list[int] = []
    for part in uids.split(b","):
        first, _, last = part.partition(b":")
        low, high = sorted((int(first), int(last or first)))
        expanded += range(low, min(high, low + most) + 1)
    return expanded


def compress(uids: Sequence[int]) -> bytes:
    """UIDs as the shortest UID set, ascending."""
    parts: list[list[int]] = []
    for uid in sorted(uids):
        if parts and uid == parts[-1][1] + 1:
            parts[-1][1] = uid
        else:
            parts.append([uid, uid])
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in parts)


def internaldate(text: bytes) -> int:
    """INTERNALDATE of a FETCH answer in epoch seconds; 0 where it has none that can be read."""
    found = _DATE.search(text)
    if found is None or found[2].upper() not in _MONTH:
        return 0
    day, month, year = int(found[1]), _MONTH[found[2].upper()], int(found[3])
    seconds = int(found[4]) * 3600 + int(found[5]) * 60 + int(found[6])
    zone = (int(found[8]) * 60 + int(found[9])) * 60
    return _midnight(year, month, day) + seconds - (zone if found[7] == b"+" else -zone)


@lru_cache(maxsize=4096)
def _midnight(year: int, month: int, day: int) -> int:
    return timegm((year, month, day, 0, 0, 0))


def _date_time(seconds: int) -> bytes:
    day, rest = divmod(seconds, 86400)
    return b'%s %02d:%02d:%02d +0000"' % (_day(day), rest // 3600, rest // 60 % 60, rest % 60)


@lru_cache(maxsize=4096)
def _day(number: int) -> bytes:
    year, month, day, *_ = time.gmtime(number * 86400)
    return f'"{day:02d}-{MONTHS[month - 1]}-{year:04d}'.encode()


@lru_cache(maxsize=4096)
def _are_plain(flags: frozenset[str]) -> bool:
    return all(flag in SYSTEM_FLAGS or _PLAIN_ATOM.fullmatch(flag) for flag in flags)


@lru_cache(maxsize=4096)
def _flag_list(flags: frozenset[str]) -> bytes:
    for flag in flags:
        if flag not in SYSTEM_FLAGS and not _ATOM.fullmatch(flag):
            raise ValueError(f"{flag!r} is no flag and no keyword of IMAP")
    return b"(" + " ".join(sorted(flags)).encode("ascii") + b")"


def _words(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip()
