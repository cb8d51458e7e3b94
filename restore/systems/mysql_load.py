"""Loading one dump into its staging database through a fenced account, counted while it is read.

Only three things of a dump reach the server: the text of its CREATE TABLEs (and ALTERs that add keys), with comments
opened and judged; rows, whose values are read to be literals or go as data; and its session's time zone, character
set and sql_mode, rendered by us. Afterwards every table is read back and compared with what the stream itself held.
https://mariadb.com/kb/en/mariadb-dump/
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from restore.errors import DatabaseRefused, DumpDamaged, LoadDiffers, LoadTooLarge
from restore.model.mysql import STAGING_PREFIX, Loaded, RefusedStatement, SchemaObject, TableState
from restore.model.text import safe
from restore.systems.dump import DumpReader, Kind, Statement
from restore.systems.dump_keys import taken_apart
from restore.systems.dump_old import gentler, in_mariadbs_words
from restore.systems.dump_statements import (
    CutOut,
    DropTables,
    InsertRows,
    MakeTable,
    NameDatabase,
    Refuse,
    classify,
)
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.dump_translate import collation, translated
from restore.systems.mysql_connection import Connection
from restore.systems.mysql_lanes import Doubtful, Lanes
from restore.systems.mysql_load_limits import Watch
from restore.systems.mysql_load_proof import proven
from restore.systems.mysql_load_resume import Unlike, begin, keeps
from restore.systems.mysql_load_rows import insert_rows
from restore.systems.mysql_load_state import Load, Table, head_of
from restore.systems.mysql_tables import STANDING_CHARSET, STANDING_ZONE, read_as, sealed_state, text
from restore.systems.mysql_throwaway import LOADER, LOADER_RIGHTS, throwaway

FAILED = re.compile(rb"error|couldn't|failed", re.IGNORECASE)


def load_dump(admin: Connection, staging: str, dump: Iterable[bytes]) -> Loaded:
    """Load the dump's plain stream into the staging database; see DatabaseServer.load.

    A stream that can be begun again is first loaded the quick way (mysql_load_rows.py), and goes on where an earlier
    load stopped (mysql_load_resume.py); else the staging database is made anew.
    """
    check_staging(staging)
    try:
        return _loaded(admin, staging, dump)
    except LoadTooLarge:
        admin.run(b"DROP DATABASE IF EXISTS " + quoted_name(staging))
        raise


def _loaded(admin: Connection, staging: str, dump: Iterable[bytes]) -> Loaded:
    stream = iter(dump)
    if stream is dump:
        return _load(admin, staging, stream, quick=False)
    try:
        return _resumed(admin, staging, dump, stream)
    except (Doubtful, DatabaseRefused, LoadDiffers) as doubt:
        why = safe(str(doubt), 300)
    loaded = _load(admin, staging, iter(dump), quick=False)
    return replace(
        loaded, notes=(*loaded.notes, f"loaded by INSERTs, since the quick way was in doubt: {why}")
    )


def _resumed(admin: Connection, staging: str, dump: Iterable[bytes], stream: Iterator[bytes]) -> Loaded:
    """The quick way, from where an earlier load stopped."""
    try:
        return _load(admin, staging, stream, quick=True, resume=True)
    except Unlike:
        return _load(admin, staging, iter(dump), quick=True, resume=True)


def _load(
    admin: Connection, staging: str, stream: Iterator[bytes], *, quick: bool, resume: bool = False
) -> Loaded:
    with throwaway(admin, LOADER, staging, LOADER_RIGHTS) as login:
        packet, zone, local = admin.one(
            b"SELECT @@max_allowed_packet, @@GLOBAL.time_zone, @@GLOBAL.local_infile"
        )
        standing = begin(admin, staging, resume=resume)
        loader = Connection(admin.target, login)
        load = Load(
            admin,
            loader,
            staging,
            server_version(admin),
            int(packet or 0),
            Watch(admin, staging),
            standing=standing,
        )
        if quick and local == b"1":
            load.lanes = Lanes(
                partial(Connection, admin.target, login, giving=True), partial(_end_table, load)
            )
        load.session.variables["time_zone"] = text(zone)
        reader = DumpReader(stream)
        try:
            _read_all(load, reader)
            _end_all(load)
            load.watch.look(reader.size, now=True)
        finally:
            if load.lanes is not None:
                load.lanes.close()
            loader.close()
    return proven(load, reader)


def _end_table(load: Load, connection: Connection, name: str) -> None:
    """A table's rows are committed: make its keys, and read it back as it will be compared."""
    table = load.tables[name]
    _make_keys(connection, table)
    table.state = read_back(connection, load.staging, name)


def read_back(connection: Connection, staging: str, table: str) -> TableState | None:
    """What the table holds, by a transaction that is over afterwards: its locks would keep foreign keys waiting."""
    read_as(connection, STANDING_CHARSET, STANDING_ZONE)
    state = sealed_state(connection, staging, table)
    connection.run(b"COMMIT")
    return state


def _end_all(load: Load) -> None:
    """What was put off: keys of tables without rows, and foreign keys, which ask for every table."""
    if load.lanes is not None:
        load.lanes.settle()
    load.loader.run(b"COMMIT")
    for table in load.tables.values():
        _make_keys(load.loader, table)
    for table in load.tables.values():
        if table.constraints:
            load.loader.run(table.constraints, f"making the foreign keys of {safe(table.name)}")


