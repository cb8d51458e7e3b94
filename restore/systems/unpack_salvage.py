"""What can still be unpacked of a damaged file: plain bytes, and holes where some are missing or in doubt.

A gzip member and a zstd frame carry one check sum at their end: what came out of a broken one was read, and is not
proven. After it the next member that can be unpacked is looked for. bzip2 checks each block of at most 900 kB by
itself, and a block begins with 48 bits that stand nowhere else (unpack_blocks.py): only the damaged block is lost. An
xz stream is read to its damage, and gone on with at the next stream.
RFC 1952, RFC 8878, https://tukaani.org/xz/xz-file-format.txt
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from restore.systems.unpack import UnpackLimits
from restore.systems.unpack_blocks import Block, blocks_of
from restore.systems.unpack_members import BROKEN, CHUNK, Broken, Packing, packing_of

SHORTEST = 18  # a gzip member that holds nothing
TRIED = 1 << 16
# Decoders give nothing of what they were handed last where that is damaged: they are handed little.
SIP = 1 << 12
CHECK = "the check sum of the gzip data is wrong"


@dataclass(frozen=True, slots=True)
class Hole:
    """Plain bytes are missing here, of which nobody knows how many; not `missing`: all came out, but a check sum is
    wrong. `start` to `end` are the packed bytes that were passed over (equal at a file's end); what came since the
    plain byte `since` is covered by no check sum that is right."""

    start: int
    end: int
    since: int
    why: str
    missing: bool = True


def salvaged_bytes(file: BinaryIO, size: int, limits: UnpackLimits) -> Iterator[bytes | Hole]:
    """The plain content of a file of `size` bytes as far as it can be had. Nothing is raised for damage; what is
    larger than the limits allow ends in a hole."""
    head = file.read(16)
    file.seek(0)
    packing = packing_of(head)
    if packing is None:
        pieces: Iterator[bytes | Hole] = iter(lambda: file.read(CHUNK), b"")
    elif packing.name == "bzip2":
        pieces = _blocks(file, size)
    else:
        pieces = _members(file, size, packing)
    plain, most = 0, limits.most(size) if packing else limits.plain
    for piece in pieces:
        plain += 0 if isinstance(piece, Hole) else len(piece)
        if plain > most:
            yield Hole(size, size, plain, f"more than the {most:,} bytes that it may unpack to")
            return
        yield piece


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes | Hole]:
    plain, last = 0, 0
    for block in blocks_of(file):
        last = block.end
        if isinstance(block, Block):
            plain += len(block.plain)
            yield block.plain
        else:
            yield Hole(block.start, block.end, plain, "a bzip2 block is damaged or cut")
    if last + TRIED < size or not last:
        yield Hole(last, size, plain, "no bzip2 block")


def _members(file: BinaryIO, size: int, packing: Packing) -> Iterator[bytes | Hole]:
    start: int | None = 0
    plain = 0
    while start is not None:
        end, why, since = start, "", plain
        for piece in _member(file, start, packing):
            if isinstance(piece, bytes):
                plain += len(piece)
                yield piece
            else:
                end, why = piece
        if not why:
            start = _next(file, end, packing)
            if start is not None and start > end:
                yield Hole(end, start, plain, f"bytes that are no {packing.name}")
            continue
        start = end if why == CHECK else _next(file, start + SHORTEST, packing)
        yield Hole(end, size if start is None else start, since, why, why != CHECK)
        if start is not None and why == CHECK:
            start = _next(file, start, packing)


def _member(file: BinaryIO, start: int, packing: Packing) -> Iterator[bytes | tuple[int, str]]:
    """The plain bytes of the member at `start`; last, where it ends in the file and why it is damaged ("": whole)."""
    file.seek(start)
    member = UncheckedGzip() if packing.name == "gzip" else packing.member()
    data, read = b"", start
    while not member.eof:
        if not data and member.hungry:
            data = file.read(SIP)
            read += len(data)
            if not data:
                yield read, f"the file ends inside its {packing.name} data"
                return
        before = read - len(data) - member.waiting
        try:
            out = member.decompress(data)
        except BROKEN as error:
            yield before, f"the {packing.name} data is damaged: {error}"
            return
        data = b""
        if out:
            yield out
    wrong = isinstance(member, UncheckedGzip) and not member.sound
    yield read - len(member.rest), CHECK if wrong else ""


class UncheckedGzip:
    """A gzip member (RFC 1952) that gives out all it holds even where its check sum is wrong; `sound` tells."""

    def __init__(self) -> None:
        self._data = b""
        self._deflate: zlib._Decompress | None = None
        self._check = self._size = 0
        self.eof = self.sound = False

    def decompress(self, data: bytes) -> bytes:
        self._data += data
        if self._deflate is None:
            begin = _gzip_head(self._data)
            if begin is None:
                return b""
            self._deflate, self._data = zlib.decompressobj(-zlib.MAX_WBITS), self._data[begin:]
        out = b""
        if not self._deflate.eof:
            out = self._deflate.decompress(self._deflate.unconsumed_tail + self._data, CHUNK)
            self._data = self._deflate.unused_data if self._deflate.eof else b""
            self._check, self._size = zlib.crc32(out, self._check), self._size + len(out) & 0xFFFFFFFF
        if self._deflate.eof and len(self._data) >= 8:
            self.sound = self._data[:8] == struct.pack("<II", self._check, self._size)
            self._data, self.eof = self._data[8:], True
        return out

    @property
    def hungry(self) -> bool:
        return self._deflate is None or not self._deflate.unconsumed_tail

    @property
    def rest(self) -> bytes:
        return self._data

    @property
    def waiting(self) -> int:
        return len(self._data) + (len(self._deflate.unconsumed_tail) if self._deflate is not None else 0)


def _gzip_head(data: bytes) -> int | None:
    """Where the deflate data begins; None where more must arrive. Raises Broken for what is no header."""
    if len(data) < 10:
        return None
    if data[:3] != b"\x1f\x8b\x08" or data[3] & 0xE0:
        raise Broken("no gzip header")
    flags, place = data[3], 10
    if flags & 4:
        if len(data) < 12:
            return None
        place += 2 + int.from_bytes(data[10:12], "little")
    for flag in (8, 16):
        if flags & flag:
            place = data.find(b"\0", place) + 1
            if not place:
                return None
    place += 2 if flags & 2 else 0
    return place if place <= len(data) else None


def _next(file: BinaryIO, start: int, packing: Packing) -> int | None:
    """Where the next member begins that can be unpacked at all; None: there is none."""
    place, longest, carry = start, max(map(len, packing.magic)), b""
    file.seek(start)
    while data := file.read(CHUNK):
        text = carry + data
        begins = sorted({at for magic in packing.magic for at in _all(text, magic)})
        for at in begins:
            if _opens(file, place - len(carry) + at, packing):
                return place - len(carry) + at
        place += len(data)
        carry = text[-longest + 1 :]
        file.seek(place)
    return None


def _all(text: bytes, magic: bytes) -> Iterator[int]:
    at = text.find(magic)
    while at >= 0:
        yield at
        at = text.find(magic, at + 1)


def _opens(file: BinaryIO, place: int, packing: Packing) -> bool:
    """Whether what begins here unpacks for a while: three bytes by chance are no gzip member."""
    file.seek(place)
    data = file.read(TRIED)
    member = packing.member()
    try:
        return bool(member.decompress(data)) or member.eof or packing.name != "gzip"
    except BROKEN:
        return False
