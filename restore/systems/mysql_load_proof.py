"""The proof of a load: what the server holds, read back, against what the dump's stream held."""

from __future__ import annotations

from dataclasses import replace

from restore.errors import LoadDiffers
from restore.model.mysql import Loaded, TableState
from restore.model.text import safe
from restore.systems.dump import DumpReader
from restore.systems.dump_rows import TEXTS, Column, RowReader
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_load_resume import Unlike, end
from restore.systems.mysql_load_rows import UTF8
from restore.systems.mysql_load_state import Load, Table
from restore.systems.mysql_tables import (
    STANDING_CHARSET,
    STANDING_ZONE,
    columns,
    definition,
    read_as,
    read_sum,
    sealed_state,
    table_names,
    text,
)


def proven(load: Load, reader: DumpReader) -> Loaded:
    """Read every table back and compare it with the stream."""
    end(load)
    _drop_placeholders(load)
    standing = set(table_names(load.admin, load.staging))
    if missing := set(load.tables) - standing:
        raise LoadDiffers(f"the server did not keep the tables {', '.join(map(safe, sorted(missing)))}")
    _compare_kept(load)
    states = tuple(_compare(load, table) for table in load.tables.values())
    charset, collation = load.admin.one(
        b"SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
        b" WHERE SCHEMA_NAME = " + quoted_string(load.staging)
    )
    if not load.charset:
        load.notes.append("the dump does not state the database's character set; the server's own was taken")
    if not load.session.time_zone_stated and load.tables:
        load.notes.append("the dump does not state its time zone; the server's own was taken")
    if load.warnings:
        such = "; ".join(f"{words} ({number})" for number, words in load.warned.items())
        load.notes.append(f"the server gave {load.warnings:,} warnings while loading, such as: {such}")
    return Loaded(
        states,
        tuple(load.objects.values()),
        tuple(load.refused),
        text(charset),
        text(collation),
        reader.size,
        tuple(load.notes),
        load.database,
    )


def _compare_kept(load: Load) -> None:
    """Raise Unlike where a table of an earlier load is not what the dump states, or nobody can tell; it is dropped."""
    unlike = []
    for name in sorted(load.kept):
        table = load.tables[name]
        try:
            table.state = _compare(load, table)
            same = table.reader is not None and not (table.doubt or table.reader.unprovable)
        except LoadDiffers:
            same = False
        if not same:
            load.admin.run(b"DROP TABLE " + quoted_name(load.staging) + b"." + quoted_name(name))
            unlike.append(safe(name))
    if unlike:
        raise Unlike(f"what an earlier load left of {', '.join(unlike)} is not what the dump states")
    if load.kept:
        load.notes.append(
            f"{len(load.kept):,} tables that an earlier load brought whole were compared with the dump and kept"
        )


def _drop_placeholders(load: Load) -> None:
    """Tables that stand in for views in dumps of other writers: empty, and a view of that name follows."""
    for kind, name in load.objects:
        table = load.tables.get(name) if kind == "view" else None
        if table is not None and (table.reader is None or not table.reader.sum.rows):
            load.admin.run(b"DROP TABLE " + quoted_name(load.staging) + b"." + quoted_name(name))
            del load.tables[name]


def _compare(load: Load, table: Table) -> TableState:
    """The table's standing state, after its rows were found to be those of the stream."""
    if table.state is None:
        read_as(load.admin, STANDING_CHARSET, STANDING_ZONE)
        state = sealed_state(load.admin, load.staging, table.name)
    elif table.constraints:
        state = replace(table.state, definition=definition(load.admin, load.staging, table.name))
    else:
        state = table.state
    reader = table.reader
    if reader is None:
        _same(table, 0, state.rows, "", "")
        return state
    doubt = table.doubt or reader.unprovable
    if doubt:
        if not table.doubt.startswith("its rows were"):
            _same(table, reader.sum.rows, state.rows, "", "")
        load.notes.append(
            f"table {safe(table.name)}: rows counted, content compared through server checksum only ({doubt})"
        )
        return state
    checksum = state.checksum
    if not _reads_alike(load, table, reader):
        read_as(load.admin, table.charset, table.time_zone)
        chosen = own_columns(reader)
        read, _ = read_sum(load.admin, load.staging, table.name, chosen, charset=table.charset)
        checksum = read.checksum
    _same(table, reader.sum.rows, state.rows, reader.sum.checksum, checksum)
    return state


def own_columns(reader: RowReader) -> tuple[Column, ...]:
    """The columns of an INSERT that hold data of their own."""
    return tuple(one for one in reader.columns if not one.generated)


def _reads_alike(load: Load, table: Table, reader: RowReader) -> bool:
    """Whether the standing way of reading is the dump's own for this table."""
    chosen = own_columns(reader)
    zoned = any(column.kind == "timestamp" for column in chosen)
    worded = any(column.kind in TEXTS for column in chosen)
    return (
        (table.time_zone == STANDING_ZONE or not zoned)
        and (table.charset in UTF8 or not worded)
        and (not table.columns or chosen == columns(load.admin, load.staging, table.name))
    )


def _same(table: Table, rows: int, held: int, checksum: str, stored: str) -> None:
    if (rows, checksum) != (held, stored):
        what = (
            f"{rows:,} rows, the server holds {held:,}"
            if rows != held
            else f"{rows:,} rows with other content"
        )
        raise LoadDiffers(
            f"table {safe(table.name)} (byte {table.offset:,} of the dump): the dump states {what} "
            f"(checksum {checksum or '-'}, on the server {stored or '-'})"
        )
