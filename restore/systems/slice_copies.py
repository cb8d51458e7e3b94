"""A seekable copy of a dump that is packed in one piece: zstd frames, each of a few megabytes of plain text.

It is made once, where the operator asks for it, and lies beside the dump's index under the same name.
https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md, "Frames"
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

from restore.errors import StagingFull, StateUnwritable
from restore.model.text import safe

FRAME = 4 << 20
LEVEL = 3
# What is left free on the disk: ledger and staged dumps may lie on it too.
SPARE = 1 << 30


def make_copy(chunks: Iterable[bytes], target: Path, what: str) -> list[tuple[int, int]]:
    """Write the plain `chunks` to `target`; the (packed, plain) byte at which each frame begins.

    Raises StagingFull where the disk would be left with less than a gigabyte, StateUnwritable; then there is no copy.
    """
    part = target.with_suffix(f".{os.getpid()}.part")
    steps, packed, plain = [], 0, 0
    packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True)
    try:
        with part.open("xb") as out:
            for frame in _frames(chunks):
                _check_room(target.parent, len(frame), what)
                steps.append((packed, plain))
                packed += out.write(packer.compress(frame))
                plain += len(frame)
            out.flush()
            os.fsync(out.fileno())
        part.rename(target)
    except OSError as error:
        raise StateUnwritable(f"{target.parent}: {error.strerror}; no copy of {what} was made") from error
    finally:
        part.unlink(missing_ok=True)
    return steps


def _frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = b""
    for chunk in chunks:
        held += chunk
        while len(held) >= FRAME:
            yield held[:FRAME]
            held = held[FRAME:]
    if held:
        yield held


def _check_room(folder: Path, need: int, what: str) -> None:
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free - need < SPARE:
        raise StagingFull(
            f"{safe(str(folder))} has {free:,} bytes free, of which {SPARE:,} are left alone: no seekable copy of"
            f" {what} was made"
        )
