"""INSERTs as dump programs write them, read exactly and without a look at each byte.

Escaped quotes and backslashes are blanked, length kept; then every `'` left begins or ends a string, and cutting there
gives code and strings by turns. What lies outside strings is looked at whole: where it holds anything but what such a
writer makes (another quote, a comment, a backslash, a semicolon), nobody guesses, and the exact reader of dump.py
and the row reader of dump_rows.py do the work.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from restore.systems.dump_scan import DASH, Bits, Bytes, InsertScan, Mask, bits, count, escaping, within

NAME = rb"(?:`(?:[^`]|``)++`|\w++)"
HEAD = re.compile(
    rb"(?:INSERT|REPLACE) +(?:IGNORE +)?INTO +"
    + NAME
    + rb" *(?:\( *"
    + NAME
    + rb"(?: *, *"
    + NAME
    + rb")*+ *\) *)?"
    rb"VALUES\s*(?=\()"
)
# Outside strings these may begin a comment, another quote or another statement; \x01 is what was blanked.
STRANGE = (b'"', b"`", b"#", b";", b"\\", b"\x01", b"--", b"/*")
# Bare values that LOAD DATA reads as INSERT does: numbers and NULL.
LOADABLE = b"'0123456789NULe+-.,()\r\n"
# LOAD DATA reads \N as NULL and drops the backslash of \% and \_.
ESCAPED = b"nr0Ztb\"'\\"
NOT_LOADABLE, ODD_ESCAPE = 1, 2
KINDS = bytes((one not in LOADABLE) * NOT_LOADABLE + (one not in ESCAPED) * ODD_ESCAPE for one in range(256))
PLAIN = np.frombuffer(bytes.maketrans(b"nr0Ztb", b"\n\r\0\x1a\t\b"), np.uint8)
OPENING, CLOSING, UNDERSCORE = b"()_"
BINARY = b"_binary '"
BLANK = b"\x01\x01"
SHORT = 2048
PIECE = 4 << 20
LINES, ONE_LINE = b"),\n(", b"),("


def blanked_escapes(text: bytes) -> bytes:
    """The same length, `\\\\` and `\\'` blanked (pairs from the left, as the server reads them)."""
    if b"\\" not in text:
        return text
    return text.replace(b"\\\\", BLANK).replace(b"\\'", BLANK)


def _strange(code: bytes) -> bool:
    return any(one in code for one in STRANGE)


def scan_of(text: bytes, start: int) -> InsertScan | None:
    """What finds the end of the INSERT at `start`; None where no dump program writes such a one."""
    head = HEAD.match(text, start)
    return InsertScan(head.end() - start) if head else None


def end_of_short(text: bytes, start: int, scan: InsertScan) -> int:
    """Where the `;` of an INSERT of a few rows stands; -1 where it is none, or this quick look cannot tell."""
    begin = start + scan.done
    end = text.find(b");", begin, begin + SHORT) + 1
    if not end or text[end + 1 : end + 2] not in {b"\n", b"\r"}:
        return -1
    parts = blanked_escapes(text[begin:end]).split(b"'")
    return end if len(parts) % 2 and not _strange(b"'".join(parts[::2])) else -1


@dataclass(frozen=True, slots=True)
class Rows:
    """`many` rows of an INSERT that LOAD DATA reads as INSERT does: `body` is what stands from the first row's first
    value to the last row's last, `separator` what stands between two rows. `escapes` marks the backslashes that
    escape, None where there are none."""

    body: bytes
    separator: bytes
    many: int
    escapes: Mask | None

    def longest(self) -> int:
        """Bytes of the longest row, or more."""
        texts = self.body.split(self.separator)
        return max(map(len, texts)) if len(texts) == self.many else len(self.body)

    def canonical(self) -> Sequence[bytes] | None:
        """Each row's canonical text (dump_rows.py), if every value is written as such a text with the escapes of
        mysql_real_escape_string; None where that cannot be cut."""
        body = self.body if self.escapes is None else _unescaped(self.body, self.escapes)
        rows = body.split(self.separator)
        return rows if len(rows) == self.many else None


def _unescaped(body: bytes, escapes: Mask) -> bytes:
    block = np.frombuffer(body, np.uint8).copy()
    escaped = np.flatnonzero(escapes) + 1
    block[escaped] = PLAIN[block[escaped]]
    return block[~escapes].tobytes()


def row_pieces(text: bytes, start: int, size: int = PIECE) -> list[tuple[int, int]]:
    """Where an INSERT whose first `(` stands at `start` may be cut, so that each piece has `size` bytes or little more:
    from a row's `(` to behind another's `)`. One piece where no such cut is found, as in a large row."""
    end, pieces = len(text.rstrip()), []
    while end - start > 2 * size:
        cut = _last_row(text, start, start + size)
        if cut is None:
            break
        pieces.append((start, cut[0]))
        start = cut[1]
    return [*pieces, (start, end)]


def _last_row(text: bytes, start: int, stop: int) -> tuple[int, int] | None:
    """Before `stop`: behind the last row's `)`, and the next row's `(`."""
    while text[stop - 1 : stop] == b"\\":
        stop -= 1
    if stop <= start:
        return None
    block = np.frombuffer(text, np.uint8, stop - start, start)
    escapes = escaping(block) if text.find(b"\\", start, stop) >= 0 else None
    outside = ~within(block, escapes, False)
    for separator in (LINES, ONE_LINE):
        words = np.flatnonzero(_found(block, separator) & outside)
        if len(words):
            place = start + int(words[-1]) * 64
            place += int(_found(block, separator)[words[-1]] & outside[words[-1]]).bit_length() - 1
            return place + 1, place + len(separator) - 1
    return None


def rows_of(text: bytes) -> Rows | None:
    """The rows that make up `text`; None where they are not written by a dump program, or hold what LOAD DATA would
    read otherwise."""
    body = text.rstrip()
    if body[:1] != b"(" or body[-1:] != b")":
        return None
    if BINARY in body:
        body = _without_introducers(body)
    block = np.frombuffer(body, np.uint8)
    escapes = escaping(block) if b"\\" in body else None
    outside = ~within(block, escapes, False)
    kinds = np.frombuffer(body.translate(KINDS), np.uint8)
    if escapes is not None and (escapes[:-1] & (kinds[1:] & ODD_ESCAPE != 0)).any():
        return None
    strange = kinds & NOT_LOADABLE != 0
    dashes = block == DASH
    strange[1:] |= dashes[1:] & dashes[:-1]
    opening, closing = bits(block == OPENING), bits(block == CLOSING)
    many = count(opening & outside)
    if (bits(strange) & outside).any() or count(closing & outside) != many or int(outside[0]) & 1 == 0:
        return None
    # Within one row no parenthesis may stand but its own two: nothing is a function, nothing is cut wrongly.
    separator = next(
        (one for one in (LINES, ONE_LINE) if count(_found(block, one) & outside) == many - 1), None
    )
    if separator is None:
        return None
    return Rows(body[1:-1], separator, many, None if escapes is None else escapes[1:-1])


def _found(block: Bytes, separator: bytes) -> Bits:
    """Where it begins."""
    length = len(block) - len(separator) + 1
    found: Mask = np.zeros(len(block), np.bool_)
    if length > 0:
        found[:length] = block[:length] == separator[0]
        for place, character in enumerate(separator[1:], 1):
            found[:length] &= block[place : place + length] == character
    return bits(found)


def _without_introducers(body: bytes) -> bytes:
    """`_binary 'x'` as `'x'`, where each such text is one outside strings; else as it was, which LOAD DATA is not
    given."""
    block = np.frombuffer(body, np.uint8)
    outside = ~within(block, escaping(block), False)
    introducers = count(bits(block == UNDERSCORE) & outside)
    return body.replace(BINARY, b"'") if introducers == body.count(BINARY) else body


def hashes(rows: Sequence[bytes]) -> int:
    """The sum of each row's hash, as dump_rows.py adds them; modulo 2^64."""
    sums = np.fromiter(map(crc32, rows), np.uint64, len(rows))
    return int((sums * (sums >> np.uint64(1))).sum())
