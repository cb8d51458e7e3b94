"""The packings a dump may come in, as decoders of one member each: gzip, zstd, xz, bzip2.

A member is what may stand several times in one file: a gzip member (RFC 1952, 2.2), a zstd frame (RFC 8878, 3.1), an
xz or bzip2 stream. Each decoder takes packed bytes and gives plain ones in bounded pieces, so that a bomb costs no
memory; BROKEN are the errors by which any of them says that its bytes are damaged.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import zstandard

CHUNK = 1 << 20
GZIP = 16 + zlib.MAX_WBITS
# xz -9 needs 65 MiB, zstd --long=27 128 MiB: more is no dump's packing but an attack on memory.
MOST_MEMORY = 160 << 20
MOST_WINDOW = 1 << 27
BLOCK_HEAD = 3
BLOCKS_AT_ONCE = 8  # of at most 128 KiB plain each (RFC 8878, 3.1.1.2.4)
LAST, TYPE, RLE = 1, 3, 1
SKIPPABLE = range(0x184D2A50, 0x184D2A60)


class Broken(Exception):
    """Bytes that are no such packing."""


BROKEN = (Broken, zlib.error, lzma.LZMAError, OSError, zstandard.ZstdError)


class Member(Protocol):
    """One member as it is unpacked."""

    def decompress(self, data: bytes) -> bytes:
        """Plain bytes, some megabytes at most, of what was given; more may wait: ask again with b""."""

    @property
    def eof(self) -> bool:
        """The member is whole."""

    @property
    def hungry(self) -> bool:
        """Nothing more comes out before more is put in."""

    @property
    def rest(self) -> bytes:
        """After the end: what was given and belongs to the next member."""

    @property
    def waiting(self) -> int:
        """How many of the bytes given have not been used."""


@dataclass(frozen=True, slots=True)
class Packing:
    """A way to pack: its name, how its files begin and end in name, and a decoder of one member."""

    name: str
    magic: tuple[bytes, ...]
    suffix: str
    member: Callable[[], Member]


class GzipMember:
    """RFC 1952."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(GZIP)

    def decompress(self, data: bytes) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, CHUNK)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def hungry(self) -> bool:
        return not self._member.unconsumed_tail

    @property
    def rest(self) -> bytes:
        return self._member.unused_data

    @property
    def waiting(self) -> int:
        return len(self._member.unused_data) + len(self._member.unconsumed_tail)


class StreamMember:
    """An xz (https://tukaani.org/xz/xz-file-format.txt) or bzip2 stream."""

    def __init__(self, decoder: lzma.LZMADecompressor | bz2.BZ2Decompressor) -> None:
        self._member = decoder

    def decompress(self, data: bytes) -> bytes:
        return self._member.decompress(data, CHUNK)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def hungry(self) -> bool:
        return self._member.needs_input

    @property
    def rest(self) -> bytes:
        return self._member.unused_data

    @property
    def waiting(self) -> int:
        return len(self._member.unused_data)


class ZstdMember:
    """RFC 8878: a frame is fed to the library block by block, a few at a time, since it gives out all that a piece
    holds at once, and four bytes may stand for 128 KiB."""

    def __init__(self) -> None:
        decoder = zstandard.ZstdDecompressor(max_window_size=MOST_WINDOW)
        self._member = decoder.decompressobj()
        self._skipping: int | None = None
        self._data = b""
        self._begun = self._last = self._checked = self.eof = False
        self._stalled = True

    def decompress(self, data: bytes) -> bytes:
        self._data += data
        if self._skipping is None and not self._begun:
            self._begin()
        if self._skipping is not None:
            self._skip()
        return self._blocks() if self._begun else b""

    def _begin(self) -> None:
        if len(self._data) >= 8 and int.from_bytes(self._data[:4], "little") in SKIPPABLE:
            self._skipping = int.from_bytes(self._data[4:8], "little")
            self._data = self._data[8:]
        elif len(self._data) >= 5 and len(self._data) >= (size := _head_size(self._data[4])):
            self._checked = bool(self._data[4] & 4)
            self._member.decompress(self._take(size))
            self._begun = True

    def _skip(self) -> None:
        gone = self._take(min(self._skipping or 0, len(self._data)))
        self._skipping = (self._skipping or 0) - len(gone)
        self.eof = not self._skipping

    def _blocks(self) -> bytes:
        end, seen = 0, 0
        while not self._last and seen < BLOCKS_AT_ONCE and end + BLOCK_HEAD <= len(self._data):
            head = int.from_bytes(self._data[end : end + BLOCK_HEAD], "little")
            size = 1 if head >> 1 & TYPE == RLE else head >> 3
            if end + BLOCK_HEAD + size + self._tail(head) > len(self._data):
                break
            end, seen, self._last = end + BLOCK_HEAD + size + self._tail(head), seen + 1, bool(head & LAST)
        plain = self._member.decompress(self._take(end)) if end else b""
        if self._last and not self._member.eof:
            raise Broken("a frame does not end where its last block does")
        self.eof = self._last
        self._stalled = not end
        return plain

    def _tail(self, head: int) -> int:
        """Bytes of the check sum that follow a frame's last block."""
        return 4 if head & LAST and self._checked else 0

    def _take(self, size: int) -> bytes:
        taken, self._data = self._data[:size], self._data[size:]
        return taken

    @property
    def hungry(self) -> bool:
        return not self._begun or self._stalled

    @property
    def rest(self) -> bytes:
        return self._data

    @property
    def waiting(self) -> int:
        return len(self._data)


def _head_size(descriptor: int) -> int:
    """A frame header's bytes by its descriptor (RFC 8878, 3.1.1.1)."""
    single = descriptor >> 5 & 1
    return 5 + (1 - single) + (0, 1, 2, 4)[descriptor & 3] + (single, 2, 4, 8)[descriptor >> 6]


PACKINGS = (
    Packing("gzip", (b"\x1f\x8b",), ".gz", GzipMember),
    Packing(
        "zstd",
        (b"\x28\xb5\x2f\xfd", *(number.to_bytes(4, "little") for number in SKIPPABLE)),
        ".zst",
        ZstdMember,
    ),
    Packing(
        "xz",
        (b"\xfd7zXZ\0",),
        ".xz",
        lambda: StreamMember(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MOST_MEMORY)),
    ),
    Packing("bzip2", (b"BZh",), ".bz2", lambda: StreamMember(bz2.BZ2Decompressor())),
)


def packing_of(head: bytes) -> Packing | None:
    """What a file's first bytes say; None for plain text."""
    return next((one for one in PACKINGS if head.startswith(one.magic)), None)
