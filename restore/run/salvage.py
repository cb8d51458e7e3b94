"""What can be read of a damaged dump, counted, and loaded through the same fences as a whole one."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from restore.errors import DatabaseRefused
from restore.model.mysql import DumpFile, Loaded, Salvage
from restore.model.ports import Systems
from restore.run.dump_stream import DumpStream

# Tables whose definitions a server refuses are left out one by one.
MOST_LEFT_OUT = 50


def salvage_of(key: str, dump: DumpFile, systems: Systems) -> Salvage:
    """What can be had of a dump that is in staging, by reading alone."""
    mended = systems.dumps.salvaged(dump)
    for _ in DumpStream(key, systems, dump, mended):
        pass
    return mended.found


def load_salvaged(
    key: str, dump: DumpFile, systems: Systems, load: Callable[[Iterable[bytes]], Loaded]
) -> tuple[Loaded, Salvage]:
    """Load what can be read of a dump that is in staging; a table whose definition the server refuses is left out.

    Raises what `load` raises: DumpDamaged where nothing can be read, DumpRefused where what can be read asks for what
    is never done.
    """
    mended = systems.dumps.salvaged(dump)
    for _ in range(MOST_LEFT_OUT):
        try:
            loaded = load(DumpStream(key, systems, dump, mended))
        except DatabaseRefused as refused:
            if not refused.table:
                raise
            mended = mended.leaving_out(refused.table)
        else:
            return loaded, mended.found
    raise DatabaseRefused(f"the server refuses more than {MOST_LEFT_OUT} tables of this dump")
