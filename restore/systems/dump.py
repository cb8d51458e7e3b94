"""The exact statement reader: a dump's bytes in chunks become statements with byte offsets.

Boundaries are found the way the server and its stock client read SQL: strings with backslash escapes and doubled
quotes, backticks, `--` (only before white space), `#` and `/* */` comments, `/*! */` as code, DELIMITER lines only
where a statement may begin. No text inside a string, a comment or a routine's body can move a boundary, because no
marker is ever searched for. Memory is one statement and one chunk.

https://mariadb.com/kb/en/comment-syntax/, https://mariadb.com/kb/en/delimiters/
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from restore.errors import DumpDamaged, DumpRefused
from restore.systems.dump_inserts import end_of_short, scan_of

MAX_STATEMENT = 64 << 20
READ_AHEAD, MOST_AHEAD = 1 << 21, 1 << 23
LONGEST_LINE = 1 << 16
LOOKAHEAD = 16

STRING = rb"'[^'\\]*+(?:\\.[^'\\]*+)*+'|\"[^\"\\]*+(?:\\.[^\"\\]*+)*+\"|`[^`]*+`"
# /*!999999 and /*M!999999 stand above every server's version: comments to all of them (the sandbox line).
PLAIN_OPEN = rb"/\*(?=M?!999999|[^!M]|M[^!])"
PLAIN_COMMENT = PLAIN_OPEN + rb"(?:[^*]++|\*(?!/))*+\*/"
LINE_OPEN = rb"(?:\#|--(?=[\x00-\x20\x7f]))"
LINE_COMMENT = LINE_OPEN + rb"[^\n]*+\n"
GAP = re.compile(rb"(?:[\t-\r ]++|" + LINE_COMMENT + rb"|" + PLAIN_COMMENT + rb")*+", re.DOTALL)
COMMENT = re.compile(LINE_COMMENT + rb"|" + PLAIN_COMMENT, re.DOTALL)
COMMENT_OPEN = re.compile(LINE_OPEN + rb"|" + PLAIN_OPEN)
HEAD = re.compile(rb"-- (?:MySQL|MariaDB) dump |-- phpMyAdmin SQL Dump")
# Writers whose head promises the last line "-- Dump completed"; phpMyAdmin ends with the COMMIT of its transaction.
ENDS_SO = re.compile(rb"-- (?:MySQL|MariaDB) dump ")
TRANSACTION = re.compile(rb"(START\s+TRANSACTION|BEGIN)\b|(?:COMMIT|ROLLBACK)\b", re.IGNORECASE)
SERVER_VERSION = re.compile(rb"-- Server version[\t ]+(\S+)")
TRAILER = b"-- Dump completed"

DELIMITER = re.compile(rb"delimiter[ \t]+(\S+)[^\n]*\n", re.IGNORECASE)
# What a stock client, but no server, obeys: https://mariadb.com/kb/en/mariadb-command-line-client/
COMMAND = re.compile(
    rb"(?:\\.|(?:system|source|tee|notee|pager|nopager|edit|ego|print|prompt|rehash|status|connect|charset|warnings"
    rb"|nowarning|help|delimiter)\b)[^\n]*\n",
    re.IGNORECASE,
)
NOISE = re.compile(rb"(?:mysqldump|mariadb-dump|mysqlpump|warning)(?:\.exe)?: [^\n]*\n", re.IGNORECASE)
LINE_INITIALS = frozenset(b"\\dDsStTnNpPeErRcCwWhHmM")


class Kind(Enum):
    """What was read: SQL; a line only a stock client obeys; a program's complaint among the SQL; an unfinished rest."""

    STATEMENT = "statement"
    COMMAND = "command"
    NOISE = "noise"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class Statement:
    """One piece of a dump. `offset` is its first byte's place in the plain stream; `text` has no delimiter."""

    offset: int
    text: bytes
    kind: Kind = Kind.STATEMENT


