"""A dump's plain content from a file that may be packed, in bounded memory, damage named by its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from restore.errors import DumpDamaged, DumpTooLarge
from restore.systems.unpack_members import BROKEN, CHUNK, PACKINGS, Packing, packing_of

BINARY = frozenset(range(9))


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
    packing = packing_of(head)
    if packing is None:
        for other in PACKINGS:
            if name.endswith(other.suffix) and BINARY & set(head):
                raise DumpDamaged(f"{name} is damaged at its very beginning: neither {other.name} nor text")
        yield from _plain(file, size, name, limits)
        return
    plain = 0
    most = limits.most(size)
    for chunk in members(file, packing, name):
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


def members(
    file: BinaryIO, packing: Packing, name: str, note: Callable[[int, int], None] = lambda packed, plain: None
) -> Iterator[bytes]:
    """All members of a packed file from its position, one after the other; zeros after the last are padding. `note`
    is told at which packed byte, and after how many plain ones, each further member begins. Raises DumpDamaged.
    """
    read = plain = 0
    member, data = packing.member(), b""
    while True:
        if not data and member.hungry:
            data = file.read(CHUNK)
            read += len(data)
            if not data:
                raise DumpDamaged(f"{name} is cut at byte {read:,}, after {plain:,} plain bytes")
        before = read - len(data) - member.waiting
        try:
            out = member.decompress(data)
        except BROKEN as error:
            place = f"between bytes {before:,} and {read:,}, after {plain:,} plain bytes"
            raise DumpDamaged(f"{name} is damaged {place}: {error}") from error
        data = b""
        plain += len(out)
        if out:
            yield out
        if member.eof:
            data, more = _next_member(file, member.rest)
            read += more
            if not data:
                return
            note(read - len(data), plain)
            member = packing.member()


def _next_member(file: BinaryIO, rest: bytes) -> tuple[bytes, int]:
    """The next member's first bytes, none at the end; and how many more bytes were read."""
    more = 0
    while not (rest := rest.lstrip(b"\0")):
        rest = file.read(CHUNK)
        more += len(rest)
        if not rest:
            break
    return rest, more
