"""Dumps of every form in the staging folder, each read as one plain stream of SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from restore.model.mysql import MYDUMPER, SLICE, TAB, DumpFile, Fingerprint, HeldDatabase
from restore.model.ports import Progress, Source
from restore.systems.dump_salvage import SalvagedDump
from restore.systems.folder_dumps import FolderDump
from restore.systems.source_slices import SliceSource, SourceSlices, slice_stamp
from restore.systems.staging import StagingFolder


class StagedDumps:
    """Satisfies restore.model.ports.Dumps. `indexes` is the folder that keeps what was learned of files of many,
    with `recompress` seekable copies of them too."""

    def __init__(self, staging: StagingFolder, indexes: Path, *, recompress: bool = False) -> None:
        self._staging = staging
        self._slices = SourceSlices(indexes, recompress=recompress)

    def databases(self, source: Source, file: Fingerprint) -> Sequence[HeldDatabase]:
        return self._slices.databases(source, file)

    def fetch(self, source: Source, dump: DumpFile, progress: Progress) -> None:
        if dump.form == SLICE:
            self._staging.fetch(SliceSource(self._slices, source, dump), slice_stamp(dump), progress)
            return
        for file in _files(dump):
            self._staging.fetch(source, file, progress)

    def plain(self, dump: DumpFile) -> Iterator[bytes]:
        if dump.form in (MYDUMPER, TAB):
            return FolderDump(dump, self._staging.plain).plain()
        return self._staging.plain(_files(dump)[0])

    def salvaged(self, dump: DumpFile) -> SalvagedDump:
        if dump.form in (MYDUMPER, TAB):
            folder = FolderDump(dump, self._staging.plain)
            return SalvagedDump(lambda: folder.salvaged(self._staging.salvaged))
        (file,) = _files(dump)
        return SalvagedDump(lambda: self._staging.salvaged(file), alone=dump.form != SLICE)

    def stated(self, dump: DumpFile) -> Mapping[str, int]:
        return FolderDump(dump, self._staging.plain).stated() if dump.form == MYDUMPER else {}

    def discard(self, dump: DumpFile) -> None:
        for file in _files(dump):
            self._staging.discard(file)


def _files(dump: DumpFile) -> tuple[Fingerprint, ...]:
    """What lies in the staging folder for it."""
    if dump.form == SLICE:
        return (slice_stamp(dump),)
    return dump.parts or (dump.fingerprint,)
