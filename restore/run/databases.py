"""Databases: dumps loaded into staging and compared, whole or what can be read of them."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial

from restore.errors import (
    DatabaseRefused,
    DumpDamaged,
    DumpRefused,
)
from restore.model.facts import DatabaseLoaded
from restore.model.mysql import (
    DumpFile,
    Loaded,
    Salvage,
)
from restore.model.outcome import Done, Manual, ManualItem, Outcome, Partial
from restore.model.plan import LoadDatabase
from restore.model.ports import DatabaseServer, Systems
from restore.model.text import safe
from restore.plan.databases import candidate, path_text, salvage_candidate, staging_name, subject
from restore.plan.question import item_id
from restore.run.dump_counts import row_counts
from restore.run.dump_stream import DumpStream
from restore.run.salvage import load_salvaged, salvage_of

SHOWN = 20
# What a customer would miss of a dump: objects, and parts of tables that this server does not know.
OBJECT = re.compile(
    r"CREATE\b.*\b(?:TRIGGER|VIEW|FUNCTION|PROCEDURE|EVENT)\b|table .*: (?:KEY|CHECK|DEFAULT)", re.IGNORECASE
)


Trouble = DumpDamaged | DumpRefused | DatabaseRefused


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
    except (DumpDamaged, DumpRefused, DatabaseRefused) as trouble:
        if isinstance(trouble, DatabaseRefused) and not (work.partial and trouble.table):
            raise
        server.drop_staging(work.staging)
        outcome = _in_spite_of(key, work, trouble, systems)
        systems.dumps.discard(work.dump)
        return outcome
    systems.dumps.discard(work.dump)
    return _loaded(key, work, loaded)


def _in_spite_of(key: str, work: LoadDatabase, trouble: Trouble, systems: Systems) -> Outcome:
    """What becomes of a database whose dump cannot be used as it is."""
    if work.use_older and work.others and isinstance(trouble, DumpDamaged):
        systems.dumps.discard(work.dump)
        return _from_next(key, work, trouble, systems)
    if work.partial or isinstance(trouble, DatabaseRefused):
        return _in_part(key, work, trouble, systems)
    judged = work.judged
    salvage = judged.salvage if judged is not None else salvage_of(key, work.dump, systems)
    salvage = salvage or Salvage()
    return Manual(key, (_unusable(work, trouble, salvage, row_counts(key, work, salvage, systems)),))


def _in_part(key: str, work: LoadDatabase, trouble: Trouble, systems: Systems) -> Outcome:
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
