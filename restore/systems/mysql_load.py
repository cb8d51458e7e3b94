"""Loading one dump into its staging database through a fenced account, counted while it is read.

Only three things of a dump reach the server: the text of its CREATE TABLEs (and ALTERs that add keys), with comments
opened and judged; INSERTs whose values were read to be literals and nothing else; and its session's time zone,
character set and sql_mode, rendered by us. Afterwards every table is read back and compared with what the stream
itself held. https://mariadb.com/kb/en/mariadb-dump/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from restore.errors import DumpDamaged, DumpRefused, LoadDiffers
from restore.model.mysql import STAGING_PREFIX, Loaded, RefusedStatement, SchemaObject, TableState
from restore.model.text import safe
from restore.systems.dump import DumpReader, Kind, Statement
from restore.systems.dump_rows import TEXTS, Column, NotLiterals, RowReader
from restore.systems.dump_session import DumpSession
from restore.systems.dump_statements import (
    CutOut,
    DropTables,
    InsertRows,
    MakeTable,
    NameDatabase,
    Refuse,
    classify,
)
from restore.systems.dump_text import blanked, quoted_name, quoted_string
from restore.systems.mysql_connection import Connection
from restore.systems.mysql_tables import (
    STANDING_CHARSET,
    STANDING_ZONE,
    columns,
    every_column,
    read_as,
    read_sum,
    table_names,
    table_state,
    text,
)
from restore.systems.mysql_throwaway import LOADER, LOADER_RIGHTS, throwaway

TRANSACTION = 32 << 20
UTF8 = frozenset(("utf8", "utf8mb3", "utf8mb4"))
SLOW_WORDS = re.compile(rb"\s(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY)(?=\s)", re.IGNORECASE)
# The releases that repaired bulk insertion into empty tables (MDEV-34703); before them it stays off.
BULK_REPAIRED = ((10, 11, 11), (11, 4, 5), (11, 7, 2))
FAILED = re.compile(rb"error|couldn't|failed", re.IGNORECASE)


@dataclass(slots=True)
class _Table:
    """A table of the dump: how its rows are read, and under which settings they were written."""

    name: str
    offset: int
    reader: RowReader | None = None
    columns: tuple[str, ...] = ()
    charset: str = STANDING_CHARSET
    time_zone: str = STANDING_ZONE
    doubt: str = ""


@dataclass(slots=True)
class _Load:
    """The load as it goes on."""

    admin: Connection
    loader: Connection
    staging: str
    version: int
    packet: int
    session: DumpSession = field(default_factory=DumpSession)
    rendered: bytes = b""
    tables: dict[str, _Table] = field(default_factory=dict)
    objects: dict[tuple[str, str], SchemaObject] = field(default_factory=dict)
    refused: list[RefusedStatement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    database: str = ""
    charset: bytes = b""
    warnings: int = 0
    warned: dict[str, str] = field(default_factory=dict)
    current: str = ""
    pending: int = 0


def load_dump(admin: Connection, staging: str, dump: Iterator[bytes]) -> Loaded:
    """Make the staging database anew and load the dump's plain stream into it; see DatabaseServer.load."""
    check_staging(staging)
    with throwaway(admin, LOADER, staging, LOADER_RIGHTS) as login:
        name = quoted_name(staging)
        admin.run(b"DROP DATABASE IF EXISTS " + name)
        admin.run(b"CREATE DATABASE " + name)
        loader = Connection(admin.target, login)
        try:
            packet = int(admin.one(b"SELECT @@max_allowed_packet")[0] or 0)
            load = _Load(admin, loader, staging, server_version(admin), packet)
            load.session.variables["time_zone"] = text(admin.one(b"SELECT @@GLOBAL.time_zone")[0])
            reader = DumpReader(dump)
            _read_all(load, reader)
            loader.run(b"COMMIT")
        finally:
            loader.close()
    return _proven(load, reader)


def check_staging(name: str) -> None:
    """Raise ValueError for a database that is not a staging database of ours: no other is ever dropped."""
    if not name.startswith(STAGING_PREFIX) or name == STAGING_PREFIX:
        raise ValueError(f"{safe(name)} is no staging database")


def server_version(connection: Connection) -> int:
    """10.11.19 as 101119, the way version comments state it."""
    found = re.match(rb"(\d+)\.(\d+)\.(\d+)", connection.one(b"SELECT VERSION()")[0] or b"")
    return int(b"%d%02d%02d" % tuple(map(int, found.groups()))) if found else 0