@functools.cache
def _body(delimiter: bytes) -> re.Pattern[bytes]:
    """What may stand before the next delimiter: whole strings, whole comments, code. It stops at the delimiter and
    before anything that has not wholly arrived."""
    first = re.escape(delimiter[:1])
    whole = re.escape(delimiter)
    ahead = b"(?=.{%d})" % len(delimiter)
    parts = (
        rb"[^'\"`\#/\-" + first + rb"]++",
        STRING,
        LINE_COMMENT,
        PLAIN_COMMENT,
        rb"(?!" + whole + rb")/(?=[^*])",
        rb"/\*(?=.{9})(?=M?!)(?!M?!999999)",
        rb"(?!" + whole + rb")-(?=[^-]|-[^\x00-\x20\x7f])",
        *((ahead + rb"(?!" + whole + rb")" + first,) if delimiter[:1] not in b"/-" else ()),
    )
    return re.compile(rb"(?:" + rb"|".join(parts) + rb")*+", re.DOTALL)


def _end_of(pattern: re.Pattern[bytes], text: bytes, start: int) -> int:
    """Where a pattern that can match nothing at all ends."""
    match = pattern.match(text, start)
    return match.end() if match else start


class DumpReader:
    """Iterate over it once: every Statement of the stream, in order.

    `heads` and `trailers` count the comment lines by which mysqldump and mariadb-dump begin and end, `writer` and
    `server_version` are the first head's words, `size` the bytes read so far. Raises DumpRefused for a statement
    above `limit` bytes and for a delimiter that could not be told from a quote, DumpDamaged for text in UTF-16.
    """

    def __init__(self, chunks: Iterator[bytes], limit: int = MAX_STATEMENT) -> None:
        self._chunks = chunks
        self._limit = limit
        self._buffer = b""
        self._position = 0
        self._base = 0
        self._ended = False
        self._delimiter = b";"
        self.heads = 0
        self.trailers = 0
        self.writer = ""
        self.server_version = ""
        self.size = 0
        self._transaction: int | None = None

    def __iter__(self) -> Iterator[Statement]:
        self._start()
        while True:
            self._skip_gap()
            if self._position >= len(self._buffer):
                return
            line = self._client_line()
            if line is not None:
                if line.text:
                    yield line
                continue
            statement = self._statement()
            if statement.text:
                self._note_transaction(statement)
                yield statement

    @property
    def plainly(self) -> bool:
        """Whether statements end at `;` here, not at another DELIMITER."""
        return self._delimiter == b";"

    def missing_end(self, *, made: bool) -> str:
        """After the last statement: why this is no whole dump, "" where nothing says so. `made`: anything was."""
        if self.heads > self.trailers:
            return f"the dump ends at byte {self.size:,} without its last line (-- Dump completed)"
        if self.heads:
            return ""
        if self._transaction is not None:
            return (
                f"the dump ends at byte {self.size:,} without the COMMIT of its transaction, which begins at byte"
                f" {self._transaction:,}"
            )
        return "" if made else f"the dump is empty: nothing in its {self.size:,} bytes makes a table"

    def _note_transaction(self, statement: Statement) -> None:
        if found := TRANSACTION.match(statement.text):
            self._transaction = statement.offset if found[1] else None

    def _start(self) -> None:
        self._more()
        if self._buffer.startswith((b"\xff\xfe", b"\xfe\xff")) or self._buffer[1:8:2] == b"\0\0\0\0":
            raise DumpDamaged(
                "the dump is written in UTF-16, as PowerShell's > does: convert it to UTF-8 first"
            )
        if self._buffer.startswith(b"\xef\xbb\xbf"):
            self._position = 3

    def _more(self) -> None:
        """Drop what lies before the position and read on: as much again as is kept (so that a string over many chunks
        is scanned a few times, not once a chunk), within bounds of memory."""
        rest, self._buffer = self._buffer[self._position :], b""
        self._base += self._position
        self._position = 0
        if len(rest) > self._limit:
            raise DumpRefused(f"what begins at byte {self._base:,} does not end within {self._limit:,} bytes")
        wanted, parts, got = min(max(READ_AHEAD, len(rest)), MOST_AHEAD), [rest], 0
        while got < wanted and not self._ended:
            chunk = next(self._chunks, None)
            self._ended = chunk is None
            # Every lookahead asks for a real byte; a few line ends give it one where the stream has ended.
            parts.append(b"\n" * LOOKAHEAD if chunk is None else chunk)
            got += 0 if chunk is None else len(chunk)
        self.size += got
        self._buffer = b"".join(parts)

    def _skip_gap(self) -> None:
        """Pass white space and comments; what they say of the dump's begin and end is noted."""
        while True:
            end = _end_of(GAP, self._buffer, self._position)
            self._note_comments(self._position, end)
            self._position = end
            if self._ended:
                return
            if len(self._buffer) - self._position >= LOOKAHEAD and not COMMENT_OPEN.match(
                self._buffer, self._position
            ):
                return
            self._more()

    def _note_comments(self, start: int, end: int) -> None:
        for comment in COMMENT.finditer(self._buffer, start, end):
            text = comment[0]
            if text.startswith(TRAILER):
                self.trailers += 1
            elif HEAD.match(text):
                self.heads += bool(ENDS_SO.match(text))
                self.writer = self.writer or text[3:160].decode("utf-8", "replace").strip()
            elif version := SERVER_VERSION.match(text):
                self.server_version = self.server_version or version[1][:80].decode("utf-8", "replace")

    def _client_line(self) -> Statement | None:
        """A client command or a program's complaint where a statement may begin; an empty one for a DELIMITER
        line, which is obeyed; None where SQL begins."""
        if self._buffer[self._position] not in LINE_INITIALS:
            return None
        while not self._ended and self._buffer.find(b"\n", self._position, self._position + LONGEST_LINE) < 0:
            if len(self._buffer) - self._position >= LONGEST_LINE:
                return None
            self._more()
        if match := DELIMITER.match(self._buffer, self._position):
            self._delimiter = self._checked(match[1])
            self._position = match.end()
            return Statement(0, b"")
        for pattern, kind in ((COMMAND, Kind.COMMAND), (NOISE, Kind.NOISE)):
            if match := pattern.match(self._buffer, self._position):
                line = Statement(self._base + self._position, match[0].rstrip(), kind)
                self._position = match.end()
                return line
        return None

    def _checked(self, delimiter: bytes) -> bytes:
        if delimiter[:1] in b"'\"`#\\" or len(delimiter) > LOOKAHEAD:
            raise DumpRefused(
                f"the DELIMITER at byte {self._base + self._position:,} cannot be told from a quote or a comment"
            )
        return delimiter

    def _statement(self) -> Statement:
        """The statement at the position, which moves behind its delimiter."""
        if self._delimiter == b";" and (statement := self._insert()) is not None:
            return statement
        scanned = self._position
        while True:
            scanned = _end_of(_body(self._delimiter), self._buffer, scanned)
            if self._buffer.startswith(self._delimiter, scanned):
                text = self._buffer[self._position : scanned].rstrip()
                statement = Statement(self._base + self._position, text)
                self._position = scanned + len(self._delimiter)
                return statement
            if self._ended:
                rest = self._buffer[self._position :].rstrip()
                self._position, start = len(self._buffer), self._position
                return Statement(self._base + start, rest, Kind.CUT)
            done = scanned - self._position
            self._more()
            scanned = done

    def _insert(self) -> Statement | None:
        """An INSERT as dump programs write them; None where only the exact scan can tell (the position stays)."""
        if self._buffer[self._position : self._position + 6].upper() not in {b"INSERT", b"REPLAC"}:
            return None
        scan = scan_of(self._buffer, self._position)
        if scan is None:
            return None
        end: int | None = end_of_short(self._buffer, self._position, scan)
        while end == -1 and (end := scan.end(self._buffer, self._position)) == -1 and not self._ended:
            self._more()
        if end is None or end < 0:
            return None
        statement = Statement(self._base + self._position, self._buffer[self._position : end])
        self._position = end + 1
        return statement
