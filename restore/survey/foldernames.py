"""Folder names as mail servers write them on disk: modified UTF-7 (RFC 9051 appendix A, RFC 3501 section 5.1.3)."""

from __future__ import annotations

import binascii
import re

_SHIFTED = re.compile(r"&([A-Za-z0-9+,]*)-|&")
_V2_ESCAPES = {b"1": b"\x01", b"t": b"\t", b"r": b"\r", b"n": b"\n", b"0": b"\0"}


def decode_name(name: bytes) -> str:
    """One component of a folder's name, modified UTF-7 or already UTF-8, as Unicode.

    What is neither keeps its characters: a bad shift sequence stays as it stands, bytes that are no UTF-8 are
    read as Latin-1, so that no folder is without a name.
    """
    if not name.isascii():
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            return name.decode("latin-1")
    text = name.decode("ascii")
    try:
        return _SHIFTED.sub(_unshift, text)
    except ValueError:
        return text


def _unshift(match: re.Match[str]) -> str:
    shifted = match[1]
    if shifted is None:
        raise ValueError("a shift without an end")
    if not shifted:
        return "&"
    try:
        raw = binascii.a2b_base64(shifted.replace(",", "/") + "=" * (-len(shifted) % 4))
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    text = raw.decode("utf-16-be")
    if any(0x20 <= ord(character) <= 0x7E or ord(character) < 0x20 for character in text):
        raise ValueError("a printable or control character in shifted form")
    return text


def unescape_v2(name: bytes) -> bytes:
    """One component of a line of Dovecot's subscriptions file, version 2 (lib/strescape.h: \\001 escapes)."""
    return re.sub(rb"\x01(.)", lambda match: _V2_ESCAPES.get(match[1], match[1]), name, flags=re.DOTALL)
