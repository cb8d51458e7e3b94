"""Databases: loaded into staging and compared, switched on behind a write fence, put back by an undo."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial

from restore.errors import DumpDamaged, DumpRefused, KeptGone, LiveDiffers, ObjectRefused, UndoDiffers
from restore.model.facts import DatabaseLoaded, DatabaseSwitched, DatabaseUndone
from restore.model.mysql import (
    KEPT_PREFIX,
    STAGING_PREFIX,
    DumpFile,
    Loaded,
    Move,
    Salvage,
    SchemaObject,
    TableState,
    state_digest,
)
from restore.model.outcome import Candidate, Done, Manual, ManualItem, Outcome, Partial, Unchanged
from restore.model.plan import LoadDatabase, SwitchDatabase, UndoSwitch
from restore.model.ports import DatabaseServer, Systems
from restore.model.text import safe
from restore.plan.databases import candidate, path_text, salvage_candidate, staging_name, subject
from restore.plan.ours import undone_stem
from restore.plan.question import item_id
from restore.run.definer import make_definer
from restore.run.dump_counts import row_counts
from restore.run.dump_stream import DumpStream
from restore.run.salvage import load_salvaged, salvage_of

SHOWN = 20
# What a customer would miss of a dump: objects, and parts of tables that this server does not know.
OBJECT = re.compile(
    r"CREATE\b.*\b(?:TRIGGER|VIEW|FUNCTION|PROCEDURE|EVENT)\b|table .*: (?:KEY|CHECK|DEFAULT)", re.IGNORECASE
)


def load_database(key: str, work: LoadDatabase, systems: Systems) -> Outcome:
    """Fetch a dump and load it into its staging database, counted and compared.

    Done; Partial where a view, trigger, routine or event of the dump was refused, or where it is damaged and `partial`
    lets what can be read of it go on; Manual where the dump is damaged or asks for what is never done (other dumps of
    the database, and what can be read of this one, are offered). The live database is not touched.
    """
    server = systems.database(work.target)
    stamp = work.dump.fingerprint
    progress = systems.progress(key)
    systems.desk.renew(key)
    _tidy(work, server, systems)
    try:
        _check_judged(work)
        systems.dumps.fetch(systems.source(stamp.source), work.dump, progress)
        systems.desk.renew(key)
        loaded = server.load(work.staging, DumpStream(key, systems, work.dump))
        check_whose(work.dump, loaded)
        check_stated(work.dump, loaded, systems)
    except (DumpDamaged, DumpRefused) as trouble:
        server.drop_staging(work.staging)
        outcome = _in_spite_of(key, work, trouble, systems)
        systems.dumps.discard(work.dump)
        return outcome
    systems.dumps.discard(work.dump)
    return _loaded(key, work, loaded)


def _in_spite_of(
    key: str, work: LoadDatabase, trouble: DumpDamaged | DumpRefused, systems: Systems
) -> Outcome:
    """What becomes of a database whose dump cannot be used as it is."""
    if work.use_older and work.others and isinstance(trouble, DumpDamaged):
        systems.dumps.discard(work.dump)
        return _from_next(key, work, trouble, systems)
    if work.partial:
        return _in_part(key, work, trouble, systems)
    judged = work.judged
    salvage = judged.salvage if judged is not None else salvage_of(key, work.dump, systems)
    salvage = salvage or Salvage()
    return Manual(key, (_unusable(work, trouble, salvage, row_counts(key, work, salvage, systems)),))


def _in_part(key: str, work: LoadDatabase, trouble: DumpDamaged | DumpRefused, systems: Systems) -> Outcome:
    """What can be read of a damaged dump, loaded and proven as a whole one is; every loss is named."""
    server, stamp = systems.database(work.target), work.dump.fingerprint
    systems.dumps.fetch(systems.source(stamp.source), work.dump, systems.progress(key))
    systems.desk.renew(key)
    try:
        loaded, salvage = load_salvaged(key, work.dump, systems, partial(server.load, work.staging))
        check_whose(work.dump, loaded)
    except (DumpDamaged, DumpRefused) as worse:
        server.drop_staging(work.staging)
        return Manual(key, (_unusable(work, worse, Salvage()),))
    outcome = _loaded(key, work, loaded)
    missing = outcome.missing if isinstance(outcome, Partial) else ()
    fact = outcome.fact if isinstance(outcome, Done | Partial) else None
    why = f"the dump is damaged: {trouble.message}; restored is what can be read of it: {salvage.words}"
    return Partial(key, fact, (why, *salvage.lines, *missing)) if fact is not None else outcome


def _check_judged(work: LoadDatabase) -> None:
    """Raises what a verification met when it loaded this very dump."""
    if work.judged is not None and work.judged.code == DumpDamaged.code:
        raise DumpDamaged(work.judged.damage)
    if work.judged is not None:
        raise DumpRefused(work.judged.damage, work.judged.refused)


def _from_next(key: str, work: LoadDatabase, damage: DumpDamaged, systems: Systems) -> Outcome:
    """The next dump loaded in place of a damaged one, as the incident file allows; what that means is said."""
    dump, *others = work.others
    other = replace(
        work, dump=dump, others=tuple(others), staging=staging_name(dump, work.target), origin="", judged=None
    )
    outcome = load_database(key, other, systems)
    if not isinstance(outcome, Done | Partial):
        return outcome
    used = (
        f"{safe(path_text(work.dump))} is damaged ({damage.message}): restored from {candidate(dump).label}"
    )
    missing = outcome.missing if isinstance(outcome, Partial) else ()
    return Partial(key, outcome.fact, (used, *missing))


def _tidy(work: LoadDatabase, server: DatabaseServer, systems: Systems) -> None:
    """Remove what a killed load of another dump left, before a person chose this one."""
    standing = server.databases() if work.others else ()
    for other in work.others:
        staging = staging_name(other, work.target)
        if staging in standing:
            server.drop_staging(staging)
        systems.dumps.discard(other)


def check_whose(dump: DumpFile, loaded: Loaded) -> None:
    """A dump that names another database than its file does may be another customer's. Raises DumpRefused."""
    name = dump.database.name
    if loaded.stated and loaded.stated.lower() != name.lower():
        raise DumpRefused(
            f"its file is named for the database {safe(name)}, it says itself that it is of {safe(loaded.stated)}",
            (),
        )


