"""The rows of a dump on their way to the server, counted and hashed as they pass.

The quick way takes INSERTs as dump programs write them: read whole, hashed as they stand, given to the server as LOAD
DATA. The careful way reads every literal and sends the INSERT. Which one a statement goes decides nothing: what the
server holds is compared with the stream's own hash in the end, and a load that was quick and differs is done again
carefully.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from restore.errors import LoadDiffers
from restore.model.text import safe
from restore.systems.dump import Statement
from restore.systems.dump_inserts import Rows, hashes, rows_of
from restore.systems.dump_rows import BINARIES, GEOMETRIES, TEXTS, Column, NotLiterals, RowReader
from restore.systems.dump_statements import InsertRows, Refuse
from restore.systems.mysql_lanes import Flow
from restore.systems.mysql_load_state import Load, Table, session_sql
from restore.systems.mysql_tables import every_column

TRANSACTION = 32 << 20
SLOW_WORDS = re.compile(rb"\s(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY)(?=\s)", re.IGNORECASE)
# Types that LOAD DATA, which reads everything in one character set, may read otherwise than INSERT.
NOT_FOR_LANES = GEOMETRIES | {"bit"}
UTF8 = frozenset(("utf8mb4", "utf8mb3", "utf8"))
# Character sets in which no byte of another character is a quote, a backslash or a comma.
LANE_CHARSETS = frozenset(
    (
        *UTF8,
        "latin1",
        "latin2",
        "latin5",
        "latin7",
        "ascii",
        "cp1250",
        "cp1251",
        "cp1256",
    )
)


def insert_rows(load: Load, statement: Statement, insert: InsertRows) -> None:
    table = load.tables.get(insert.table)
    if table is None:
        load.refuse(statement, Refuse("rows for a table that the dump did not create", grave=True))
        return
    if load.current != table.name:
        load.flush()
        load.current = table.name
    table.state = None
    reader = _reader(load, table, insert)
    try:
        if insert.table in load.kept:
            _seen(load, statement, insert, reader)
        elif not _given(load, statement, insert, reader):
            _sent(load, statement, insert, reader)
    except NotLiterals as strange:
        place = statement.offset + strange.at
        load.refuse(statement, Refuse(f"values that are not literals, at byte {place:,}", grave=True))
    if insert.ignores:
        table.doubt = table.doubt or "its rows were written with IGNORE or REPLACE"


def _seen(load: Load, statement: Statement, insert: InsertRows, reader: RowReader) -> None:
    """Counted and hashed alone: the table was loaded before."""
    rows = (
        rows_of(statement.text, insert.start) if lane_charset(reader.columns, load.session.charset) else None
    )
    if rows is None or not _counted(load, statement, insert, reader, rows):
        list(reader.read(statement.text, insert.start))


def _sent(load: Load, statement: Statement, insert: InsertRows, reader: RowReader) -> None:
    """By INSERT, every literal read."""
    if load.lanes is not None:
        load.lanes.settle(insert.table)
    pieces = _pieces(load, statement, insert, reader)
    load.prepare()
    for piece in pieces:
        load.loader.run(piece, f"loading {safe(insert.table)}, the INSERT at byte {statement.offset:,}")
        load.count_warnings()
    load.pending += len(statement.text)
    if load.pending > TRANSACTION:
        load.flush()


def _given(load: Load, statement: Statement, insert: InsertRows, reader: RowReader) -> bool:
    """By LOAD DATA, if this server and these rows allow it; else nothing was done."""
    if load.lanes is None or insert.ignores or load.session.charset not in LANE_CHARSETS:
        return False
    charset = lane_charset(reader.columns, load.session.charset)
    rows = rows_of(statement.text, insert.start) if charset else None
    if rows is None or not _counted(load, statement, insert, reader, rows):
        return False
    flow = Flow(insert.table, insert.columns, charset, session_sql(load), rows.separator)
    load.flush()
    load.lanes.give(flow, rows.body + rows.separator)
    return True


def lane_charset(columns: Sequence[Column], charset: str) -> str:
    """The one character set in which LOAD DATA reads rows written in `charset` as INSERT does; "" where there is
    none. Bytes and text of one table are read alike only where neither is converted."""
    if any(column.generated or column.kind in NOT_FOR_LANES for column in columns):
        return ""
    if charset not in UTF8:
        return charset
    if {column.charset for column in columns if column.kind in TEXTS} <= UTF8:
        return "binary"
    return "" if any(column.kind in BINARIES for column in columns) else charset


def _counted(load: Load, statement: Statement, insert: InsertRows, reader: RowReader, rows: Rows) -> bool:
    """Add the rows to the stream's checksum: as they stand, where the columns' canonical text is what dump programs
    write. False, and nothing added, where one is too large for the server's packets."""
    if len(statement.text) > load.packet - 1024 and rows.longest() > load.packet - 1024:
        return False
    canonical = rows.canonical() if reader.as_written else None
    if canonical is None:
        list(reader.read(statement.text, insert.start))
        return True
    reader.sum.rows += len(canonical)
    reader.sum.total += hashes(canonical)
    return True


def _reader(load: Load, table: Table, insert: InsertRows) -> RowReader:
    """The reader of that table's rows; made at its first INSERT, when the table stands on the server."""
    if table.reader is None:
        every = every_column(load.admin, load.staging, table.name)
        named = {column.name.lower(): column for column in every}
        chosen = tuple(named[name.lower()] for name in insert.columns if name.lower() in named) or every
        table.reader = RowReader(chosen)
        table.columns = insert.columns
        table.charset, table.time_zone = load.session.charset, load.session.time_zone
    elif (table.columns, table.charset, table.time_zone) != (
        insert.columns,
        load.session.charset,
        load.session.time_zone,
    ):
        table.doubt = table.doubt or "its INSERTs differ in columns, character set or time zone"
    return table.reader


def _pieces(load: Load, statement: Statement, insert: InsertRows, reader: RowReader) -> list[bytes]:
    """The INSERT as it stands, or cut between rows into as many as the server's largest packet takes."""
    head = SLOW_WORDS.sub(b"", statement.text[: insert.start])
    starts = list(reader.read(statement.text, insert.start))
    room = load.packet - len(head) - 1024
    if len(statement.text) - insert.start <= room:
        return [head + statement.text[insert.start :]]
    ends = [*starts[1:], len(statement.text)]
    pieces, first = [], starts[0]
    for start, end in zip(starts, ends, strict=True):
        if end - start > room:
            raise LoadDiffers(
                f"the row of {safe(insert.table)} at byte {statement.offset + start:,} of the dump has "
                f"{end - start:,} bytes; the server takes max_allowed_packet = {load.packet:,}"
            )
        if end - first > room:
            pieces.append(head + statement.text[first:start].rstrip(b", \t\r\n"))
            first = start
    return [*pieces, head + statement.text[first:]]
