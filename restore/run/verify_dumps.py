"""A dump tried out: fetched and loaded whole, as a restore would, into a private server that is no target."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial

from restore.errors import (
    DatabaseRefused,
    DumpDamaged,
    DumpRefused,
    DumpTooLarge,
    LoadDiffers,
    RestoreError,
    ScratchLimit,
)
from restore.model.facts import DumpVerified, Survivor, SurvivorsRead
from restore.model.mysql import Loaded, Salvage
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import ReadSurvivors, VerifyDump
from restore.model.ports import Systems
from restore.model.text import safe
from restore.run.databases import check_stated, check_whose, missing_objects
from restore.run.dump_stream import DumpStream
from restore.run.salvage import load_salvaged

UNUSABLE = (DumpDamaged, DumpRefused, DumpTooLarge, LoadDiffers, DatabaseRefused, ScratchLimit)


@dataclass(slots=True)
class _Clock:
    """Seconds of fetching, and of loading."""

    fetching: float = 0.0
    loading: float = 0.0
    fetched: int = 0


def verify_dump(key: str, work: VerifyDump, systems: Systems) -> Outcome:
    """Read a dump to its end and load it into the scratch server.

    Done where a run would restore it whole; Partial where it is damaged, asks for what is never done, or holds views,
    triggers, routines or events that are refused: each is named. Raises what the source and staging raise, and
    ScratchUnavailable.
    """
    clock = _Clock()
    try:
        loaded = _load(key, work, systems, clock)
        check_whose(work.dump, loaded)
        check_stated(work.dump, loaded, systems)
    except UNUSABLE as trouble:
        outcome = _unusable(key, work, clock, trouble, systems)
        systems.dumps.discard(work.dump)
        return outcome
    if not work.keep:
        systems.dumps.discard(work.dump)
    fact = _fact(work, clock, loaded, "", "")
    missing = missing_objects(loaded)
    return Partial(key, fact, missing) if missing else Done(key, fact)


def _unusable(key: str, work: VerifyDump, clock: _Clock, trouble: RestoreError, systems: Systems) -> Outcome:
    """Why a dump would not come back, and what can be read of it, loaded as a run would load it."""
    refused = trouble.refused if isinstance(trouble, DumpRefused) else ()
    lines = [f"byte {one.offset:,}: {one.head}: {one.reason}" for one in refused]
    loaded, salvage = None, None
    if isinstance(trouble, DumpDamaged | DumpRefused):
        loaded, salvage = _salvaged(key, work, systems)
    fact = _fact(work, clock, loaded, trouble.code, trouble.message)
    if loaded is not None and salvage is not None:
        lines += salvage.lines
        fact = replace(fact, salvage=salvage, partial=work.partial)
    fact = replace(fact, refused=refused or fact.refused)
    return Partial(
        key, fact, (f"{safe(work.dump.fingerprint.path)}: {trouble.message}", *lines[bool(refused) :])
    )


def _salvaged(key: str, work: VerifyDump, systems: Systems) -> tuple[Loaded | None, Salvage | None]:
    try:
        loaded, salvage = load_salvaged(key, work.dump, systems, partial(systems.scratch.load, _tenant(work)))
        check_whose(work.dump, loaded)
    except UNUSABLE:
        return None, None  # nothing can be read of it that a run would let stand
    return loaded, salvage


def _tenant(work: VerifyDump) -> str:
    return f"{work.dump.database.server}/{work.customer}"


def _load(key: str, work: VerifyDump, systems: Systems, clock: _Clock) -> Loaded:
    stamp, progress = work.dump.fingerprint, systems.progress(key)

    def count(amount: int) -> None:
        clock.fetched += amount
        progress(amount)

    systems.desk.renew(key)
    began = time.monotonic()
    systems.dumps.fetch(systems.source(stamp.source), work.dump, count)
    clock.fetching = time.monotonic() - began
    systems.desk.renew(key)
    began = time.monotonic()
    try:
        return systems.scratch.load(_tenant(work), DumpStream(key, systems, work.dump))
    finally:
        clock.loading = time.monotonic() - began


def _fact(work: VerifyDump, clock: _Clock, loaded: Loaded | None, code: str, damage: str) -> DumpVerified:
    tables = loaded.tables if loaded else ()
    return DumpVerified(
        work.dump.database,
        work.dump.fingerprint,
        work.target,
        len(tables),
        sum(table.rows for table in tables),
        len(loaded.objects) if loaded else 0,
        loaded.refused if loaded else (),
        loaded.bytes if loaded else 0,
        code,
        damage,
        clock.fetching,
        clock.loading,
        clock.fetched > 0,
        loaded.notes if loaded else (),
    )


def read_survivors(key: str, work: ReadSurvivors, systems: Systems) -> Outcome:
    """Read the password hashes in a backup's dump of the `mysql` database; they go into the vault.

    Done; Partial where the dump is damaged. Raises what the source and staging raise.
    """
    stamp = work.dump.fingerprint
    systems.desk.renew(key)
    systems.dumps.fetch(systems.source(stamp.source), work.dump, systems.progress(key))
    path = safe(stamp.path)
    try:
        found = systems.scratch.hashes(DumpStream(key, systems, work.dump))
    except (DumpDamaged, DumpTooLarge) as trouble:
        return Partial(key, SurvivorsRead(work.server, path, ()), (trouble.message,))
    finally:
        systems.dumps.discard(work.dump)
    survivors = []
    for one in found:
        systems.desk.renew(key)
        purpose = f"survivor/{work.server}/{one.account.user}@{one.account.host}"
        survivors.append(
            Survivor(
                one.account, one.plugin, systems.desk.put_secret(key, purpose, one.verifier), one.databases
            )
        )
    return Done(key, SurvivorsRead(work.server, path, tuple(survivors)))
