"""Databases switched on behind a write fence, and put back by an undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from restore.errors import (
    KeptGone,
    LiveDiffers,
    ObjectRefused,
    UndoDiffers,
)
from restore.model.facts import DatabaseSwitched, DatabaseUndone
from restore.model.mysql import (
    KEPT_PREFIX,
    STAGING_PREFIX,
    Move,
    SchemaObject,
    TableState,
    state_digest,
)
from restore.model.outcome import Candidate, Done, Manual, ManualItem, Outcome, Unchanged
from restore.model.plan import SwitchDatabase, UndoSwitch
from restore.model.ports import DatabaseServer, Systems
from restore.model.text import safe
from restore.plan.databases import subject
from restore.plan.ours import undone_stem
from restore.plan.question import item_id
from restore.run.definer import make_definer

SHOWN = 20


def switch_database(key: str, work: SwitchDatabase, systems: Systems) -> Outcome:
    """Move a loaded staging database to its live name, then create its views, triggers, routines and events.

    Done, or Unchanged where it stood there already; Manual where something else stands there. Where an object is
    refused, the move is undone and ObjectRefused raised. Raises StagingDiffers, DatabaseBusy and others.
    """
    server = systems.database(work.target)
    moved = work.staging not in server.databases()
    move = _move(work)
    systems.desk.renew(key)
    try:
        server.switch(move)
    except LiveDiffers as differs:
        return Manual(key, (_which_one(work, differs),))
    systems.desk.renew(key)
    before = server.objects(work.name)
    notes = _create_objects(key, work, systems, move)
    objects = server.objects(work.name)
    if gone := sorted(set(map(_label, work.objects)) - set(objects)):
        server.undo(move, move.staging)
        raise ObjectRefused(
            f"{safe(work.name)}: created, but not to be seen afterwards: {safe(', '.join(gone))}"
        )
    kept = move.kept if move.kept in server.databases() else ""
    fact = DatabaseSwitched(work.database, work.target, work.name, work.loaded, objects, kept, notes)
    return Unchanged(key, fact) if moved and before == objects else Done(key, fact)


def _move(work: SwitchDatabase) -> Move:
    kept = KEPT_PREFIX + work.staging.removeprefix(STAGING_PREFIX)
    if work.replace:
        kept += "_" + work.replace[:12]
    return Move(work.staging, work.name, kept, work.loaded, work.charset, work.collation, work.replace)


def _create_objects(key: str, work: SwitchDatabase, systems: Systems, move: Move) -> tuple[str, ...]:
    """Create them all or undo the move; notes about their definer."""
    if not work.objects:
        return ()
    server = systems.database(work.target)
    definer, notes = make_definer(key, work, systems)
    try:
        server.create_objects(work.name, work.objects, definer)
    except ObjectRefused:
        server.undo(move, move.staging)
        raise
    return notes


def _label(one: SchemaObject) -> str:
    return f"{one.kind} {one.name}"


def _which_one(work: SwitchDatabase, differs: LiveDiffers) -> ManualItem:
    about = subject(work.database)
    seen = state_digest(differs.live)
    told = "changed since it was agreed to set it aside" if work.replace else "is not empty"
    lines = [
        f"live: {_sum(differs.live)}"
        + (f", {len(differs.objects)} views, triggers, …" if differs.objects else ""),
        f"restored: {_sum(differs.ours)}",
        *_differences(differs.live, differs.ours),
    ]
    return ManualItem(
        item_id(differs.code, about, seen),
        differs.code,
        safe(work.customer),
        safe(about),
        f"The live database {safe(work.name)} {told}. Which one shall be live?",
        tuple(safe(line, 1000) for line in lines),
        (
            Candidate("keep the live one", "keep"),
            Candidate("set the live one aside and switch", "replace", seen),
        ),
        work.contact,
    )


def _sum(states: Sequence[TableState]) -> str:
    newest = max((one.newest for one in states), default="")
    rows = sum(one.rows for one in states)
    return f"{len(states):,} tables, {rows:,} rows" + (f", newest {newest}" if newest else "")


def _differences(live: Sequence[TableState], ours: Sequence[TableState]) -> Iterator[str]:
    left, right = {one.name: one for one in live}, {one.name: one for one in ours}
    unequal = [name for name in sorted(left | right) if state_of(left.get(name)) != state_of(right.get(name))]
    for name in unequal[:SHOWN]:
        yield f"table {safe(name)}: live {_rows(left.get(name))}; restored {_rows(right.get(name))}"
    if len(unequal) > SHOWN:
        yield f"and {len(unequal) - SHOWN:,} more tables"


def state_of(table: TableState | None) -> str:
    """A table's content and definition as one value; "" for none."""
    return state_digest([table]) if table else ""


def _rows(table: TableState | None) -> str:
    if table is None:
        return "none"
    return f"{table.rows:,} rows" + (f", newest {table.newest}" if table.newest else "")


def undo_switch(key: str, work: UndoSwitch, systems: Systems) -> Outcome:
    """Put back what a switch set aside; the restored tables move to a database of their own, which is named.

    Raises UndoDiffers where the live tables changed since: nobody's new rows are taken away.
    """
    server = systems.database(work.target)
    systems.desk.renew(key)
    _check_kept(server, work)
    undone = _undone_name(server, work)
    move = Move(STAGING_PREFIX, work.name, work.kept, work.tables, "", "")
    systems.desk.renew(key)
    try:
        server.undo(move, undone)
    except LiveDiffers as error:
        raise UndoDiffers(error.message, error.live, error.ours, error.objects) from error
    notes = () if work.kept else ("nothing stood there before the restore: the database is empty now",)
    return Done(key, DatabaseUndone(work.database, work.target, work.name, undone, notes))


def _check_kept(server: DatabaseServer, work: UndoSwitch) -> None:
    """Raise KeptGone where what the switch set aside is gone while the restored tables still are live: an undo would
    leave the customer with nothing."""
    if not work.kept or work.kept in server.databases():
        return
    if state_digest(server.tables(work.name)) == state_digest(work.tables):
        raise KeptGone(
            f"{work.kept}, which holds what stood under {safe(work.name)} before, is not on {work.target}"
        )


def _undone_name(server: DatabaseServer, work: UndoSwitch) -> str:
    """Where the restored tables go: a new name, or the one to which a killed undo moved them already."""
    wanted = state_digest(work.tables)
    stem = undone_stem(work.database, work.kept, work.tables)
    number, last, existing = 1, "", server.databases()
    name = stem
    while name in existing and server.tables(name):
        last = name if state_digest(server.tables(name)) == wanted else last
        number += 1
        name = f"{stem}_{number}"
    still_live = state_digest(server.tables(work.name)) == wanted
    return name if still_live or not last else last
