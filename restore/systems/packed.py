"""The plain text of a dump file, packed or not, from any place of it, by what a first whole reading noted.

A plain file is read from there, a gzip file from its decoder's state before it (zran, by indexed_gzip), others from the
member (a zstd frame, an xz or bzip2 stream) before it; a file of one such member is read from its start.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from indexed_gzip import IndexedGzipFile
from indexed_gzip.indexed_gzip import CrcError, ZranError

from restore.errors import DumpDamaged, StateUnwritable
from restore.systems.unpack import members
from restore.systems.unpack_members import CHUNK, packing_of

SPACING = 4 << 20
Steps = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PackedFile:
    """`opened` opens the file, `states` is where the states of gzip's decoder are kept, `what` names it in words."""

    opened: Callable[[], BinaryIO]
    states: Path
    what: str

    def seeks(self, steps: Steps) -> bool:
        """Whether a part is got without reading what lies before it."""
        with closing(self.opened()) as file:
            packing = packing_of(file.read(16))
        return packing is None or packing.name == "gzip" or len(steps) > 1

    def first(self, steps: list[tuple[int, int]]) -> Iterator[bytes]:
        """All of it; on the way what is needed to come back is added to `steps`, (packed, plain) bytes at which reading
        may begin, or written to `states`. Raises DumpDamaged, StateUnwritable."""
        make_folder(self.states.parent)
        with closing(self.opened()) as file:
            packing = packing_of(file.read(16))
            file.seek(0)
            if packing is None:
                yield from iter(lambda: file.read(CHUNK), b"")
            elif packing.name == "gzip":
                yield from self._gunzipped(file, 0, write=True)
            else:
                yield from members(
                    file, packing, self.what, lambda packed, plain: steps.append((packed, plain))
                )

    def part(self, begin: int, end: int, steps: Steps) -> Iterator[bytes]:
        """The plain bytes from `begin` to before `end`. Raises DumpDamaged."""
        left = end - begin
        for chunk in self._from(begin, end, steps):
            yield chunk[:left]
            left -= len(chunk)
            if left <= 0:
                break

    def _from(self, offset: int, end: int, steps: Steps) -> Iterator[bytes]:
        with closing(self.opened()) as file:
            packing = packing_of(file.read(16))
            if packing is None:
                file.seek(offset)
                yield from iter(lambda: file.read(min(CHUNK, end - offset)), b"")
                return
            if packing.name == "gzip":
                yield from self._gunzipped(file, offset)
                return
            packed, plain = max(step for step in steps if step[1] <= offset)
            file.seek(packed)
            skip = offset - plain
            for chunk in members(file, packing, self.what):
                if skip < len(chunk):
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))

    def _gunzipped(self, file: BinaryIO, offset: int, *, write: bool = False) -> Iterator[bytes]:
        kept = str(self.states) if self.states.exists() and not write else None
        try:
            with IndexedGzipFile(fileobj=file, spacing=SPACING, index_file=kept) as plain:
                plain.seek(offset)
                while chunk := plain.read(CHUNK):
                    yield chunk
                if write:
                    part = self.states.with_suffix(f".{os.getpid()}.part")
                    plain.export_index(str(part))
                    part.rename(self.states)
        except (CrcError, ZranError, EOFError) as error:
            raise DumpDamaged(f"{self.what} is damaged or cut: {error}") from error


def make_folder(folder: Path) -> None:
    """A folder for indexes. Raises StateUnwritable."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StateUnwritable(f"{folder}: {error.strerror}; no index can be kept") from error


def keep(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all."""
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_bytes(content)
    part.rename(path)
