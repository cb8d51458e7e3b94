"""An mbox file of a source from any byte on; a gzip'd one is unpacked once, into a file without a name of this host."""

from __future__ import annotations

import errno
import os
import tempfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, cast

from restore.errors import SourceUnreadable
from restore.model.ports import Source
from restore.model.text import safe
from restore.survey.packed import GZIP

CHUNK = 1 << 20
MOST_TIMES = 100
ALWAYS = 64 << 20
"""A packed file may hold so many times its own bytes, and these in any case."""


class MboxFile:
    """One file; `size` is that of its plain text in bytes, `damage` why its end could not be unpacked, or ""."""

    def __init__(self, source: Source, path: bytes, size: int) -> None:
        """Raises what the source raises, and SourceUnreadable where it cannot be unpacked here."""
        self._source = source
        self.path = path
        self.size = size
        self.damage = ""
        self._plain: BinaryIO | None = None
        if source.read(path, len(GZIP)) == GZIP:
            self._unpack()

    def at(self, offset: int) -> Iterator[bytes]:
        """Its plain text from a byte offset to its end, in chunks. Raises SourceUnreadable where its end is lost."""
        if self._plain is None:
            yield from self._source.stream(self.path, offset)
            return
        while chunk := os.pread(self._plain.fileno(), CHUNK, offset):
            offset += len(chunk)
            yield chunk
        if self.damage:
            raise SourceUnreadable(self.damage)

    def close(self) -> None:
        """Drop what was unpacked."""
        if self._plain is not None:
            self._plain.close()

    def _unpack(self) -> None:
        most = max(self.size * MOST_TIMES, ALWAYS)
        where = f"source {self._source.name}: {safe(self.path)}"
        plain = cast(BinaryIO, tempfile.TemporaryFile())  # noqa: SIM115 - held as long as this file is read
        written = 0
        try:
            for chunk in _plain(self._source.stream(self.path)):
                written += plain.write(chunk)
                if written > most:
                    self.damage = f"{where}: it unpacks to more than {most:,} bytes, which no mail does"
                    break
            plain.flush()
        except (zlib.error, EOFError) as error:
            self.damage = f"{where}: compressed, and damaged or cut: {error or 'it has no end'}"
        except OSError as error:
            plain.close()
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            room = f"{tempfile.gettempdir()} of this host has no room to unpack it"
            raise SourceUnreadable(f"{where}: {room}") from error
        except BaseException:
            plain.close()
            raise
        self._plain, self.size = plain, written


def _plain(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What gzip'd chunks hold, member after member. Raises zlib.error, EOFError."""
    unpacker = zlib.decompressobj(wbits=31)
    begun = False
    for chunk in chunks:
        packed = chunk
        while packed:
            begun = True
            yield unpacker.decompress(packed, CHUNK)
            packed = unpacker.unconsumed_tail
            if unpacker.eof:
                packed = unpacker.unused_data
                unpacker, begun = zlib.decompressobj(wbits=31), False
                if packed and not packed.startswith(GZIP[: len(packed)]):
                    return  # padding behind the last member, as tapes leave it
    if begun:
        raise EOFError