def _read_all(load: _Load, reader: DumpReader) -> None:
    try:
        for statement in reader:
            if statement.kind is Kind.STATEMENT:
                _statement(load, statement)
            else:
                _other(load, statement, reader)
    except DumpDamaged as error:
        raise DumpDamaged(f"{error.message}{_inside(load)}") from error
    if damage := reader.missing_end(made=bool(load.tables or load.objects)):
        raise DumpDamaged(f"{damage}{_inside(load)}")
    if not reader.heads:
        load.notes.append("the dump has no first and last line by which its end could be checked")


def _inside(load: _Load) -> str:
    if not load.current:
        return ""
    table = load.tables[load.current]
    rows = table.reader.sum.rows if table.reader else 0
    return f"; the last table begun is {safe(table.name)}, with {rows:,} complete rows before that place"


def _other(load: _Load, statement: Statement, reader: DumpReader) -> None:
    head = _head(statement.text)
    if statement.kind is Kind.CUT:
        raise DumpDamaged(
            f"the dump ends at byte {reader.size:,} inside the statement that begins at byte "
            f"{statement.offset:,}: {head}"
        )
    if statement.kind is Kind.NOISE:
        if FAILED.search(statement.text):
            raise DumpDamaged(f"byte {statement.offset:,}: the program that wrote the dump failed: {head}")
        load.notes.append(f"byte {statement.offset:,}: a message among the SQL was passed over: {head}")
        return
    _refuse(load, statement, Refuse("a command of a client program", grave=False))


def _statement(load: _Load, statement: Statement) -> None:
    decision = classify(statement.text, statement.offset, load.session, load.version)
    match decision:
        case InsertRows():
            _insert(load, statement, decision)
        case MakeTable():
            _make(load, statement, decision)
        case DropTables():
            for table in decision.tables:
                load.tables.pop(table, None)
                load.current = "" if load.current == table else load.current
                place = quoted_name(load.staging) + b"." + quoted_name(table)
                _flush(load)
                load.admin.run(b"DROP TABLE IF EXISTS " + place)
        case CutOut():
            key = (decision.object.kind, decision.object.name)
            load.objects.pop(key, None)
            load.objects[key] = decision.object
        case NameDatabase():
            _named(load, statement, decision)
        case Refuse():
            _refuse(load, statement, decision)


def _refuse(load: _Load, statement: Statement, refuse: Refuse) -> None:
    refused = RefusedStatement(statement.offset, _head(statement.text), refuse.reason)
    load.refused.append(refused)
    if refuse.grave:
        raise DumpRefused(
            f"byte {refused.offset:,} of the dump: {refused.head}: refused ({refused.reason})",
            tuple(load.refused),
        )


def _head(statement: bytes) -> str:
    """A statement's beginning with every string blanked: it may hold a password."""
    bare = blanked(statement[:4000])
    return safe(re.split(rb"''|['\"]", bare, maxsplit=1)[0][:80].strip() if b"'" in bare else bare[:80])


def _named(load: _Load, statement: Statement, named: NameDatabase) -> None:
    load.database = load.database or named.name
    if named.name != load.database:
        _refuse(load, statement, Refuse("a second database in a dump of one", grave=True))
    if named.charset or named.collation:
        load.charset = _charset_sql(named.charset, named.collation)
        load.admin.run(b"ALTER DATABASE " + quoted_name(load.staging) + load.charset)


def _charset_sql(charset: str, collation: str) -> bytes:
    parts = (b" CHARACTER SET " + quoted_string(charset)) if charset else b""
    return parts + ((b" COLLATE " + quoted_string(collation)) if collation else b"")


def _prepare(load: _Load) -> None:
    """Put the loader's connection into the session the dump asks for."""
    session, variables = load.session, load.session.variables
    checks = b"0" if bulk_is_sound(load.version) else b"1"
    wanted = (
        b"SET NAMES " + quoted_string(variables["character_set_connection"] or STANDING_CHARSET)
        + b", SESSION character_set_client = " + quoted_string(session.charset)
        + b", SESSION time_zone = " + quoted_string(session.time_zone or "SYSTEM")
        + b", SESSION sql_mode = " + quoted_string(session.sql_mode)
        + b", SESSION foreign_key_checks = 0, SESSION unique_checks = " + checks
        + b", SESSION default_storage_engine = InnoDB, SESSION innodb_strict_mode = 0, SESSION autocommit = 0"
    )  # fmt: skip
    if wanted != load.rendered:
        load.loader.run(wanted)
        load.rendered = wanted


