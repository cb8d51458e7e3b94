"""One statement's text as a server of a given version reads it, and its names.

Version comments are opened or dropped here, so that what is judged, what is sent and what the server reads are the
same bytes: nothing that is executed hides in a comment. https://mariadb.com/kb/en/comment-syntax/
"""

from __future__ import annotations

import re

from restore.systems.dump import LINE_COMMENT, PLAIN_COMMENT, STRING

PIECE = re.compile(
    rb"(?P<string>"
    + STRING
    + rb")|(?P<comment>"
    + LINE_COMMENT
    + rb"|"
    + PLAIN_COMMENT
    + rb")|(?P<open>/\*(?P<maria>M?)!(?P<version>\d{5,6})?)|(?P<close>\*/)|(?P<code>[^'\"`\#/*\-]++|.)",
    re.DOTALL,
)
NAME = rb"(?:`(?:[^`]|``)+`|[0-9A-Za-z_$\x80-\xff]+)"
# MySQL's own range since 5.7, which MariaDB skips: https://mariadb.com/kb/en/comment-syntax/
MYSQL_ONLY = range(50700, 100000)
# Client character sets by Python's names; none of them can hide a quote or a backslash in a second byte.
CODECS = {
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "utf8": "utf-8",
    "latin1": "cp1252",
    "latin2": "iso8859-2",
    "latin5": "iso8859-9",
    "latin7": "iso8859-13",
    "ascii": "ascii",
    "binary": "utf-8",
    "cp1250": "cp1250",
    "cp1251": "cp1251",
    "cp1256": "cp1256",
    "cp1257": "cp1257",
    "cp850": "cp850",
    "cp852": "cp852",
    "cp866": "cp866",
    "greek": "iso8859-7",
    "hebrew": "iso8859-8",
    "koi8r": "koi8-r",
    "koi8u": "koi8-u",
    "macroman": "mac-roman",
    "macce": "mac-latin2",
    "tis620": "tis-620",
    "euckr": "euc-kr",
    "gb2312": "gb2312",
    "ujis": "euc-jp",
}


def effective(text: bytes, version: int, *, comments: bool = False) -> bytes | None:
    """`text` with version comments opened (or dropped, where a MariaDB of `version`, 101119 for 10.11.19, would skip
    them); plain comments become a space, or stay where `comments`. None where a version comment is never closed."""
    parts: list[bytes] = []
    runs: list[bool] = []
    for piece in PIECE.finditer(text + b"\n"):
        kind = piece.lastgroup if piece["open"] is None else "open"
        if kind == "open":
            runs.append(all(runs) and _executed(piece, version))
            parts.append(b" ")
        elif kind == "close" and runs:
            runs.pop()
            parts.append(b" ")
        elif runs and not runs[-1]:
            continue
        elif kind == "comment" and not comments:
            parts.append(b" ")
        else:
            parts.append(piece[0])
    return None if runs else b"".join(parts).strip()


def _executed(piece: re.Match[bytes], version: int) -> bool:
    if piece["version"] is None:
        return True
    wanted = int(piece["version"])
    return wanted <= version and (bool(piece["maria"]) or wanted not in MYSQL_ONLY)


def blanked(text: bytes) -> bytes:
    """`text` (comments gone) with every string as '' and every quoted name as `q`: only keywords and structure."""
    return re.sub(STRING, lambda found: b"`q`" if found[0][:1] == b"`" else b"''", text, flags=re.DOTALL)


def name_of(raw: bytes, charset: str = "utf8mb4") -> str:
    """An identifier as text; bytes that its character set does not know stay as surrogates."""
    if raw.startswith(b"`"):
        raw = raw[1:-1].replace(b"``", b"`")
    codec = CODECS.get(charset, "utf-8")
    return raw.decode(codec, "surrogateescape")


def quoted_name(name: str) -> bytes:
    """The one place where an identifier becomes SQL: in backticks, backticks doubled, always UTF-8."""
    return b"`" + name.encode("utf-8", "surrogateescape").replace(b"`", b"``") + b"`"


def quoted_pattern(name: str) -> bytes:
    """A database's name where GRANT takes a pattern: `_` and `%` mean themselves."""
    return quoted_name(name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))


def quoted_string(text: str | bytes) -> bytes:
    """A string literal, for a session whose sql_mode has backslash escapes."""
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    return (
        b"'" + raw.translate(None).replace(b"\\", b"\\\\").replace(b"'", b"\\'").replace(b"\0", b"\\0") + b"'"
    )
