"""The first plain bytes of a file that may be packed, from its first packed ones."""

from __future__ import annotations

import bz2
import lzma
import zlib

import zstandard

GZIP, ZSTD, XZ, BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"
MOST_MEMORY = 160 << 20


def is_packed(head: bytes) -> bool:
    """Whether a file that begins so is gzip, zstd, xz or bzip2."""
    return head.startswith((GZIP, ZSTD, XZ, BZIP2))


def plain_head(head: bytes, most: int) -> bytes:
    """At most `most` plain bytes of what begins so; b"" where it is damaged."""
    try:
        if head.startswith(GZIP):
            return zlib.decompressobj(wbits=31).decompress(head, most)
        if head.startswith(ZSTD):
            decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
            with decoder.stream_reader(head) as reader:
                return reader.read(most)
        if head.startswith(XZ):
            return lzma.LZMADecompressor(lzma.FORMAT_XZ, MOST_MEMORY).decompress(head, most)
        if head.startswith(BZIP2):
            return bz2.BZ2Decompressor().decompress(head, most)
    except (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError):
        return b""
    return head[:most]
