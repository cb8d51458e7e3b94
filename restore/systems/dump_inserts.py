"""INSERTs as dump programs write them, read exactly and without a look at each byte.

Escaped quotes and backslashes are blanked, length kept; then every `'` left begins or ends a string, and cutting there
gives code and strings by turns. What lies outside strings is looked at whole: where it holds anything but what such a
writer makes (another quote, a comment, a backslash, a semicolon), nobody guesses, and the exact reader of dump.py
and the row reader of dump_rows.py do the work.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from restore.systems.dump_scan import InsertScan

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
OTHER_ESCAPE = re.compile(rb"\\[^nr0Ztb\"]")
BLANK = b"\x01\x01"
SHORT = 2048
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
    """The rows of an INSERT: `body` is what stands between the first `(` and the last `)`, `separator` what stands
    between two rows; `loadable` tells whether LOAD DATA reads them as INSERT does."""

    body: bytes
    separator: bytes
    loadable: bool

    def texts(self) -> Sequence[bytes]:
        """Each row without its parentheses."""
        return self.body.split(self.separator)

    def canonical(self) -> Sequence[bytes] | None:
        """Each row's canonical text (dump_rows.py), if every value is written as such a text with the escapes of
        mysql_real_escape_string; None where that cannot be cut."""
        body = self.body
        if b"\\" not in body:
            return body.split(self.separator)
        if b"),\\n(" in body or b"\0" in body:
            return None
        body = (
            body.replace(b"\\\\", b"\0").replace(b"\\n", b"\n").replace(b"\\r", b"\r").replace(b'\\"', b'"')
        )
        return body.replace(b"\0", b"\\\\").split(self.separator)


def rows_of(text: bytes, start: int) -> Rows | None:
    """The rows of an INSERT whose first `(` stands at `start`; None where they are not written by a dump program."""
    body = text[start:].rstrip()
    blanked = blanked_escapes(body)
    parts = blanked.split(b"'")
    code = b"'".join(parts[::2])
    if len(parts) % 2 == 0 or _strange(code) or body[:1] != b"(" or body[-1:] != b")":
        return None
    separator = LINES if LINES in code else ONE_LINE
    strings = b"\0".join(parts[1::2])
    # Within one row no parenthesis may stand but its own two: nothing is a function, nothing is cut wrongly.
    many = code.count(separator)
    if separator in strings or code.count(b"(") != many + 1 or code.count(b")") != many + 1:
        return None
    loadable = not code.translate(None, LOADABLE) and not OTHER_ESCAPE.search(strings)
    return Rows(body[1:-1], separator, loadable)


def hashes(rows: Sequence[bytes]) -> int:
    """The sum of the first 8 bytes of each row's MD5, as dump_rows.py adds them."""
    digests = b"".join([hashlib.md5(row, usedforsecurity=False).digest() for row in rows])
    return sum(struct.unpack(f">{2 * len(rows)}Q", digests)[::2])
