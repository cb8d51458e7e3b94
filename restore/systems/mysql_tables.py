"""What the tables of a database hold, read back from the server: rows, checksum, definition, newest time.

Rows and checksum come from a scan of the table itself (USE INDEX (), which for InnoDB is the primary key), never
from a secondary index or the table's statistics. The checksum is that of dump_rows.py: the server writes each row's
canonical text and its hash, and adds up; tables with FLOAT, DOUBLE or geometry columns, and rows too large for one
packet, are read back and hashed here, by value. Generated columns are left out: nothing of a tenant is evaluated.
Views are never read. Two states are comparable when both were read under one character set and one time zone; the
standing ones are UTF-8 and +00:00.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace

from restore.model.mysql import TableState
from restore.systems.dump_rows import (
    BINARIES,
    BY_CLIENT,
    INTEGERS,
    PLAIN,
    TEXTS,
    TIMES,
    Column,
    Sum,
    canonical_value,
)
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_connection import Connection, Row

STANDING_CHARSET = "utf8mb4"
STANDING_ZONE = "+00:00"
AUTO_INCREMENT = re.compile(rb"\A(.*\n\)[^\n]*?) AUTO_INCREMENT=\d+", re.DOTALL)
MODULUS = 1 << 64


def table_names(connection: Connection, database: str) -> tuple[str, ...]:
    """Every base table, sorted; () where the database is not there."""
    rows = connection.rows(
        b"SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')"
        b" AND TABLE_SCHEMA = " + quoted_string(database)
    )
    return tuple(sorted(text(row[0]) for row in rows))


def table_states(connection: Connection, database: str, without: str = "") -> tuple[TableState, ...]:
    """The standing states of every base table but `without`. Sets the session for the reading."""
    chosen = tuple(name for name in table_names(connection, database) if name != without)
    if not chosen:
        return ()
    read_as(connection, STANDING_CHARSET, STANDING_ZONE)
    return tuple(table_state(connection, database, name) for name in chosen)


def read_as(connection: Connection, charset: str, time_zone: str) -> None:
    """Set the session in which columns are read: times in that zone, numbers and quotes as by default."""
    connection.run(
        b"SET NAMES utf8mb4, SESSION time_zone = " + quoted_string(time_zone) + b", SESSION sql_mode = ''"
        b", SESSION group_concat_max_len = 1048576, @br_row = 0"
    )


def table_state(
    connection: Connection, database: str, name: str, charset: str = STANDING_CHARSET
) -> TableState:
    """One table under the session's time zone, its text in `charset`."""
    every = columns(connection, database, name)
    newest = newest_expression(every)
    counted, latest = read_sum(connection, database, name, every, charset=charset, newest=newest)
    return TableState(name, counted.rows, counted.checksum, definition(connection, database, name), latest)


def sealed_state(connection: Connection, database: str, name: str) -> TableState:
    """As table_state(), with when the table was last changed."""
    changed = _changes(connection, database, name).get(name, "")
    return replace(table_state(connection, database, name), changed=changed)


def untouched(connection: Connection, database: str, states: Sequence[TableState]) -> frozenset[str]:
    """The tables that stand as they were when they were read: the server says that no row changed since (by its
    clock's second), and counts as many from the primary key. Sets the session for the reading."""
    read_as(connection, STANDING_CHARSET, STANDING_ZONE)
    changes = _changes(connection, database)
    return frozenset(
        one.name
        for one in states
        if one.changed
        and changes.get(one.name) == one.changed
        and definition(connection, database, one.name) == one.definition
        and rows_of(connection, database, one.name) == one.rows
    )


def rows_of(connection: Connection, database: str, table: str) -> int:
    """Counted from the table itself."""
    place = quoted_name(database) + b"." + quoted_name(table) + b" USE INDEX ()"
    return int(connection.one(b"SELECT COUNT(*) FROM " + place)[0] or 0)


def _changes(connection: Connection, database: str, table: str = "") -> dict[str, str]:
    """When each InnoDB table's rows were last changed, where the server remembers it. MySQL's word may be a day old
    (information_schema_stats_expiry), so it is not taken."""
    named = b" AND TABLE_NAME = " + quoted_string(table) if table else b""
    rows = connection.rows(
        b"SELECT TABLE_NAME, UPDATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = "
        + quoted_string(database)
        + named
        + b" AND ENGINE = 'InnoDB' AND UPDATE_TIME IS NOT NULL AND VERSION() LIKE '%MariaDB%'"
    )
    return {text(name): text(moment) for name, moment in rows}


def columns(connection: Connection, database: str, table: str) -> tuple[Column, ...]:
    """The columns that hold data of their own, in the table's order."""
    return tuple(one for one in every_column(connection, database, table) if not one.generated)


def every_column(connection: Connection, database: str, table: str) -> tuple[Column, ...]:
    """All columns, in the table's order."""
    rows = connection.rows(
        b"SELECT COLUMN_NAME, DATA_TYPE, CHARACTER_SET_NAME, CHARACTER_OCTET_LENGTH, NUMERIC_SCALE,"
        b" DATETIME_PRECISION, COLUMN_TYPE, IS_GENERATED FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = "
        + quoted_string(database)
        + b" AND TABLE_NAME = "
        + quoted_string(table)
        + b" ORDER BY ORDINAL_POSITION"
    )
    return tuple(_column(row) for row in rows)


