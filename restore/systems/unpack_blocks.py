"""The blocks of a bzip2 file, each unpacked by itself, as bzip2recover does it.

A block begins, at any bit, with the 48 bits 0x314159265359 and its own check sum; the stream ends with 0x177245385090.
Alone behind a header and before such an end, a block is a file of its own.
https://en.wikipedia.org/wiki/Bzip2#File_format, bzip2recover.c
"""

from __future__ import annotations

import bz2
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BEGIN, END = 0x314159265359, 0x177245385090
BITS = 48
HEADER = b"BZh9"
PIECE = 4 << 20
# The most that 900,000 bytes become, packed by a writer that gains nothing; more between two marks is no block.
LONGEST = 1_200_000


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was whole: its plain bytes, and the file's bytes that it stands in."""

    start: int
    end: int
    plain: bytes


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes of the file in which a damaged block stands."""

    start: int
    end: int


def blocks_of(file: BinaryIO) -> Iterator[Block | Broken]:
    """Every block of a seekable file in its order; one that is cut or damaged as such."""
    begun: int | None = None
    for bit, begins in _marks(file):
        if begun is not None:
            yield _block(file, begun, bit)
        begun = bit if begins else None
    if begun is not None:
        size = file.seek(0, 2)
        yield _block(file, begun, size * 8)


def _marks(file: BinaryIO) -> Iterator[tuple[int, bool]]:
    """Where each mark stands, in bits, and whether a block begins with it."""
    place, carry = 0, b""
    while True:
        file.seek(place)
        data = file.read(PIECE)
        if not data:
            return
        text = carry + data
        base = (place - len(carry)) * 8
        found = [(base + bit, begins) for mark, begins in _WANTED for bit in _bits(text, mark)]
        place += len(data)
        # A mark that stands whole in what is carried over is found again with the next piece.
        carry = text[-7:]
        again = (place - len(carry)) * 8
        yield from sorted(one for one in found if one[0] < again)


_WANTED = ((BEGIN, True), (END, False))


def _bits(text: bytes, mark: int) -> Iterator[int]:
    for shift in range(8):
        window = (mark << (8 - shift)).to_bytes(7, "big")
        first, last = (1 if shift else 0), 6
        inner = window[first:last]
        at = text.find(inner)
        while at >= 0:
            start = at - first
            if start >= 0 and _is_mark(text[start : start + 7], mark, shift):
                yield start * 8 + shift
            at = text.find(inner, at + 1)


def _is_mark(window: bytes, mark: int, shift: int) -> bool:
    bits = int.from_bytes(window.ljust(7, b"\0"), "big")
    return len(window) * 8 >= shift + BITS and bits >> (8 - shift) & ((1 << BITS) - 1) == mark


def _block(file: BinaryIO, begin: int, end: int) -> Block | Broken:
    first, last = begin // 8, -(-end // 8)
    if last - first > LONGEST:
        return Broken(first, last)
    file.seek(first)
    raw = file.read(last - first)
    bits = int.from_bytes(raw, "big") >> (len(raw) * 8 - (end - first * 8))
    length = end - begin
    bits &= (1 << length) - 1
    check = bits >> (length - BITS - 32) & 0xFFFFFFFF if length > BITS + 32 else 0
    whole = ((bits << BITS) | END) << 32 | check
    spare = -(length + BITS + 32) % 8
    packed = HEADER + (whole << spare).to_bytes((length + BITS + 32 + spare) // 8, "big")
    try:
        return Block(first, last, bz2.decompress(packed))
    except (OSError, ValueError):
        return Broken(first, last)
