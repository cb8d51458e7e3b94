"""A file of many databases in a source: which it holds, and one of them read without the rest, over any source.

The index is that of dump_index.py; a plain file is read from where a database stands, a gzip file from the decoder's
state before it, others from the member (a zstd frame, an xz or bzip2 stream) before it. Index and states are kept in
a folder, under a name made from the file's fingerprint; a worker that has none makes its own. Of a file packed in one
piece a seekable copy (slice_copies.py) is kept beside them, if that is asked for and there is room.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, cast

from detectors.walk import Entry
from restore.errors import SourceChanged, StagingFull
from restore.model.mysql import DumpFile, Fingerprint, HeldDatabase
from restore.model.ports import Source
from restore.model.text import safe
from restore.systems.dump_index import DumpIndex, Stretch, index_of_part
from restore.systems.packed import PackedFile, keep
from restore.systems.slice_copies import make_copy

BUFFER = 1 << 16
VERSION = 1
TRAILER = b"\n-- Dump completed\n"


class SourceFile(io.RawIOBase):
    """A file of a source as one that can be read from anywhere."""

    def __init__(self, source: Source, file: Fingerprint) -> None:
        self._source, self._file = source, file
        self._place = 0
        self._chunks: Iterator[bytes] | None = None
        self._rest = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._file.size}[whence]
        place = max(0, base + offset)
        ahead = place - self._place
        if 0 <= ahead <= len(self._rest):
            self._rest = self._rest[ahead:]
        else:
            self._chunks, self._rest = None, b""
        self._place = place
        return place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if not self._rest and self._place < self._file.size:
            if self._chunks is None:
                self._chunks = self._source.stream(self._file.path, self._place)
            self._rest = next(self._chunks, b"")
        taken = self._rest[: len(buffer)]
        buffer[: len(taken)] = taken
        self._rest = self._rest[len(taken) :]
        self._place += len(taken)
        return len(taken)


@dataclass(frozen=True, slots=True)
class _Kept:
    """An index with the (packed, plain) places from which reading may begin, in the file or in a `copy` of it."""

    index: DumpIndex
    steps: tuple[tuple[int, int], ...]
    copy: Path | None = None


class SourceSlices:
    """Databases inside files of many; `folder` keeps what was learned of each file, and with `recompress` seekable
    copies of those packed in one piece."""

    def __init__(self, folder: Path, *, recompress: bool = False) -> None:
        self._folder = folder
        self._recompress = recompress
        self._known: dict[Fingerprint, _Kept] = {}

    def databases(self, source: Source, file: Fingerprint) -> Sequence[HeldDatabase]:
        """The databases of a file, with the plain bytes of each; the last of a damaged file as damaged. Raises what
        the source raises, DumpRefused, DumpDamaged where nothing can be read, StateUnwritable."""
        index = self._index(source, file).index
        names = index.databases
        return tuple(HeldDatabase(name, self._size(index, name), name == index.damaged) for name in names)

    def read(self, source: Source, dump: DumpFile) -> Iterator[bytes]:
        """The plain SQL of one database of a file; a whole one ends as a whole dump does."""
        kept = self._index(source, dump.fingerprint)
        name = dump.database.name
        file = self._file(source, dump.fingerprint, kept.copy)
        for start, end in kept.index.parts(name):
            yield from file.part(start, end, kept.steps)
        if kept.index.damaged != name:
            # Only the file's last database stands before its last line; the index saw that it is there.
            yield TRAILER

    def _size(self, index: DumpIndex, name: str) -> int:
        size = sum(end - start for start, end in index.parts(name))
        return size if index.damaged == name else size + len(TRAILER)

    def _index(self, source: Source, file: Fingerprint) -> _Kept:
        if file not in self._known:
            kept = self._load(file) or self._make(source, file)
            self._known[file] = self._copied(source, file, kept) if self._recompress else kept
        return self._known[file]

    def _paths(self, file: Fingerprint) -> tuple[Path, Path]:
        text = repr((VERSION, file.source, file.path, file.size, file.mtime, file.inode))
        name = hashlib.sha256(text.encode()).hexdigest()[:40]
        return self._folder / f"{name}.json", self._folder / f"{name}.gzidx"

    def _load(self, file: Fingerprint) -> _Kept | None:
        path, _ = self._paths(file)
        if not path.exists():
            return None
        content = json.loads(path.read_text())
        stretches = tuple(Stretch(*one) for one in content["stretches"])
        steps = tuple((one, two) for one, two in content["steps"])
        return _Kept(DumpIndex(stretches, content["size"], content["damage"]), steps)

    def _make(self, source: Source, file: Fingerprint) -> _Kept:
        steps = [(0, 0)]
        index = index_of_part(self._file(source, file).first(steps))
        made = [[one.database, one.table, one.start, one.end] for one in index.stretches]
        content = {"size": index.size, "damage": index.damage, "steps": steps, "stretches": made}
        keep(self._paths(file)[0], json.dumps(content).encode())
        return _Kept(index, tuple(steps))

    def _copied(self, source: Source, file: Fingerprint, kept: _Kept) -> _Kept:
        """The same in a seekable copy, made where there is none; as it is where none is needed, or there is no room."""
        packed = self._file(source, file)
        if kept.index.damage or packed.seeks(kept.steps):
            return kept
        index, _ = self._paths(file)
        copy, stated = index.with_suffix(".copy.zst"), index.with_suffix(".copy.json")
        if not stated.exists():
            try:
                steps = make_copy(packed.part(0, kept.index.size, kept.steps), copy, packed.what)
            except StagingFull:
                return kept
            keep(stated, json.dumps(steps).encode())
        return replace(
            kept, steps=tuple((one, two) for one, two in json.loads(stated.read_text())), copy=copy
        )

    def _file(self, source: Source, file: Fingerprint, copy: Path | None = None) -> PackedFile:
        opened = partial(copy.open, "rb") if copy else partial(_opened, source, file)
        return PackedFile(cast(Callable[[], BinaryIO], opened), self._paths(file)[1], safe(file.path))


def _opened(source: Source, file: Fingerprint) -> BinaryIO:
    return cast(BinaryIO, io.BufferedReader(SourceFile(source, file), BUFFER))


class SliceSource:
    """One database of a file as a file of its own, for the staging folder to copy."""

    def __init__(self, slices: SourceSlices, source: Source, dump: DumpFile) -> None:
        self._slices, self._source, self._dump = slices, source, dump

    @property
    def name(self) -> str:
        return self._source.name

    def lstat(self, path: bytes) -> Entry | None:
        """The file's own, of the size that the database has in it. Raises SourceChanged where it is another."""
        whole = self._dump.fingerprint
        found = self._source.lstat(whole.path)
        if found is None or (found.size, found.mtime) != (whole.size, whole.mtime):
            raise SourceChanged(f"{whole.source}: {safe(whole.path)} changed since the survey")
        return Entry(path, "file", self._dump.held, found.mtime, found.inode)

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        for chunk in self._slices.read(self._source, self._dump):
            if offset < len(chunk):
                yield chunk[offset:]
            offset = max(0, offset - len(chunk))


def slice_stamp(dump: DumpFile) -> Fingerprint:
    """The fingerprint under which a database of a file of many is staged."""
    whole, name = dump.fingerprint, dump.database.name.encode("utf-8", "surrogateescape")
    return Fingerprint(whole.source, whole.path + b"\0" + name, dump.held, whole.mtime, whole.inode)