def check_stated(dump: DumpFile, loaded: Loaded, systems: Systems) -> None:
    """A dump that states apart from its rows how many each table has must hold them. Raises DumpDamaged."""
    held = {table.name: table.rows for table in loaded.tables}
    for table, rows in systems.dumps.stated(dump).items():
        if held.get(table, 0) != rows:
            raise DumpDamaged(
                f"the dump's metadata states {rows:,} rows of {safe(table)}, its files hold {held.get(table, 0):,}"
            )


def _loaded(key: str, work: LoadDatabase, loaded: Loaded) -> Outcome:
    fact = DatabaseLoaded(
        work.dump.database,
        work.target,
        work.staging,
        loaded.tables,
        loaded.objects,
        loaded.refused,
        loaded.charset,
        loaded.collation,
        loaded.bytes,
        (*((work.origin,) if work.origin else ()), *loaded.notes),
        work.dump.taken,
    )
    missing = missing_objects(loaded)
    return Partial(key, fact, missing) if missing else Done(key, fact)


def missing_objects(loaded: Loaded) -> tuple[str, ...]:
    """The views, triggers, routines and events of a dump that are never made, each with the reason."""
    return tuple(
        f"byte {one.offset:,} of the dump: {one.head}: {one.reason}"
        for one in loaded.refused
        if OBJECT.match(one.head)
    )


def _unusable(
    work: LoadDatabase, trouble: DumpDamaged | DumpRefused, salvage: Salvage, others: tuple[str, ...] = ()
) -> ManualItem:
    about = subject(work.dump.database)
    name = safe(work.dump.database.name)
    refused = trouble.refused if isinstance(trouble, DumpRefused) else ()
    what = "is damaged" if isinstance(trouble, DumpDamaged) else "asks for what a restore never does"
    lines = [f"{safe(work.dump.fingerprint.path)}: {trouble.message}", f"it is {candidate(work.dump).label}"]
    lines += [f"byte {one.offset:,}: {one.head}: {one.reason}" for one in refused[:SHOWN]]
    lines += salvage.lines[:SHOWN] if salvage.rows else ()
    lines += others
    readable = (salvage_candidate(work.dump, salvage),) if salvage.rows else ()
    return ManualItem(
        item_id(trouble.code, about, path_text(work.dump)),
        trouble.code,
        safe(work.customer),
        safe(about),
        f"The dump of {name} {what}. Which dump shall be used? The live database is as it was.",
        tuple(safe(line, 1000) for line in lines),
        (*map(candidate, work.others), *readable),
        work.contact,
    )


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
