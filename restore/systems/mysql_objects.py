"""Views, triggers, routines and events: created with a head of ours, set aside with a database, put back.

They are created one statement a query through a throw-away account that has rights on that database alone and SET
USER, so that a body can name nothing that the customer's own account could not.
https://mariadb.com/kb/en/create-trigger/, https://mariadb.com/kb/en/grant/#set-user
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from restore.errors import ObjectRefused
from restore.model.mysql import AccountName, SchemaObject
from restore.model.text import safe
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_connection import Connection, Refusal
from restore.systems.mysql_tables import text
from restore.systems.mysql_throwaway import MAKER, throwaway

# In a kept database: the statements of the objects that stood in the live one.
STORE = "br_kept_objects"
ORDER = ("function", "procedure", "view", "trigger", "event")
ALGORITHM = re.compile(rb"(ALGORITHM=\w+ )?(.*)", re.DOTALL)
# Which column of SHOW CREATE holds the statement, and which its character set and collation.
SHOWN = {
    "view": (1, 2, 3),
    "trigger": (2, 3, 4),
    "function": (2, 3, 4),
    "procedure": (2, 3, 4),
    "event": (3, 4, 5),
}
# A view or a function that names one which does not stand yet.
NOT_YET = frozenset((1146, 1305, 1356))


@dataclass(frozen=True, slots=True)
class Statement:
    """A CREATE statement with the session it needs."""

    kind: str
    name: str
    sql: bytes
    settings: tuple[tuple[str, str], ...]


def objects_of(connection: Connection, database: str) -> tuple[tuple[str, str], ...]:
    """Every view, trigger, routine and event as (kind, name), sorted."""
    schema = quoted_string(database)
    rows = connection.rows(
        b"SELECT 'view', TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = " + schema
        + b" UNION ALL SELECT 'trigger', TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = "
        + schema
        + b" UNION ALL SELECT LOWER(ROUTINE_TYPE), ROUTINE_NAME FROM information_schema.ROUTINES"
        b" WHERE ROUTINE_SCHEMA = " + schema
        + b" UNION ALL SELECT 'event', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = " + schema
    )  # fmt: skip
    return tuple(sorted((text(kind), text(name)) for kind, name in rows))


def create_objects(
    admin: Connection, database: str, objects: Sequence[SchemaObject], definer: AccountName
) -> None:
    """Create them all, or raise ObjectRefused at the first that the server refuses. Those of an earlier, killed
    attempt are made anew."""
    owner = b"DEFINER=" + quoted_name(definer.user) + b"@" + quoted_name(definer.host) + b" "
    create_statements(admin, database, [_rendered(one, owner) for one in objects])


def _rendered(one: SchemaObject, owner: bytes) -> Statement:
    found = ALGORITHM.match(one.body)
    algorithm, rest = (found[1] or b"", found[2]) if found else (b"", one.body)
    return Statement(one.kind, one.name, b"CREATE OR REPLACE " + algorithm + owner + rest, one.settings)


def create_statements(admin: Connection, database: str, statements: Sequence[Statement]) -> None:
    """Create them in an order the server accepts, through a throw-away account; raises ObjectRefused."""
    if not statements:
        return
    with throwaway(admin, MAKER, database, b"ALL PRIVILEGES", b"SET USER") as login:
        maker = Connection(admin.target, login)
        try:
            for kind in ORDER:
                _create_kind(maker, [one for one in statements if one.kind == kind])
        finally:
            maker.close()


def _create_kind(maker: Connection, statements: list[Statement]) -> None:
    """In an order the server accepts: what names another of the same kind waits for it."""
    waiting = statements
    while waiting:
        refused: list[tuple[Statement, Refusal]] = []
        for one in waiting:
            try:
                maker.run(_session(one), f"preparing {one.kind} {safe(one.name)}")
                maker.run(one.sql, f"creating {one.kind} {safe(one.name)}")
            except Refusal as refusal:
                refused.append((one, refusal))
        hopeless = [pair for pair in refused if pair[1].number not in NOT_YET]
        if hopeless or len(refused) == len(waiting):
            first, why = (hopeless or refused)[0]
            raise ObjectRefused(f"{first.kind} {safe(first.name)} cannot be created: {why.message}") from why
        waiting = [one for one, _ in refused]


def _session(one: Statement) -> bytes:
    settings = dict(one.settings)
    charset = settings.get("character_set_client") or "utf8mb4"
    collation = settings.get("collation_connection") or ""
    names = quoted_string(charset) + (b" COLLATE " + quoted_string(collation) if collation else b"")
    return (
        b"SET NAMES " + names + b", SESSION sql_mode = " + quoted_string(settings.get("sql_mode", ""))
        + b", SESSION time_zone = " + quoted_string(settings.get("time_zone") or "SYSTEM")
    )  # fmt: skip


def drop_object(connection: Connection, database: str, kind: str, name: str) -> None:
    """Drop one view, trigger, routine or event; no error where it is gone."""
    place = quoted_name(database) + b"." + quoted_name(name)
    connection.run(b"DROP " + kind.upper().encode() + b" IF EXISTS " + place)


def set_aside(admin: Connection, live: str, into: str) -> None:
    """Write down in `into` what the live objects are, then drop them from `live`: tables with triggers, and views,
    cannot move to another database. A second call after a kill goes on where the first was."""
    found = objects_of(admin, live)
    if not found:
        return
    store = _store(into)
    admin.run(
        b"CREATE TABLE IF NOT EXISTS " + store + b" (kind VARCHAR(16), name VARCHAR(64), statement LONGBLOB,"
        b" client VARCHAR(64), collation VARCHAR(64), sql_mode TEXT, time_zone VARCHAR(64),"
        b" PRIMARY KEY (kind, name)) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )
    for kind, name in found:
        values = b", ".join(quoted_string(value or b"") for value in shown(admin, live, kind, name))
        admin.run(b"REPLACE INTO " + store + b" VALUES (" + values + b")", f"keeping {kind} {safe(name)}")
    for kind, name in found:
        drop_object(admin, live, kind, name)


def _store(database: str) -> bytes:
    return quoted_name(database) + b"." + quoted_name(STORE)


def shown(admin: Connection, database: str, kind: str, name: str) -> Iterator[bytes | None]:
    """What SHOW CREATE says, as a row of the store."""
    admin.run(b"SET NAMES utf8mb4, SESSION sql_mode = '', SESSION time_zone = '+00:00'")
    place = quoted_name(database) + b"." + quoted_name(name)
    row = admin.one(b"SHOW CREATE " + kind.upper().encode() + b" " + place)
    statement, client, collation = SHOWN[kind]
    mode = b"" if kind == "view" else row[1]
    zone = row[2] if kind == "event" else b""
    yield from (kind.encode(), name.encode("utf-8", "surrogateescape"), row[statement])
    yield from (row[client], row[collation], mode, zone)


def put_back(admin: Connection, kept: str, live: str) -> None:
    """Create in `live` the objects that were set aside in `kept`, then forget them there."""
    if not has_store(admin, kept):
        return
    statements = [
        Statement(
            text(kind),
            text(name),
            re.sub(rb"\ACREATE (?!OR REPLACE )", b"CREATE OR REPLACE ", sql or b""),
            (
                ("character_set_client", text(client)),
                ("collation_connection", text(collation)),
                ("sql_mode", text(mode)),
                ("time_zone", text(zone)),
            ),
        )
        for kind, name, sql, client, collation, mode, zone in admin.rows(b"SELECT * FROM " + _store(kept))
    ]
    create_statements(admin, live, statements)
    admin.run(b"DROP TABLE " + _store(kept))


def has_store(admin: Connection, database: str) -> bool:
    """Whether objects are set aside in that database."""
    return bool(
        admin.rows(
            b"SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = " + quoted_string(database)
            + b" AND TABLE_NAME = " + quoted_string(STORE)
        )
    )  # fmt: skip
