"""One database or table out of a dump file of any size, packed or not, by an index that is made once and kept.

The index holds where everything stands and how to get there without reading what lies before: for gzip the decoder's
state every few megabytes (zran, by indexed_gzip), for other packings where each member (a zstd frame, an xz or bzip2
stream) begins. A file of one such member is read from its start, or from a seekable copy (slice_copies.py). All of
it counts for the very file it was made from: path, size, time and inode are in its name.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from indexed_gzip import IndexedGzipFile
from indexed_gzip.indexed_gzip import CrcError, ZranError

from restore.errors import DumpDamaged, StateUnwritable
from restore.model.text import safe
from restore.systems.dump_index import DumpIndex, Stretch, index_of
from restore.systems.slice_copies import make_copy
from restore.systems.unpack import members
from restore.systems.unpack_members import CHUNK, packing_of

SPACING = 4 << 20
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
        with self.path.open("rb") as file:
            packing = packing_of(file.read(16))
        return packing is None or packing.name == "gzip" or len(self.steps) > 1 or self.copied

    def plain(self) -> Iterator[bytes]:
        """All of it. Raises DumpDamaged."""
        return self._from(0)

    def read(self, database: str, table: str = "") -> Iterator[bytes]:
        """The bytes of a database or table of it with the settings they are read under. Raises DumpDamaged."""
        for start, end in self.index.parts(database, table):
            left = end - start
            for chunk in self._from(start):
                yield chunk[:left]
                left -= len(chunk)
                if left <= 0:
                    break

    def _from(self, offset: int) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            packing = packing_of(file.read(16))
            if packing is not None and packing.name == "gzip":
                yield from _gunzipped(self.path, self.states, offset)
                return
            packed, plain = max(step for step in self.steps if step[1] <= offset)
            file.seek(packed if packing else offset)
            skip = offset - plain if packing else 0
            chunks = (
                members(file, packing, safe(str(self.path)))
                if packing
                else iter(lambda: file.read(CHUNK), b"")
            )
            for chunk in chunks:
                if skip < len(chunk):
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))


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
        index = index_of(_first_pass(path, folder, states, steps))
        made = [[one.database, one.table, one.start, one.end] for one in index.stretches]
        _keep(kept, json.dumps({"size": index.size, "steps": steps, "stretches": made}).encode())
        dump = SlicedDump(path, index, tuple(steps), states)
    if recompress and not dump.seeks and not copied.exists():
        _keep(copied, json.dumps(make_copy(dump.plain(), copy, safe(str(path)))).encode())
    if not copied.exists():
        return dump
    return SlicedDump(copy, index, _steps(json.loads(copied.read_text())), states, copied=True)


def _steps(read: list[list[int]]) -> tuple[tuple[int, int], ...]:
    return tuple((packed, plain) for packed, plain in read)


def _first_pass(path: Path, folder: Path, states: Path, steps: list[tuple[int, int]]) -> Iterator[bytes]:
    """The plain content; on the way what is needed to come back is noted in `steps` or written to `states`."""
    _make(folder)
    with path.open("rb") as file:
        packing = packing_of(file.read(16))
        file.seek(0)
        if packing is None:
            yield from iter(lambda: file.read(CHUNK), b"")
        elif packing.name != "gzip":
            yield from members(
                file, packing, safe(str(path)), lambda packed, plain: steps.append((packed, plain))
            )
        else:
            yield from _gunzipped(path, states, 0, write=True)


def _gunzipped(path: Path, states: Path, offset: int, *, write: bool = False) -> Iterator[bytes]:
    try:
        with IndexedGzipFile(str(path), spacing=SPACING, index_file=None if write else str(states)) as file:
            file.seek(offset)
            while chunk := file.read(CHUNK):
                yield chunk
            if write:
                part = states.with_suffix(f".{os.getpid()}.part")
                file.export_index(str(part))
                part.rename(states)
    except (CrcError, ZranError, EOFError) as error:
        raise DumpDamaged(f"{safe(str(path))} is damaged or cut: {error}") from error


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateUnwritable(f"{folder}: {error.strerror}; no index can be kept") from error


def _keep(path: Path, content: bytes) -> None:
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.rename(path)
