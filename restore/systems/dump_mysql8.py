"""A CREATE TABLE as MySQL 8 writes it, in MariaDB's words, each change told; what has none is left out and listed.

MySQL puts most of its novelties into version comments, which MariaDB passes over without a word: an index that nobody
was to use would be used, a check that was not enforced would be, and nobody told. The form is SHOW CREATE TABLE's, a
part a line, which dump programs copy; anything else stays as it is, and the server says what it makes of it.
https://dev.mysql.com/doc/refman/8.4/en/create-table.html, https://mariadb.com/kb/en/create-table/
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from restore.model.text import safe
from restore.systems.dump import STRING
from restore.systems.dump_text import MYSQL_ONLY, blanked

TABLE = re.compile(rb"CREATE TABLE (?:IF NOT EXISTS )?`((?:[^`]|``)+)` \(\n")
SIGNS = re.compile(
    rb"/\*!\d{5}|\(\(|VISIBLE|ENCRYPTION|SECONDARY_ENGINE|ENGINE_ATTRIBUTE|AUTOEXTEND_SIZE| json\b|geomcollection"
    rb"|utf8mb3|DEFAULT \(|,\(|CHECK ",
    re.IGNORECASE,
)
COMMENT = re.compile(STRING + rb"|(?P<all>\s*/\*!(?P<version>\d{5})\s*(?P<what>[^*]*?)\s*\*/)", re.DOTALL)
KEY = re.compile(
    rb"  (?:UNIQUE |FULLTEXT |SPATIAL |PRIMARY )?KEY (?:`(?P<name>(?:[^`]|``)+)` )?\(", re.IGNORECASE
)
CHECK = re.compile(rb"  (?:CONSTRAINT `(?P<name>(?:[^`]|``)+)` )?CHECK ", re.IGNORECASE)
COLUMN = re.compile(rb"  `(?P<name>(?:[^`]|``)+)` (?P<type>\w+)", re.IGNORECASE)
EXPRESSION = re.compile(rb"(?:\(|,)\s*\(", re.IGNORECASE)
ENCRYPTION = rb"\sENCRYPTION\s*=\s*'(?P<encryption>[YyNn])'"
OPTION = re.compile(
    ENCRYPTION
    + rb"|\s(?P<option>(?:SECONDARY_ENGINE(?:_ATTRIBUTE)?|ENGINE_ATTRIBUTE|AUTOEXTEND_SIZE)\s*=\s*(?:'[^']*'|\w+))|"
    + STRING,
    re.IGNORECASE | re.DOTALL,
)
TABLESPACE = re.compile(rb"\s*/\*!50100 (TABLESPACE `[^`*]*`) \*/")
VISIBILITY = re.compile(STRING + rb"|\s(?P<word>INVISIBLE|VISIBLE)\b", re.IGNORECASE | re.DOTALL)
TYPE = re.compile(STRING + rb"|\b(?P<word>geomcollection)\b", re.IGNORECASE | re.DOTALL)
UTF8MB3 = re.compile(STRING + rb"|\b(?P<word>utf8mb3)(?=_|\b)", re.IGNORECASE | re.DOTALL)
ONLY_MYSQL = re.compile(
    rb"\b(?:uuid_to_bin|bin_to_uuid|is_uuid|regexp_like|any_value|json_storage_(?:size|free)|st_latitude|st_longitude"
    rb"|st_transform|json_schema_validation_report)\s*\(",
    re.IGNORECASE,
)
DEFAULT = re.compile(rb" DEFAULT \(", re.IGNORECASE)
IGNORED_SINCE, MB3_SINCE = 100600, 100600


@dataclass(slots=True)
class Translated:
    """A table's text for a MariaDB; what was said in other words (`notes`), and what was left out: where in the text
    it stood, its begin, and why."""

    text: bytes
    notes: list[str] = field(default_factory=list)
    left_out: list[tuple[int, str, str]] = field(default_factory=list)


def for_mariadb(text: bytes, version: int) -> Translated:
    """The text of a statement for a MariaDB of `version`; anything but a CREATE TABLE of MySQL's as it is."""
    made = TABLE.match(text)
    if made is None or not SIGNS.search(text):
        return Translated(text)
    lines = text.split(b"\n")
    last = next((number for number, line in enumerate(lines) if line.startswith(b")")), 0)
    if not last or not all(line.startswith(b"  ") for line in lines[1:last]):
        return Translated(text)
    told = Translated(text)
    table, kept, offset = safe(made[1]), [], len(lines[0]) + 1
    for line in lines[1:last]:
        part = _part(line.removesuffix(b","), version, table, told, offset)
        kept += [part] if part else []
        offset += len(line) + 1
    end = _options(b"\n".join(lines[last:]), table, told)
    whole = b"\n".join((lines[0], b",\n".join(kept), end))
    told.text = _replaced(UTF8MB3, whole, b"utf8") if version < MB3_SINCE else whole
    return told


def _part(line: bytes, version: int, table: str, told: Translated, offset: int) -> bytes:
    """A column, key or check; b"" where it is left out."""
    if key := KEY.match(line):
        return _key(line, safe(key["name"] or b"PRIMARY"), version, table, told, offset)
    if check := CHECK.match(line):
        return _check(line, safe(check["name"] or b""), table, told, offset)
    if column := COLUMN.match(line):
        return _column(line, column, table, told, offset)
    return line


