"""Staging databases that nothing needs any more: dropped, and read back that they are gone.

The coordinator does this itself, when no worker of its run is left."""

from __future__ import annotations

from restore.errors import DatabaseRefused
from restore.model.facts import StagingSwept
from restore.model.mysql import STAGING_PREFIX
from restore.model.outcome import Done, Outcome
from restore.model.plan import SweepStaging
from restore.model.ports import Systems
from restore.plan.ours import MARKED


def sweep_staging(key: str, work: SweepStaging, systems: Systems) -> Outcome:
    """Drop the staging databases of this incident's that are not needed. Only names that a load of this incident
    has are touched. Raises DatabaseRefused where one still stands afterwards."""
    server = systems.database(work.target)
    unused = [name for name in sorted(server.databases()) if _is_unused(name, work)]
    for name in unused:
        server.drop_staging(name)
    left = sorted(server.databases() & set(unused))
    if left:
        raise DatabaseRefused(f"{', '.join(left)} still stand on {work.target} after they were dropped")
    return Done(key, StagingSwept(work.target, tuple(unused)))


def _is_unused(name: str, work: SweepStaging) -> bool:
    found = MARKED.fullmatch(name)
    return (
        found is not None
        and found["prefix"] == STAGING_PREFIX
        and found["mark"] in work.marks
        and name not in work.needed
    )
