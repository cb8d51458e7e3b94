"""A folder that mysqldump --tab wrote: TABLE.sql makes a table, TABLE.txt holds its rows as SELECT … INTO OUTFILE.

The files are read with that statement's default options, which nothing in the folder states: fields end with a tab,
rows with a line feed, a backslash stands before either, before itself and before 0 (a NUL), and \\N alone is NULL. A
row's field is then a string literal but for its quotes. Texts are in their columns' own character sets, hence SET
NAMES binary.
https://mariadb.com/kb/en/select-into-outfile/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from restore.errors import DumpDamaged
from restore.model.text import safe
from restore.systems.dump_text import quoted_name

ROW = re.compile(rb"(?:[^\\\n]++|\\.)*+\n", re.DOTALL)
FIELD = re.compile(rb"(?:[^\\\t\n]++|\\.)*+", re.DOTALL)
BATCH = 1 << 19
LONGEST_ROW = 64 << 20
SETTINGS = (
    b"\n/*!40101 SET NAMES binary */;\n/*!40103 SET TIME_ZONE='+00:00' */;\n"
    b"/*!40101 SET SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
)


def rows_sql(table: str, chunks: Iterable[bytes], where: str) -> Iterator[bytes]:
    """The rows of a TABLE.txt as INSERTs. `where` names the file in errors.

    Raises DumpDamaged where it ends inside a row, or where its rows have not as many fields as the first: it is cut, or
    was written with other options. What was yielded before holds complete rows alone.
    """
    head = b"INSERT INTO " + quoted_name(table) + b" VALUES\n"
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
    if re.search(rb"^CREATE TABLE `", made, re.MULTILINE):
        raise DumpDamaged(f"{where}: the file with the rows of {safe(table)} ({safe(table)}.txt) is missing")
