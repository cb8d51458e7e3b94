"""A dump's plain content from a file that may be gzip (RFC 1952), in bounded memory, damage named by its place."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from restore.errors import DumpDamaged, DumpTooLarge

MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20
BINARY = frozenset(range(9))
GZIP = 16 + zlib.MAX_WBITS


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """What an unpacked dump may grow to: `plain` bytes in all, and `ratio` times its packed size where that is
    above `always` bytes. Deflate reaches 1,032 times at most; text of mariadb-dump some 3 to 20 times."""

    plain: int = 1 << 42
    ratio: float = 200.0
    always: int = 1 << 30

    def most(self, packed: int) -> int:
        """The largest plain size allowed for a packed size, both in bytes."""
        return min(self.plain, max(self.always, int(packed * self.ratio)))


def unpack(file: BinaryIO, size: int, name: str, limits: UnpackLimits) -> Iterator[bytes]:
    """The plain content of a file of `size` bytes; `name` stands in errors.

    Raises DumpDamaged (cut, or a check sum that is wrong), DumpTooLarge.
    """
    head = file.read(512)
    file.seek(0)
    if not head.startswith(MAGIC):
        if name.endswith(".gz") and BINARY & set(head):
            raise DumpDamaged(f"{name} is damaged at its very beginning: neither gzip nor text")
        yield from _plain(file, size, name, limits)
        return
    plain = 0
    most = limits.most(size)
    for chunk in _gunzip(file, name):
        plain += len(chunk)
        if plain > most:
            raise DumpTooLarge(
                f"{name}: {size:,} packed bytes unpack to more than the {most:,} allowed; perhaps a zip bomb"
            )
        yield chunk


def _plain(file: BinaryIO, size: int, name: str, limits: UnpackLimits) -> Iterator[bytes]:
    if size > limits.plain:
        raise DumpTooLarge(f"{name}: {size:,} bytes, more than the {limits.plain:,} allowed")
    while chunk := file.read(CHUNK):
        yield chunk


def _gunzip(file: BinaryIO, name: str) -> Iterator[bytes]:
    """All members of a gzip file, one after the other (RFC 1952, 2.2); zeros after the last are padding."""
    packed = plain = 0
    member = zlib.decompressobj(GZIP)
    waiting = b""
    while True:
        data = waiting or file.read(CHUNK)
        try:
            out = member.decompress(data, CHUNK)
        except zlib.error as error:
            place = f"between bytes {packed:,} and {packed + len(data):,}, after {plain:,} plain bytes"
            raise DumpDamaged(f"{name} is damaged {place}: {error}") from error
        waiting = member.unused_data if member.eof else member.unconsumed_tail
        packed += len(data) - len(waiting)
        plain += len(out)
        if out:
            yield out
        if member.eof:
            waiting = _next_member(file, waiting)
            if not waiting:
                return
            member = zlib.decompressobj(GZIP)
        elif not data and not out:
            raise DumpDamaged(f"{name} is cut at byte {packed:,}, after {plain:,} plain bytes")


def _next_member(file: BinaryIO, waiting: bytes) -> bytes:
    rest = waiting or file.read(CHUNK)
    while rest and not rest.strip(b"\0"):
        rest = file.read(CHUNK)
    return rest
