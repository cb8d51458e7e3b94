"""Dumps of every form in the staging folder, each read as one plain stream of SQL."""

from __future__ import annotations

from collections.abc import Iterator

from restore.model.mysql import DumpFile
from restore.model.ports import Progress, Source
from restore.systems.dump_salvage import SalvagedDump
from restore.systems.staging import StagingFolder


class StagedDumps:
    """Satisfies restore.model.ports.Dumps."""

    def __init__(self, staging: StagingFolder) -> None:
        self._staging = staging

    def fetch(self, source: Source, dump: DumpFile, progress: Progress) -> None:
        self._staging.fetch(source, dump.fingerprint, progress)

    def plain(self, dump: DumpFile) -> Iterator[bytes]:
        return self._staging.plain(dump.fingerprint)

    def salvaged(self, dump: DumpFile) -> SalvagedDump:
        return SalvagedDump(lambda: self._staging.salvaged(dump.fingerprint))

    def discard(self, dump: DumpFile) -> None:
        self._staging.discard(dump.fingerprint)
