"""The statements of a dump, as it streams by: names, values, ends; memory does not grow with the dump.

The lexer follows quotes, comments and DELIMITER as the mariadb client does, so that nothing inside a text is
taken for a statement. https://dev.mysql.com/doc/refman/8.0/en/string-literals.html and comments.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

MAX_COMMENT = 400
MAX_LINE = 80
HEAD_STOPS = rb"(\n"
ROW_STOPS = rb")"
LINE = re.compile(rb"[\r\n]")
QUOTED = {39: re.compile(rb"['\\]"), 34: re.compile(rb'["\\]'), 96: re.compile(rb"`")}
DASHES = re.compile(rb"--(?:\s|\Z)")
CLIENTS_WORD = re.compile(rb"DELIMITER\s", re.IGNORECASE)
DELIMITER = re.compile(rb"\s*DELIMITER\s+(\S{1,16})\s*\Z", re.IGNORECASE)
OPENER = re.compile(rb"/\*(?:!\d{0,6})?")
LONGEST_OPENER = 9


@cache
def _stops(delimiter: bytes, also: bytes) -> re.Pattern[bytes]:
    """What ends a run of plain code: quotes, comments, the delimiter, and what the listener asks for."""
    return re.compile(rb"['\"`#/" + also + rb"-]|" + re.escape(delimiter[:1]))


@cache
def _whole(delimiter: bytes) -> re.Pattern[bytes]:
    """As much code as can be passed over at once: whole texts and names, no comment, no delimiter."""
    first = re.escape(delimiter[:1])
    plain = rb"[^'\"`#/" + first + rb"-]++" if first != b"-" else rb"[^'\"`#/-]++"
    texts = rb"'(?:[^'\\]++|\\.)*+'|\"(?:[^\"\\]++|\\.)*+\"|`[^`]*+`"
    others = b"".join(
        rb"|" + re.escape(one) + rb"(?=[^" + re.escape(after) + rb"])"
        for one, after in ((b"-", b"-"), (b"/", b"*"))
        if one != delimiter[:1]
    )
    return re.compile(rb"(?:" + plain + rb"|" + texts + others + rb")*+", re.DOTALL)


class Lexer:
    """Feed it chunks of any size, then `close` it; it calls `code`, `quoted` and `end` of a listener.

    code(piece): a piece of code, in a head at most up to "("; quoted(quote, piece, done): part of a text or name,
    escapes as they stand; end(): the statement is over; comment(line): a comment of a whole line. `head`, set by
    the listener after each `end` and cleared by it, asks for small pieces; while `skip` is set nothing is told
    but the end; while `between` is set the listener may take rows(data, at) by itself. `stops` are
    characters at which a piece of code ends.
    """

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self._rest = b""
        self._mode: Callable[[bytes, int], int] = self._code
        self._quote = 0
        self._escaped = False
        self._comment = bytearray()
        self._line = bytearray()
        self.delimiter = b";"
        self._closing = False

    def feed(self, chunk: bytes) -> None:
        """The next bytes of the dump."""
        data, at = self._rest + chunk, 0
        while at < len(data):
            moved = self._mode(data, at)
            if moved < 0:
                break
            at = moved
        self._rest = data[at:]

    def close(self) -> bool:
        """There are no more bytes; whether the dump ended between two statements."""
        self._closing = True
        self.feed(b"")
        if self._comment:
            self.listener.comment(bytes(self._comment))
            self._mode = self._code
        self._end_line()
        return self._mode == self._code and not self._line.strip()

    def _code(self, data: bytes, at: int) -> int:
        start = at
        if self.listener.between:
            at = self.listener.rows(data, at)
            if at > start:
                return at
        if self.listener.skip:
            whole = _whole(self.delimiter).match(data, at)
            at = whole.end() if whole is not None else at
            if at > start:
                self._line[:] = b"x"
        if at == len(data):
            return at
        found = _stops(self.delimiter, self.listener.stops).search(data, at)
        stop = len(data) if found is None else found.start()
        if stop > at:
            self._tell(data[at:stop])
        return stop if stop == len(data) else self._special(data, stop)

    def _tell(self, piece: bytes) -> None:
        if self.listener.head:
            self._line += (piece if self._line else piece.lstrip())[: MAX_LINE - len(self._line)]
        if not self.listener.skip:
            self.listener.code(piece)

    def _special(self, data: bytes, at: int) -> int:
        char = data[at : at + 1]
        if char != b"\n" and self.listener.head and CLIENTS_WORD.match(self._line):
            self._tell(char)
            return at + 1
        ahead = 3 if char == b"-" else LONGEST_OPENER if char == b"/" else len(self.delimiter)
        if len(data) - at < ahead and not self._closing and char in (b"-", b"/", self.delimiter[:1]):
            return -1
        if data.startswith(self.delimiter, at):
            self._line.clear()
            self.listener.end()
            return at + len(self.delimiter)
        if char in (b"'", b'"', b"`"):
            self._quote, self._mode = char[0], self._text
            self.listener.quoted(self._quote, b"", False)
            return at + 1
        if char == b"#" or DASHES.match(data, at):
            self._mode = self._line_comment
            return at
        if char == b"/" and (opener := OPENER.match(data, at)):
            if b"!" not in opener.group():
                self._mode = self._block_comment
            else:
                self.listener.conditional()
            return opener.end()
        if char == b"\n":
            self._end_line()
        self._tell(char)
        return at + 1

    def _end_line(self) -> None:
        """DELIMITER is the client's word, ended by its line."""
        match = DELIMITER.match(bytes(self._line)) if self.listener.head else None
        if match:
            self.delimiter = match.group(1)
            self._line.clear()
            self.listener.end()

    def _text(self, data: bytes, at: int) -> int:
        if self._escaped:
            self._escaped = False
            self._quoted(data[at : at + 1], False)
            return at + 1
        found = QUOTED[self._quote].search(data, at)
        stop = len(data) if found is None else found.start()
        if stop > at:
            self._quoted(data[at:stop], False)
        if stop == len(data):
            return stop
        if data[stop] == 92:
            self._escaped = True
            self._quoted(b"\\", False)
        else:
            self._mode = self._code
            self._quoted(b"", True)
        return stop + 1

    def _quoted(self, piece: bytes, done: bool) -> None:
        if not self.listener.skip:
            self.listener.quoted(self._quote, piece, done)
        self._line[:] = b"x"

    def _line_comment(self, data: bytes, at: int) -> int:
        found = LINE.search(data, at)
        stop = len(data) if found is None else found.start()
        room = MAX_COMMENT - len(self._comment)
        self._comment += data[at : min(stop, at + max(room, 0))]
        if found is not None or self._closing:
            self.listener.comment(bytes(self._comment))
            self._comment.clear()
            self._mode = self._code
        return stop

    def _block_comment(self, data: bytes, at: int) -> int:
        found = data.find(b"*/", at)
        if found < 0:
            kept = len(data) - data.endswith(b"*")
            return kept if kept > at else -1
        self._mode = self._code
        return found + 2


class Listener:
    """What a Lexer tells; see there."""

    head = True
    skip = False
    between = False
    stops = HEAD_STOPS

    def rows(self, data: bytes, at: int) -> int:
        """While `between` is set: how far whole rows reach from `at` on, which the lexer then leaves out."""
        return at

    def code(self, piece: bytes) -> None:
        """A piece of code."""

    def quoted(self, quote: int, piece: bytes, done: bool) -> None:
        """A part of a text or name."""

    def conditional(self) -> None:
        """Code in a comment that only newer servers run begins."""

    def comment(self, line: bytes) -> None:
        """A comment of a line."""

    def end(self) -> None:
        """The statement is over."""
