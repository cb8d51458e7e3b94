"""A folder that mysqldump --tab wrote: TABLE.sql makes a table, TABLE.txt holds its rows as SELECT … INTO OUTFILE.

The files are read with that statement's default options, which nothing in the folder states: fields end with a tab,
rows with a line feed, a backslash stands before either, before itself and before 0 (a NUL), and \\N alone is NULL. A
row's field is then a string literal but for its quotes.

Texts stand in their columns' own character sets, unless --default-character-set or an option file named one for all;
nothing in the folder says so. Where it matters, which is where a table has a column that is not UTF-8, bytes that are
no UTF-8 prove the first; where all is UTF-8 nobody can tell, and the incident file must.
https://mariadb.com/kb/en/select-into-outfile/
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator

from restore.errors import DumpDamaged, DumpRefused
from restore.model.text import safe
from restore.systems.dump_text import quoted_name

ROW = re.compile(rb"(?:[^\\\n]++|\\.)*+\n", re.DOTALL)
FIELD = re.compile(rb"(?:[^\\\t\n]++|\\.)*+", re.DOTALL)
CREATE = re.compile(rb"^CREATE TABLE (`(?:[^`]|``)+`)", re.MULTILINE)
BATCH = 1 << 19
LONGEST_ROW = 64 << 20
SETTINGS = (
    b"\n/*!40101 SET NAMES %s */;\n/*!40103 SET TIME_ZONE='+00:00' */;\n"
    b"/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
)
OTHER_CHARSET = re.compile(rb"(?:CHARACTER SET |CHARSET=)(?!utf8|binary|ascii)\w+", re.IGNORECASE)


def table_in(made: bytes, file: str) -> bytes:
    """The quoted name of the table that a TABLE.sql makes; else what its file is called."""
    found = CREATE.search(made)
    return found[1] if found else quoted_name(file)


def settings_of(made: bytes, chunks: Iterable[bytes], stated: str, where: str) -> bytes:
    """The settings that the rows of a table are to be read under. `stated` is the character set that the incident file
    names, "" where it names none. Raises DumpRefused where it had to."""
    if stated or not OTHER_CHARSET.search(made):
        return SETTINGS % (stated.encode() or b"binary")
    decoder, other = getincrementaldecoder("utf-8")(), False
    try:
        for chunk in chunks:
            other = other or not chunk.isascii()
            decoder.decode(chunk)
        decoder.decode(b"", True)
    except UnicodeDecodeError:
        return SETTINGS % b"binary"
    if not other:
        return SETTINGS % b"binary"
    raise DumpRefused(
        f"{where} is written in UTF-8 and has columns in another character set: state in the incident file, by"
        ' tab_charset = "binary" or "utf8mb4", whether mysqldump --tab was run without or with a character set'
    )


def rows_sql(table: bytes, chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    """The rows of a TABLE.txt as INSERTs into the table of that quoted name. `where` names the file in errors.

    Raises DumpDamaged where it ends inside a row, or where its rows have not as many fields as the first: it is cut, or
    was written with other options. What was yielded before holds complete rows alone.
    """
    head = b"INSERT INTO " + table + b" VALUES\n"
    text, fields, number = b"", 0, 0
    rows: list[bytes] = []
    size = 0
    for chunk in chunks:
        text += chunk
        place = 0
        while (row := ROW.match(text, place)) is not None:
            place, number = row.end(), number + 1
            values = fields_of(row[0])
            fields = fields or len(values)
            if len(values) != fields:
                yield from _insert(head, rows)
                raise DumpDamaged(
                    f"{where}: row {number:,} has {len(values)} fields, the first {fields}: it is damaged, or was"
                    " written with other options than the default ones"
                )
            rows.append(b"(" + b",".join(map(literal, values)) + b")")
            size += len(rows[-1])
            if size > BATCH:
                yield from _insert(head, rows)
                rows, size = [], 0
        text = text[place:]
        if len(text) > LONGEST_ROW:
            raise DumpDamaged(f"{where}: row {number + 1:,} does not end within {LONGEST_ROW:,} bytes")
    yield from _insert(head, rows)
    if text:
        raise DumpDamaged(f"{where} ends inside row {number + 1:,}: it is cut")


def fields_of(row: bytes) -> list[bytes]:
    """The fields of a row that ends with a line feed, as they are written."""
    if b"\\" not in row:
        return row[:-1].split(b"\t")
    fields, place = [], 0
    while place < len(row):
        field = FIELD.match(row, place)
        fields.append(field[0] if field else b"")
        place = (field.end() if field else place) + 1
    return fields


def literal(field: bytes) -> bytes:
    """A field as a literal of SQL: its escapes mean the same there."""
    if field == b"\\N":
        return b"NULL"
    return b"'" + field.replace(b"'", b"''").replace(b"\0", b"\\0") + b"'"


def _insert(head: bytes, rows: list[bytes]) -> Iterator[bytes]:
    if rows:
        yield head + b",\n".join(rows) + b";\n"


def tables_of(names: Iterable[bytes]) -> dict[str, tuple[bytes, bytes | None]]:
    """By table: its TABLE.sql and TABLE.txt (None where there is none), packed or not."""
    found: dict[str, dict[bytes, bytes]] = {}
    for name in sorted(names):
        match = re.fullmatch(rb"(.+)\.(sql|txt)(?:\.(?:gz|zst|xz|bz2))?", name, re.DOTALL)
        if match:
            found.setdefault(safe_name(match[1]), {}).setdefault(match[2], name)
    return {table: (files[b"sql"], files.get(b"txt")) for table, files in found.items() if b"sql" in files}


def safe_name(raw: bytes) -> str:
    """A table's name as mysqldump makes a file's name of it: its very bytes."""
    return raw.decode("utf-8", "surrogateescape")


def check_rows_are_there(table: str, made: bytes, where: str) -> None:
    """Raise DumpDamaged for a table whose rows' file is missing; a view has none."""
    if CREATE.search(made):
        raise DumpDamaged(f"{where}: the file with the rows of {safe(table)} ({safe(table)}.txt) is missing")
