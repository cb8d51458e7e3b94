"""One database or table out of a dump file of any size, packed or not, by an index that is made once and kept.

The index holds where everything stands and how to get there without reading what lies before: for gzip the decoder's
state every few megabytes (zran, by indexed_gzip), for other packings where each member (a zstd frame, an xz or bzip2
stream) begins. A file of one such member is read from its start, or from a seekable copy (slice_copies.py). All of
it counts for the very file it was made from: path, size, time and inode are in its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from restore.model.text import safe
from restore.systems.dump_index import DumpIndex, Stretch, index_of
from restore.systems.packed import PackedFile, keep
from restore.systems.slice_copies import make_copy

VERSION = 1


@dataclass(frozen=True, slots=True)
class SlicedDump:
    """A dump file with its index. `steps` are (packed, plain) byte positions from which reading may begin, `states`
    the file of gzip's; `seeks` tells whether a slice is got without reading what lies before it; `path` is a seekable
    copy of the dump where it is `copied`."""

    path: Path
    index: DumpIndex
    steps: tuple[tuple[int, int], ...]
    states: Path
    copied: bool = False

    @property
    def seeks(self) -> bool:
        return self.copied or self._file.seeks(self.steps)

    @property
    def _file(self) -> PackedFile:
        return PackedFile(lambda: self.path.open("rb"), self.states, safe(str(self.path)))

    def plain(self) -> Iterator[bytes]:
        """All of it. Raises DumpDamaged."""
        return self._file.part(0, self.index.size, self.steps)

    def read(self, database: str, table: str = "") -> Iterator[bytes]:
        """The bytes of a database or table of it with the settings they are read under. Raises DumpDamaged."""
        for start, end in self.index.parts(database, table):
            yield from self._file.part(start, end, self.steps)


def sliced(path: Path, folder: Path, *, recompress: bool = False) -> SlicedDump:
    """A dump file with its index, which is made and kept in `folder` where it is not there yet. With `recompress` a
    file packed in one piece is kept there as a seekable copy too.

    Raises DumpDamaged, DumpRefused, StateUnwritable, StagingFull, OSError where the dump cannot be read.
    """
    seen = path.stat()
    name = hashlib.sha256(
        repr((VERSION, str(path.resolve()), seen.st_size, seen.st_mtime_ns, seen.st_ino)).encode()
    )
    kept, states, copy, copied = (
        folder / f"{name.hexdigest()[:40]}{end}" for end in (".json", ".gzidx", ".copy.zst", ".copy.json")
    )
    if kept.exists():
        content = json.loads(kept.read_text())
        index = DumpIndex(tuple(Stretch(*one) for one in content["stretches"]), content["size"])
        dump = SlicedDump(path, index, _steps(content["steps"]), states)
    else:
        steps = [(0, 0)]
        file = PackedFile(lambda: path.open("rb"), states, safe(str(path)))
        index = index_of(file.first(steps))
        made = [[one.database, one.table, one.start, one.end] for one in index.stretches]
        keep(kept, json.dumps({"size": index.size, "steps": steps, "stretches": made}).encode())
        dump = SlicedDump(path, index, tuple(steps), states)
    if recompress and not dump.seeks and not copied.exists():
        keep(copied, json.dumps(make_copy(dump.plain(), copy, safe(str(path)))).encode())
    if not copied.exists():
        return dump
    return SlicedDump(copy, index, _steps(json.loads(copied.read_text())), states, copied=True)


def _steps(read: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((packed, plain) for packed, plain in read)
