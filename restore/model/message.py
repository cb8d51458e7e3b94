"""The canonical form of a mail's bytes, and what a mail is: its identity.

Every line end is CRLF, whatever number of CRs stood before the LF; CRs at the very end are dropped; NUL, which
IMAP cannot carry (RFC 9051 section 4.3), is 0x80. That is what Dovecot makes of a message it is given, so a
message that was stored reads back equal.
"""

from __future__ import annotations

import hashlib
import re

from restore.model.mail import Identity

_ANY_END = re.compile(rb"\r*\n")
_MESSAGE_ID = re.compile(rb"(?im)^message-id[ \t]*:((?:.*)(?:\n[ \t].*)*)")
_CLEAN = re.compile(rb"[\x21-\x7e]{1,500}")
_HEADER_END = re.compile(rb"\n\r?\n")


def canonical(content: bytes) -> bytes:
    """A message in canonical form; the same object where it already is."""
    return _even(content).rstrip(b"\r")


def _even(content: bytes) -> bytes:
    """CRs at the end stay. The order of the tests is by their speed on a whole mail, the common cases first."""
    if b"\0" in content:
        content = content.replace(b"\0", b"\x80")
    if b"\r" not in content:
        return content.replace(b"\n", b"\r\n")
    even = content.translate(None, b"\r").replace(b"\n", b"\r\n")
    if even == content:
        return content
    if content.count(b"\r") == content.count(b"\r\n"):
        return even
    return _ANY_END.sub(b"\r\n", content)


class Identifier:
    """Takes a message in chunks of any size and tells its identity; `keep`, where given, is filled with its
    canonical form, else nothing of it is held."""

    __slots__ = ("_crs", "_hash", "_keep", "_size")

    def __init__(self, keep: bytearray | None = None) -> None:
        self._keep = keep
        self._hash = hashlib.sha256()
        self._size = 0
        self._crs = 0

    def update(self, chunk: bytes) -> None:
        """The next bytes of the message."""
        body = chunk.rstrip(b"\r")
        if body:
            self._add(self._held_before(body))
            self._add(_even(body))
        self._crs += len(chunk) - len(body)

    def _held_before(self, body: bytes) -> bytes:
        held, self._crs = self._crs, 0
        return b"" if not held or body.lstrip(b"\r").startswith(b"\n") else b"\r" * held

    def _add(self, data: bytes) -> None:
        self._hash.update(data)
        self._size += len(data)
        if self._keep is not None:
            self._keep += data

    def identity(self) -> Identity:
        """What the bytes given so far are, taken as a whole message."""
        return Identity(self._hash.hexdigest(), self._size)


def identify(content: bytes | bytearray) -> Identity:
    """The identity of a whole message that is already in canonical form."""
    return Identity(hashlib.sha256(content).hexdigest(), len(content))


def header(content: bytes | bytearray) -> bytes:
    """A message's header: everything up to its first empty line."""
    end = _HEADER_END.search(content)
    return bytes(content[: end.start() + 1] if end else content)


def message_id(fields: bytes) -> bytes:
    """The one clean Message-ID in some header fields, folding undone.

    b"" where there is none, several, or one that a server may read differently: such a message is looked for by
    its size instead.
    """
    found = _MESSAGE_ID.findall(fields)
    if len(found) != 1:
        return b""
    value: bytes = found[0].strip()
    return value if _CLEAN.fullmatch(value) else b""