def _column(row: Row) -> Column:
    name, kind, charset, length, scale, precision, declared, generated = row
    return Column(
        text(name),
        text(kind).lower(),
        text(charset),
        int(length or 0),
        int(scale or precision or 0),
        b"zerofill" in (declared or b"").lower(),
        generated != b"NEVER",
    )


def definition(connection: Connection, database: str, table: str) -> str:
    """SHA-256 (hex) of SHOW CREATE TABLE without its AUTO_INCREMENT counter."""
    made = connection.one(b"SHOW CREATE TABLE " + quoted_name(database) + b"." + quoted_name(table))[1] or b""
    return hashlib.sha256(AUTO_INCREMENT.sub(rb"\1", made)).hexdigest()


def newest_expression(every: Sequence[Column]) -> bytes:
    """The latest date of a table's rows as SQL that gives one row; NULL where it keeps none. For questions alone."""
    times = [quoted_name(one.name) for one in every if one.kind in {"date", "datetime", "timestamp"}]
    latest = [b"MAX(CAST(" + one + b" AS DATETIME))" for one in times]
    if len(latest) < 2:
        return latest[0] if latest else b"MAX(NULL)"
    return b"GREATEST(" + b", ".join(b"IFNULL(" + one + b", 0)" for one in latest) + b")"


def read_sum(
    connection: Connection,
    database: str,
    table: str,
    chosen: Sequence[Column],
    *,
    charset: str = STANDING_CHARSET,
    newest: bytes = b"MAX(NULL)",
) -> tuple[Sum, str]:
    """Count and sum a table over `chosen` columns, in that order, by one scan; and the newest date."""
    place = quoted_name(database) + b"." + quoted_name(table) + b" USE INDEX ()"
    if not any(_by_client(one) for one in chosen) and chosen:
        row = b"CONCAT_WS(',', " + b", ".join(_canonical(one, charset) for one in chosen) + b")"
        hashed = b"SUM((@br_row := CRC32(" + row + b")) * (@br_row >> 1))"
        found = connection.one(b"SELECT COUNT(*), " + hashed + b", " + newest + b" FROM " + place)
        if not connection.warnings:
            return Sum(int(found[0] or 0), int(found[1] or 0) % MODULUS), text(found[2])
    total = Sum()
    for read in connection.stream(_raw_query(chosen, charset, place)):
        total.add(b",".join(canonical_value(value, one) for value, one in zip(read, chosen, strict=True)))
    latest = connection.one(b"SELECT " + newest + b" FROM " + place)[0]
    return total, text(latest)


def _by_client(column: Column) -> bool:
    return column.kind in BY_CLIENT or column.kind not in KNOWN


KNOWN = INTEGERS | TEXTS | BINARIES | TIMES | PLAIN | {"decimal", "bit", "year"}


def _canonical(column: Column, charset: str) -> bytes:
    """SQL for a column's canonical text (dump_rows.py)."""
    name = quoted_name(column.name)
    if column.kind in INTEGERS or column.kind in {"decimal", "bit", "year"}:
        number = name + b"+0" if column.zerofill or column.kind == "bit" else name
        return b"IFNULL(" + number + b", 'NULL')"
    value = name if column.kind in TIMES else _bytes(column, charset)
    return b"IFNULL(CONCAT('''', " + value + b", ''''), 'NULL')"


def _bytes(column: Column, charset: str) -> bytes:
    """SQL for a column's bytes, its text in `charset`; of one collation, so that columns can be put together."""
    name = quoted_name(column.name)
    if column.kind in PLAIN:
        return b"CAST(CAST(" + name + b" AS CHAR) AS BINARY)"
    if column.kind in TEXTS and column.charset == charset == STANDING_CHARSET:
        return name + b" COLLATE utf8mb4_bin"
    if column.kind in TEXTS and charset != "binary":
        return b"CAST(CONVERT(" + name + b" USING " + charset.encode() + b") AS BINARY)"
    return b"CAST(" + name + b" AS BINARY)"


def _raw_query(chosen: Sequence[Column], charset: str, place: bytes) -> bytes:
    return b"SELECT " + b", ".join(_raw(one, charset) for one in chosen) + b" FROM " + place


def _raw(column: Column, charset: str) -> bytes:
    if column.kind in INTEGERS or column.kind in {"decimal", "bit", "year"}:
        return quoted_name(column.name) + (b"+0" if column.zerofill or column.kind == "bit" else b"")
    if column.kind in {"float", "double"} or column.kind in TIMES:
        return quoted_name(column.name)
    if column.kind in BY_CLIENT:
        return quoted_name(column.name)
    return _bytes(column, charset)


def text(value: bytes | None) -> str:
    """A server's text, bytes that are not UTF-8 kept as surrogates."""
    return "" if value is None else value.decode("utf-8", "surrogateescape")