def _key(line: bytes, name: str, version: int, table: str, told: Translated, offset: int) -> bytes:
    if EXPRESSION.search(blanked(_bare(line))):
        why = "a key over an expression, which MariaDB does not know; no row hangs on it"
        if line.lstrip().upper().startswith(b"UNIQUE"):
            why = "a unique key over an expression, which MariaDB does not know: doubles are not refused any more"
        told.left_out.append((offset, f"table {table}: KEY {name}", why))
        return b""
    visible, hidden = _visibility(line)
    if not hidden:
        return visible
    if version >= IGNORED_SINCE:
        told.notes.append(f"table {table}: the invisible key {name} is an ignored one, MariaDB's word for it")
        return visible + b" IGNORED"
    told.notes.append(f"table {table}: the invisible key {name} can be used here: this MariaDB knows none")
    return visible


def _check(line: bytes, name: str, table: str, told: Translated, offset: int) -> bytes:
    comments = b" ".join(found["what"] for found in _comments(line))
    if b"NOT ENFORCED" in comments.upper() or b"NOT ENFORCED" in blanked(line).upper():
        why = "a check that was not enforced: MariaDB enforces every check, so it was left out"
    elif ONLY_MYSQL.search(blanked(line)):
        why = "a check by a function that MariaDB does not know"
    else:
        return line
    told.left_out.append((offset, f"table {table}: CHECK {name}".rstrip(), why))
    return b""


def _column(line: bytes, column: re.Match[bytes], table: str, told: Translated, offset: int) -> bytes:
    name = safe(column["name"])
    line, hidden = _visibility(line)
    if column["type"].lower() == b"json":
        told.notes.append(
            f"table {table}: the JSON column {name} is text that is checked to be JSON, MariaDB's JSON"
        )
    for found in _comments(line):
        told.notes.append(f"table {table}: of the column {name} MySQL's {safe(found['what'])} was left out")
    line = _replaced(TYPE, line, b"geometrycollection")
    begin = DEFAULT.search(blanked(line))
    if begin is not None and ONLY_MYSQL.search(blanked(line)):
        line = _without_default(line)
        why = "a default by a function that MariaDB does not know: new rows must state a value"
        told.left_out.append((offset, f"table {table}: DEFAULT of {name}", why))
    if not hidden:
        return line
    bare = blanked(line).upper()
    if b"NOT NULL" in bare and b"DEFAULT" not in bare and b"AUTO_INCREMENT" not in bare:
        told.notes.append(f"table {table}: the invisible column {name} is visible: it has no default")
        return line
    told.notes.append(f"table {table}: the column {name} is invisible here too")
    comment = re.search(rb" COMMENT '", line)
    place = comment.start() if comment else len(line)
    return line[:place] + b" INVISIBLE" + line[place:]


def _visibility(line: bytes) -> tuple[bytes, bool]:
    """The line without words of visibility, in a comment or not, and whether they hid it."""
    hidden = False

    def other(found: re.Match[bytes]) -> bytes:
        nonlocal hidden
        word = (found["what"] if "what" in found.re.groupindex else found["word"]) or b""
        if word.upper() not in (b"VISIBLE", b"INVISIBLE"):
            return found[0]
        hidden = hidden or word.upper() == b"INVISIBLE"
        return b""

    return VISIBILITY.sub(other, COMMENT.sub(other, line)), hidden


def _comments(line: bytes) -> list[re.Match[bytes]]:
    """MySQL's own version comments in a line: MariaDB passes over them."""
    return [one for one in COMMENT.finditer(line) if one["all"] and int(one["version"]) in MYSQL_ONLY]


def _bare(line: bytes) -> bytes:
    return COMMENT.sub(lambda found: b"" if found["all"] else found[0], line)


def _without_default(line: bytes) -> bytes:
    """A column without its default in parentheses."""
    begin = DEFAULT.search(line)
    if begin is None:
        return line
    depth, place = 1, begin.end()
    for piece in re.finditer(STRING + rb"|[()]", line[place:], re.DOTALL):
        depth += {b"(": 1, b")": -1}.get(piece[0], 0)
        if not depth:
            return line[: begin.start()] + line[place + piece.end() :]
    return line


def _options(end: bytes, table: str, told: Translated) -> bytes:
    """The table's options without those that only MySQL knows."""
    for found in _comments(end):
        told.notes.append(f"table {table}: MySQL's {safe(found['what'])} was left out")
    for found in TABLESPACE.finditer(end):
        told.notes.append(f"table {table}: its {safe(found[1])} was left out: a file of the old server's")
    end = TABLESPACE.sub(b"", end)

    def other(found: re.Match[bytes]) -> bytes:
        if found["encryption"] is None and found["option"] is None:
            return found[0]
        if (found["encryption"] or b"").upper() == b"Y":
            told.notes.append(
                f"table {table}: it was encrypted; here it is as the server encrypts its tables"
            )
        elif found["option"]:
            told.notes.append(f"table {table}: MySQL's {safe(found['option'])} was left out")
        return b""

    return OPTION.sub(other, end)


def _replaced(pattern: re.Pattern[bytes], text: bytes, word: bytes) -> bytes:
    keep: Callable[[re.Match[bytes]], bytes] = lambda found: word if found["word"] else found[0]  # noqa: E731
    return pattern.sub(keep, text)