def bulk_is_sound(version: int) -> bool:
    """Whether inserting with all checks off into an empty InnoDB table is repaired in that release."""
    release = (version // 10000, version // 100 % 100, version % 100)
    branches = [fixed for fixed in BULK_REPAIRED if fixed[:2] == release[:2]]
    return release >= (branches[0] if branches else (11, 8, 0))


def _make(load: _Load, statement: Statement, make: MakeTable) -> None:
    if make.alters and make.table not in load.tables:
        _refuse(load, statement, Refuse("a table that the dump did not create", grave=True))
    _flush(load)
    _prepare(load)
    load.loader.run(make.sql, f"making the table {safe(make.table)} at byte {statement.offset:,}")
    _count_warnings(load)
    if make.table not in load.tables:
        load.tables[make.table] = _Table(make.table, statement.offset)
    load.current = make.table


def _count_warnings(load: _Load) -> None:
    """Count the warnings of the last statement; the first of each kind is kept in the server's words."""
    if not load.loader.warnings:
        return
    load.warnings += load.loader.warnings
    for _, number, words in load.loader.rows(b"SHOW WARNINGS LIMIT 20"):
        load.warned.setdefault(text(number), safe(words or b"", 200))


def _flush(load: _Load) -> None:
    """Commit the rows so far: before any statement on another connection, and every few megabytes."""
    if load.pending:
        load.loader.run(b"COMMIT")
        load.pending = 0


def _insert(load: _Load, statement: Statement, insert: InsertRows) -> None:
    table = load.tables.get(insert.table)
    if table is None:
        _refuse(load, statement, Refuse("rows for a table that the dump did not create", grave=True))
        return
    if load.current != table.name:
        _flush(load)
        load.current = table.name
    reader = _reader(load, table, insert)
    before = reader.sum.rows
    try:
        pieces = _pieces(load, statement, insert, reader)
        _prepare(load)
        for piece in pieces:
            load.loader.run(piece, f"loading {safe(table.name)}, the INSERT at byte {statement.offset:,}")
            _count_warnings(load)
    except NotLiterals as strange:
        place = statement.offset + strange.at
        _refuse(load, statement, Refuse(f"values that are not literals, at byte {place:,}", grave=True))
    load.pending += len(statement.text)
    if load.pending > TRANSACTION:
        _flush(load)
    if insert.ignores and reader.sum.rows != before:
        table.doubt = table.doubt or "its rows were written with IGNORE or REPLACE"


def _reader(load: _Load, table: _Table, insert: InsertRows) -> RowReader:
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


def _pieces(load: _Load, statement: Statement, insert: InsertRows, reader: RowReader) -> list[bytes]:
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


def _proven(load: _Load, reader: DumpReader) -> Loaded:
    """Read every table back and compare it with the stream."""
    _drop_placeholders(load)
    standing = set(table_names(load.admin, load.staging))
    if missing := set(load.tables) - standing:
        raise LoadDiffers(f"the server did not keep the tables {', '.join(map(safe, sorted(missing)))}")
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


def _drop_placeholders(load: _Load) -> None:
    """Tables that stand in for views in dumps of other writers: empty, and a view of that name follows."""
    for kind, name in load.objects:
        table = load.tables.get(name) if kind == "view" else None
        if table is not None and (table.reader is None or not table.reader.sum.rows):
            load.admin.run(b"DROP TABLE " + quoted_name(load.staging) + b"." + quoted_name(name))
            del load.tables[name]


def _compare(load: _Load, table: _Table) -> TableState:
    """The table's standing state, after its rows were found to be those of the stream."""
    read_as(load.admin, STANDING_CHARSET, STANDING_ZONE)
    state = table_state(load.admin, load.staging, table.name)
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


def _reads_alike(load: _Load, table: _Table, reader: RowReader) -> bool:
    """Whether the standing way of reading is the dump's own for this table."""
    chosen = own_columns(reader)
    zoned = any(column.kind == "timestamp" for column in chosen)
    worded = any(column.kind in TEXTS for column in chosen)
    return (
        (table.time_zone == STANDING_ZONE or not zoned)
        and (table.charset in UTF8 or not worded)
        and (not table.columns or chosen == columns(load.admin, load.staging, table.name))
    )


def _same(table: _Table, rows: int, held: int, checksum: str, stored: str) -> None:
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
