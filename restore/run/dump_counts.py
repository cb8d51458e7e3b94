"""What an older dump has in place of a damaged one, table by table, for whom has to choose: by reading alone.

Bounded: at most MOST_DUMPS others of at most MOST_BYTES each, on the source that the step occupies already; of all
else it is said that it was not counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from restore.errors import DumpDamaged, DumpRefused, DumpTooLarge, SourceChanged, SourceUnreadable
from restore.model.mysql import DumpFile, Salvage
from restore.model.plan import LoadDatabase
from restore.model.ports import Systems
from restore.model.text import safe
from restore.plan.databases import candidate
from restore.run.salvage import salvage_of

MOST_DUMPS, MOST_BYTES, MOST_TABLES = 2, 256 << 20, 40
UNCOUNTED = (DumpDamaged, DumpRefused, DumpTooLarge, SourceChanged, SourceUnreadable)


def row_counts(key: str, work: LoadDatabase, damaged: Salvage, systems: Systems) -> tuple[str, ...]:
    """Lines for the question, one or more for each other dump. Raises what the desk and an unreachable source raise."""
    ours = dict(damaged.counts)
    return tuple(
        line
        for number, other in enumerate(work.others)
        for line in _lines(key, work, other, number, ours, systems)
    )


def _lines(
    key: str, work: LoadDatabase, other: DumpFile, number: int, ours: Mapping[str, int], systems: Systems
) -> Iterator[str]:
    what = candidate(other).label
    why = _passed_by(work, other, number)
    if why:
        yield f"{what}: its rows were not counted: {why}"
        return
    try:
        systems.dumps.fetch(systems.source(other.fingerprint.source), other, systems.progress(key))
        found = salvage_of(key, other, systems)
    except UNCOUNTED as error:
        yield f"{what}: its rows could not be counted: {error.message}"
        return
    finally:
        systems.dumps.discard(other)
    whole = "" if not found.losses else f", damaged too ({len(found.losses):,} losses)"
    read = f"of the damaged one {sum(ours.values()):,} are read"
    yield f"{what}: {found.rows:,} rows in {found.tables:,} tables{whole}; {read}"
    yield from _tables(dict(found.counts), ours)


def _passed_by(work: LoadDatabase, other: DumpFile, number: int) -> str:
    """Why a dump is not read for that; "" where it is."""
    if number >= MOST_DUMPS:
        return f"{MOST_DUMPS} others were"
    if other.fingerprint.source != work.dump.fingerprint.source:
        return f"it lies on {other.fingerprint.source}"
    if other.size > MOST_BYTES:
        return f"it has more than {MOST_BYTES >> 20} MB"
    return ""


def _tables(theirs: Mapping[str, int], ours: Mapping[str, int]) -> Iterator[str]:
    """The tables that differ; those that do not in one line."""
    differing = [name for name in sorted({*theirs, *ours}) if theirs.get(name) != ours.get(name)]
    for name in differing[:MOST_TABLES]:
        yield f"  table {safe(name, 100)}: {_rows(theirs, name)} there, {_rows(ours, name)} in the damaged one"
    rest = len(differing) - MOST_TABLES
    same = len({*theirs, *ours}) - len(differing)
    if rest > 0:
        yield f"  and {rest:,} further tables differ"
    if same:
        yield f"  {same:,} tables have as many rows in both"


def _rows(counts: Mapping[str, int], name: str) -> str:
    return f"{counts[name]:,} rows" if name in counts else "no such table"