def _make_keys(connection: Connection, table: Table) -> None:
    keys, table.keys = table.keys, ()
    for key in keys:
        connection.run(key, f"making the keys of {safe(table.name)}")


def check_staging(name: str) -> None:
    """Raise ValueError for a database that is not a staging database of ours: no other is ever dropped."""
    if not name.startswith(STAGING_PREFIX) or name == STAGING_PREFIX:
        raise ValueError(f"{safe(name)} is no staging database")


def server_version(connection: Connection) -> int:
    """10.11.19 as 101119, the way version comments state it."""
    found = re.match(rb"(\d+)\.(\d+)\.(\d+)", connection.one(b"SELECT VERSION()")[0] or b"")
    return int(b"%d%02d%02d" % tuple(map(int, found.groups()))) if found else 0


def _read_all(load: Load, reader: DumpReader) -> None:
    try:
        for statement in reader:
            load.watch.look(statement.offset)
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


def _inside(load: Load) -> str:
    if not load.current:
        return ""
    table = load.tables[load.current]
    rows = table.reader.sum.rows if table.reader else 0
    return f"; the last table begun is {safe(table.name)}, with {rows:,} complete rows before that place"


def _other(load: Load, statement: Statement, reader: DumpReader) -> None:
    head = head_of(statement.text)
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
    load.refuse(statement, Refuse("a command of a client program", grave=False))


def _statement(load: Load, statement: Statement) -> None:
    statement = _in_its_words(load, statement)
    decision = classify(statement.text, statement.offset, load.session, load.version)
    match decision:
        case InsertRows():
            insert_rows(load, statement, decision)
        case MakeTable():
            _make(load, statement, decision)
        case DropTables():
            for table in decision.tables:
                if table in load.standing or table not in load.tables:
                    continue
                load.kept.discard(table)
                if load.lanes is not None:
                    load.lanes.settle(table)
                load.tables.pop(table, None)
                load.current = "" if load.current == table else load.current
                place = quoted_name(load.staging) + b"." + quoted_name(table)
                load.flush()
                load.admin.run(b"DROP TABLE IF EXISTS " + place)
        case CutOut():
            key = (decision.object.kind, decision.object.name)
            load.objects.pop(key, None)
            load.objects[key] = _known_here(load, decision.object)
        case NameDatabase():
            _named(load, statement, decision)
        case Refuse():
            load.refuse(statement, decision)


def _run_made(load: Load, table: str, sql: bytes, what: str) -> None:
    """Make a table; where the server's settings alone may speak against it, without what they forbid."""
    try:
        load.loader.run(sql, what)
    except DatabaseRefused:
        told = gentler(sql, table)
        if told.text is sql:
            raise
        load.loader.run(told.text, what)
        load.notes += [note for note in told.notes if note not in load.notes]


def _in_its_words(load: Load, statement: Statement) -> Statement:
    """A CREATE TABLE of MySQL 8, or of long ago, in MariaDB's words; what has none is listed with its place."""
    told = in_mariadbs_words(statement.text, load.version)
    if told.text is statement.text:
        return statement
    load.notes += [note for note in told.notes if note not in load.notes]
    load.refused += [RefusedStatement(statement.offset + at, head, why) for at, head, why in told.left_out]
    return replace(statement, text=told.text)


def _known_here(load: Load, one: SchemaObject) -> SchemaObject:
    """A view, trigger, … with collations that this server knows, in its text and its settings."""
    body, notes = translated(one.body, load.version)
    load.notes += [note for note in notes if note not in load.notes]
    settings = tuple((name, collation(value, load.version)) for name, value in one.settings)
    return replace(one, body=body, settings=settings)


def _named(load: Load, statement: Statement, named: NameDatabase) -> None:
    load.database = load.database or named.name
    if named.name != load.database:
        load.refuse(statement, Refuse("a second database in a dump of one", grave=True))
    if named.charset or named.collation:
        load.charset = _charset_sql(named.charset, collation(named.collation, load.version))
        load.admin.run(b"ALTER DATABASE " + quoted_name(load.staging) + load.charset)


def _charset_sql(charset: str, collation: str) -> bytes:
    parts = (b" CHARACTER SET " + quoted_string(charset)) if charset else b""
    return parts + ((b" COLLATE " + quoted_string(collation)) if collation else b"")


def _make(load: Load, statement: Statement, make: MakeTable) -> None:
    if make.alters and make.table not in load.tables:
        load.refuse(statement, Refuse("a table that the dump did not create", grave=True))
    load.flush()
    load.prepare()
    made, notes = translated(make.sql, load.version)
    load.notes += [note for note in notes if note not in load.notes]
    apart = None
    if load.lanes is not None:
        load.lanes.settle(make.table)
        load.lanes.shut()
        apart = None if make.alters else taken_apart(made, make.table)
    kept = not make.alters and keeps(load, make.table, made)
    try:
        if not kept:
            what = f"making the table {safe(make.table)} at byte {statement.offset:,}"
            _run_made(load, make.table, apart.bare if apart else made, what)
    except DatabaseRefused as refused:
        refused.table = make.table
        raise
    load.count_warnings()
    table = load.tables.setdefault(make.table, Table(make.table, statement.offset))
    table.state = None
    if apart is not None:
        table.keys, table.constraints = () if kept else apart.keys, apart.constraints
    load.current = make.table
