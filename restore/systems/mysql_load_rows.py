"""The rows of a dump on their way to the server, counted and hashed as they pass.

The quick way takes INSERTs as dump programs write them: read whole, hashed as they stand, given to the server as LOAD
DATA. The careful way reads every literal and sends the INSERT. Which one a statement goes decides nothing: what the
server holds is compared with the stream's own hash in the end, and a load that was quick and differs is done again
carefully.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace

from restore.errors import LoadDiffers
from restore.model.text import safe
from restore.systems.dump import Statement
from restore.systems.dump_inserts import Rows, hashes, row_pieces, rows_of
from restore.systems.dump_introduced import introduced
from restore.systems.dump_rows import BINARIES, GEOMETRIES, TEXTS, Column, NotLiterals, RowReader
from restore.systems.dump_statements import InsertRows, Refuse
from restore.systems.mysql_lanes import Doubtful, Flow
from restore.systems.mysql_load_state import Load, Table, session_sql
from restore.systems.mysql_tables import every_column

TRANSACTION = 32 << 20
# A larger row goes by INSERT: looking at it as a whole takes some ten times its bytes of memory.
LARGEST = 8 << 20
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
    text = introduced(statement.text, insert.start, reader.columns, load.session.charset)
    statement = statement if text is statement.text else replace(statement, text=text)
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
    known = lane_charset(reader.columns, load.session.charset)
    for begin, end in row_pieces(statement.text, insert.start):
        piece = statement.text[begin:end]
        rows = rows_of(piece) if known else None
        _count(reader, piece, begin, rows)


def _sent(load: Load, statement: Statement, insert: InsertRows, reader: RowReader) -> None:
    """By INSERT, every literal read."""
    if load.lanes is not None:
        load.lanes.settle(insert.table)
    for piece in _pieces(load, statement, insert, reader):
        load.prepare()
        load.loader.run(piece, f"loading {safe(insert.table)}, the INSERT at byte {statement.offset:,}")
        load.count_warnings()
    load.pending += len(statement.text)
    if load.pending > TRANSACTION:
        load.flush()


def _given(load: Load, statement: Statement, insert: InsertRows, reader: RowReader) -> bool:
    """By LOAD DATA, if this server and these rows allow it; else nothing was done. Raises Doubtful where some of an
    INSERT went and the rest cannot."""
    if load.lanes is None or insert.ignores or load.session.charset not in LANE_CHARSETS:
        return False
    charset = lane_charset(reader.columns, load.session.charset)
    if not charset:
        return False
    for begin, end in row_pieces(statement.text, insert.start):
        piece = statement.text[begin:end]
        rows = rows_of(piece) if len(piece) <= LARGEST else None
        if rows is None or (len(piece) > load.packet - 1024 and rows.longest() > load.packet - 1024):
            if begin > insert.start:
                raise Doubtful(f"the rows of {safe(insert.table)} at byte {statement.offset + begin:,}")
            return False
        _count(reader, piece, begin, rows)
        flow = Flow(insert.table, insert.columns, charset, session_sql(load), rows.separator)
        load.flush()
        load.lanes.give(flow, rows.body + rows.separator)
    return True


def _count(reader: RowReader, piece: bytes, begin: int, rows: Rows | None) -> None:
    """Add the rows of a piece, which begins at `begin` of its statement, to the stream's checksum: as they stand, where
    the columns' canonical text is what dump programs write, else value by value."""
    canonical = rows.canonical() if rows is not None and reader.as_written else None
    if canonical is not None:
        reader.sum.rows += len(canonical)
        reader.sum.total += hashes(canonical)
        return
    try:
        for _ in reader.read(piece, 0):
            pass
    except NotLiterals as strange:
        raise NotLiterals(begin + strange.at) from None


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


def _pieces(load: Load, statement: Statement, insert: InsertRows, reader: RowReader) -> Iterator[bytes]:
    """The INSERT as it stands, or cut between rows into as many as the server's largest packet takes; all of it is read
    before the first is given out."""
    head = SLOW_WORDS.sub(b"", statement.text[: insert.start])
    starts = array("Q", reader.read(statement.text, insert.start))
    room = load.packet - len(head) - 1024
    if len(statement.text) - insert.start <= room:
        yield head + statement.text[insert.start :]
        return
    ends = starts[1:]
    ends.append(len(statement.text))
    first = starts[0]
    for start, end in zip(starts, ends, strict=True):
        if end - start > room:
            raise LoadDiffers(
                f"the row of {safe(insert.table)} at byte {statement.offset + start:,} of the dump has "
                f"{end - start:,} bytes; the server takes max_allowed_packet = {load.packet:,}"
            )
        if end - first > room:
            yield head + statement.text[first:start].rstrip(b", \t\r\n")
            first = start
    yield head + statement.text[first:]
