"""The switch-on: staging tables to the live name in one RENAME behind a write fence, and its way back.

Each live table is locked for reading by a connection of its own, and what stands there is compared; only then the
RENAME is issued, and each lock is given up at the moment the RENAME is next in that table's queue, so that it goes
before every writer that queued meanwhile and their rows land in the restored tables. (RENAME under one's own LOCK
TABLES fails with error 1192.) The RENAME is atomic: whoever looks after a kill finds all of it done or nothing.
https://mariadb.com/kb/en/rename-table/, https://mariadb.com/kb/en/lock-tables/
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack

from restore.errors import DatabaseBusy, DatabaseRefused, LiveDiffers, RestoreError, StagingDiffers
from restore.model.mysql import STAGING_PREFIX, Move, state_digest
from restore.model.text import safe
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_connection import Connection, Refusal
from restore.systems.mysql_load import check_staging
from restore.systems.mysql_objects import STORE, drop_object, has_store, objects_of, put_back, set_aside
from restore.systems.mysql_tables import table_names, table_state, table_states, text, untouched

# A worker that dies without a word must not hold a customer's writers for the server's default of 8 hours.
ORPHAN_SECONDS = 60
TABLE_EXISTS = 1050
# Connections left to a server's users while a fence stands.
SPARE = 20
Connect = Callable[[], Connection]
Place = tuple[str, str]
Pair = tuple[Place, Place]


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
    """Raise StagingDiffers unless staging holds what was loaded; a table that nobody touched since it was read and
    compared is not read again, for the RENAME moves that very table."""
    standing = table_names(admin, move.staging)
    sealed = untouched(admin, move.staging, [one for one in move.loaded if one.name in standing])
    held = (
        *(one for one in move.loaded if one.name in sealed),
        *(table_state(admin, move.staging, name) for name in standing if name not in sealed),
    )
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
    locked = [(move.name, name) for name in live]
    pairs: list[Pair] = [((move.name, name), (move.kept, name)) for name in live]
    pairs += [((move.staging, one.name), (move.name, one.name)) for one in move.loaded]

    def agreed(connection: Connection) -> None:
        _check_live(connection, move, ())

    try:
        if objects_of(admin, move.name):
            _wait_for_quiet(connect, locked)
            set_aside(admin, move.name, move.kept)
        fenced_rename(connect, locked, pairs, agreed)
    except RestoreError:
        put_back(admin, move.kept, move.name)
        _drop_if_empty(admin, move.kept)
        raise


def _wait_for_quiet(connect: Connect, locked: Sequence[Place]) -> None:
    """Raise DatabaseBusy where a long transaction holds a table, before any trigger has been dropped for the move."""
    fence = connect()
    try:
        _lock(fence, locked)
    finally:
        fence.close()


def _lock(fence: Connection, locked: Sequence[Place]) -> None:
    if locked:
        fence.run(b"LOCK TABLES " + b", ".join(_place(one) + b" READ" for one in locked))


def fenced_rename(
    connect: Connect, locked: Sequence[Place], pairs: Sequence[Pair], agreed: Callable[[Connection], None]
) -> None:
    """Rename `pairs` in one act after `agreed` accepted, with writes to `locked` held off in between.

    Raises what `agreed` raises, and DatabaseBusy where open transactions do not end in time; then nothing changed.
    """
    with ExitStack() as stack:

        def opened() -> Connection:
            connection = connect()
            stack.callback(connection.close)
            connection.run(b"SET SESSION wait_timeout = %d" % ORPHAN_SECONDS)
            return connection

        mover, reader = opened(), opened()
        _check_room(reader, len(locked))
        fences: dict[Place, Connection] = {}
        # In the order in which the server asks for the locks, so that two such moves wait for each other at most.
        for place in sorted(locked, key=lambda one: one[1].encode("utf-8", "surrogateescape")):
            fences[place] = opened()
            _lock(fences[place], [place])
        agreed(reader)
        reader.run(b"SET SESSION lock_wait_timeout = 0")
        _rename_behind(mover, reader, fences, _rename(pairs))


def _check_room(connection: Connection, fences: int) -> None:
    """Raise DatabaseRefused where the server has no connections left for so many fences; some stay for its users."""
    allowed = int(connection.one(b"SELECT @@max_connections")[0] or 0)
    taken = int(connection.one(b"SHOW GLOBAL STATUS LIKE 'Threads_connected'")[1] or 0)
    if fences + SPARE > allowed - taken:
        raise DatabaseRefused(
            f"moving {fences:,} live tables takes a connection each; the server has {allowed - taken:,} of "
            f"{allowed:,} left: set max_connections to at least {taken + fences + SPARE:,} and run again"
        )


def _rename_behind(
    mover: Connection, reader: Connection, fences: dict[Place, Connection], rename: bytes
) -> None:
    """Issue the RENAME; take each fence away once the RENAME is next in that table's queue, and not before.

    The server asks for the tables' locks one after the other: a writer that waits at the last table would go first
    if all were let go at once.
    """
    failures: list[RestoreError] = []

    def act() -> None:
        try:
            mover.run(rename)
        except RestoreError as error:
            failures.append(error)

    thread = threading.Thread(target=act, name="rename")
    thread.start()
    waiting = dict(fences)
    try:
        while waiting and thread.is_alive():
            reached = next((place for place in waiting if _is_next(reader, place)), None)
            if reached is None:
                time.sleep(0.002)
            else:
                waiting.pop(reached).run(b"UNLOCK TABLES")
    finally:
        for fence in waiting.values():
            fence.close()
        thread.join()
    if failures:
        raise failures[0]


def _is_next(reader: Connection, place: Place) -> bool:
    """Whether an exclusive lock is awaited there: a reader that will not wait is turned away by that alone."""
    try:
        reader.rows(b"SELECT 1 FROM " + _place(place) + b" LIMIT 0")
    except DatabaseBusy:
        return True
    return False


def _rename(pairs: Iterable[Pair]) -> bytes:
    return b"RENAME TABLE " + b", ".join(_place(old) + b" TO " + _place(new) for old, new in pairs)


def _place(one: Place) -> bytes:
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
