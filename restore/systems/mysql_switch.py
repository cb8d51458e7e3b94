"""The switch-on: staging tables to the live name in one RENAME behind a write fence, and its way back.

Connection A locks the live tables for reading and compares; connection B issues the RENAME and is seen waiting; only
then A unlocks, so that the RENAME goes before every writer that queued meanwhile and their rows land in the restored
tables. (RENAME under one's own LOCK TABLES fails with error 1192.) A's comparison decides whether B may start. The
RENAME is atomic: whoever looks after a kill finds all of it done or nothing.
https://mariadb.com/kb/en/rename-table/, https://mariadb.com/kb/en/lock-tables/
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from restore.errors import DatabaseRefused, LiveDiffers, RestoreError, StagingDiffers
from restore.model.mysql import STAGING_PREFIX, Move, state_digest
from restore.model.text import safe
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_connection import Connection, Refusal
from restore.systems.mysql_load import check_staging
from restore.systems.mysql_objects import STORE, drop_object, has_store, objects_of, put_back, set_aside
from restore.systems.mysql_tables import table_names, table_states, text

# Seconds that the fence waits for open transactions; live writers wait behind it for as long.
PATIENCE = 20
TABLE_EXISTS = 1050
Connect = Callable[[], Connection]
Pair = tuple[tuple[str, str], tuple[str, str]]


def switch(admin: Connection, connect: Connect, move: Move) -> None:
    """See DatabaseServer.switch; every part of it may have been done by an earlier, killed call."""
    wanted = state_digest(move.loaded)
    live = table_names(admin, move.name)
    if live and state_digest(table_states(admin, move.name)) == wanted:
        _drop_staging(admin, move.staging)
        return
    _check_staging_holds(admin, move)
    _bring_objects_back(admin, move)
    _make_database(admin, move.name, move.charset, move.collation)
    objects = objects_of(admin, move.name)
    if not live and not objects:
        _move_in(admin, move)
    else:
        _check_live(admin, move, objects)
        _replace(connect, admin, move, live)
    _drop_staging(admin, move.staging)


def _check_staging_holds(admin: Connection, move: Move) -> None:
    held = table_states(admin, move.staging)
    if state_digest(held) != state_digest(move.loaded):
        names = ", ".join(sorted({one.name for one in set(held) ^ set(move.loaded)})[:5])
        raise StagingDiffers(
            f"the staging database {move.staging} for {safe(move.name)} does not hold what was loaded: "
            f"{safe(names) or 'it is gone'}"
        )


def _bring_objects_back(admin: Connection, move: Move) -> None:
    """Where a killed call had set objects aside but not yet moved the tables."""
    if has_store(admin, move.kept) and table_names(admin, move.kept) == (STORE,):
        put_back(admin, move.kept, move.name)


def _check_live(connection: Connection, move: Move, objects: Sequence[tuple[str, str]]) -> None:
    """Raise LiveDiffers unless what stands there is exactly what a person agreed to set aside."""
    live = table_states(connection, move.name)
    if move.replace is None or state_digest(live) != move.replace:
        told = "changed after it was agreed to set it aside" if move.replace else "is not empty"
        raise LiveDiffers(
            f"the live database {safe(move.name)} {told}; it was left as it is",
            live,
            move.loaded,
            tuple(f"{kind} {name}" for kind, name in objects),
        )


def _make_database(admin: Connection, name: str, charset: str, collation: str) -> None:
    admin.run(
        b"CREATE DATABASE IF NOT EXISTS " + quoted_name(name)
        + (b" CHARACTER SET " + quoted_string(charset) if charset else b"")
        + (b" COLLATE " + quoted_string(collation) if collation else b"")
    )  # fmt: skip


def _move_in(admin: Connection, move: Move) -> None:
    """Into an empty database: whatever appears there at this very moment makes the RENAME fail as a whole."""
    pairs = [((move.staging, one.name), (move.name, one.name)) for one in move.loaded]
    try:
        if pairs:
            admin.run(_rename(pairs))
    except Refusal as refusal:
        if refusal.number == TABLE_EXISTS:
            _check_live(admin, move, objects_of(admin, move.name))
        raise


def _replace(connect: Connect, admin: Connection, move: Move, live: Sequence[str]) -> None:
    """Set the live database aside in `kept` and put the staging tables in its place, in one act."""
    charset, collation = _charset_of(admin, move.name)
    _make_database(admin, move.kept, charset, collation)
    if any(name != STORE for name in table_names(admin, move.kept)):
        raise DatabaseRefused(f"{move.kept} already keeps other tables; {safe(move.name)} was left as it is")
    set_aside(admin, move.name, move.kept)
    pairs: list[Pair] = [((move.name, name), (move.kept, name)) for name in live]
    pairs += [((move.staging, one.name), (move.name, one.name)) for one in move.loaded]

    def agreed(connection: Connection) -> None:
        _check_live(connection, move, ())

    try:
        fenced_rename(connect, [(move.name, name) for name in live], pairs, agreed)
    except RestoreError:
        put_back(admin, move.kept, move.name)
        _drop_if_empty(admin, move.kept)
        raise


def fenced_rename(
    connect: Connect,
    locked: Sequence[tuple[str, str]],
    pairs: Sequence[Pair],
    agreed: Callable[[Connection], None],
) -> None:
    """Rename `pairs` in one act after `agreed` accepted, with writes to `locked` held off in between.

    Raises what `agreed` raises, and DatabaseBusy where open transactions do not end in time; then nothing changed.
    """
    fence, mover = connect(), connect()
    try:
        for connection in (fence, mover):
            # A worker that dies without a word must not hold a customer's writers for the server's default 8 hours.
            connection.run(
                b"SET SESSION lock_wait_timeout = %d, SESSION wait_timeout = %d" % (PATIENCE, 3 * PATIENCE)
            )
        if locked:
            fence.run(b"LOCK TABLES " + b", ".join(_place(one) + b" READ" for one in locked))
        agreed(fence)
        _rename_behind(connect, fence, mover, _rename(pairs))
    finally:
        fence.close()
        mover.close()


def _rename_behind(connect: Connect, fence: Connection, mover: Connection, rename: bytes) -> None:
    failures: list[RestoreError] = []

    def act() -> None:
        try:
            mover.run(rename)
        except RestoreError as error:
            failures.append(error)

    watcher = connect()
    thread = threading.Thread(target=act, name="rename")
    thread.start()
    try:
        while thread.is_alive() and not _waits(watcher, mover.id):
            time.sleep(0.005)
        fence.run(b"UNLOCK TABLES")
    finally:
        thread.join()
        watcher.close()
    if failures:
        raise failures[0]


def _waits(watcher: Connection, thread: int) -> bool:
    rows = watcher.rows(b"SELECT STATE FROM information_schema.PROCESSLIST WHERE ID = %d" % thread)
    return bool(rows) and (rows[0][0] or b"").startswith(b"Waiting for table metadata lock")


def _rename(pairs: Iterable[Pair]) -> bytes:
    return b"RENAME TABLE " + b", ".join(_place(old) + b" TO " + _place(new) for old, new in pairs)


def _place(one: tuple[str, str]) -> bytes:
    return quoted_name(one[0]) + b"." + quoted_name(one[1])


def _charset_of(admin: Connection, database: str) -> tuple[str, str]:
    rows = admin.rows(
        b"SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA"
        b" WHERE SCHEMA_NAME = " + quoted_string(database)
    )
    return (text(rows[0][0]), text(rows[0][1])) if rows else ("", "")


def _drop_staging(admin: Connection, staging: str) -> None:
    """The emptied staging database, or one whose content already stands under the live name."""
    check_staging(staging)
    admin.run(b"DROP DATABASE IF EXISTS " + quoted_name(staging))


def _drop_if_empty(admin: Connection, database: str) -> None:
    """Drop a database of ours that keeps nothing any more."""
    if not table_names(admin, database) and not objects_of(admin, database):
        admin.run(b"DROP DATABASE IF EXISTS " + quoted_name(database))


def undo(admin: Connection, connect: Connect, move: Move, undone: str) -> None:
    """See DatabaseServer.undo. What is moved to a staging database loses its views, triggers, routines and events,
    which a dump gives anew; elsewhere they are written down."""
    if not _moved_out(admin, move, undone):
        _move_out(connect, admin, move, undone)
    if move.kept:
        put_back(admin, move.kept, move.name)
        _drop_if_empty(admin, move.kept)


def _moved_out(admin: Connection, move: Move, undone: str) -> bool:
    """Whether an earlier, killed call did the RENAME already."""
    held = table_states(admin, undone, without=STORE)
    return bool(held) and state_digest(held) == state_digest(move.loaded)


def _move_out(connect: Connect, admin: Connection, move: Move, undone: str) -> None:
    def agreed(connection: Connection) -> None:
        live = table_states(connection, move.name)
        if state_digest(live) != state_digest(move.loaded):
            raise LiveDiffers(
                f"the live database {safe(move.name)} changed since it was restored; it was left as it is",
                live,
                move.loaded,
            )

    agreed(admin)
    _make_database(admin, undone, *_charset_of(admin, move.name))
    if undone.startswith(STAGING_PREFIX):
        for kind, name in objects_of(admin, move.name):
            drop_object(admin, move.name, kind, name)
    else:
        set_aside(admin, move.name, undone)
    live = [one.name for one in move.loaded]
    pairs: list[Pair] = [((move.name, name), (undone, name)) for name in live]
    kept = [name for name in table_names(admin, move.kept) if name != STORE] if move.kept else []
    pairs += [((move.kept, name), (move.name, name)) for name in kept]
    try:
        if pairs:
            fenced_rename(connect, [(move.name, name) for name in live], pairs, agreed)
    except RestoreError:
        put_back(admin, undone, move.name)
        raise
