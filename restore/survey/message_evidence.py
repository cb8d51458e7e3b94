"""What a mail file itself says of whether it is still what was delivered.

A file that reads well may have been altered: nothing in it need show that. Evidence is: the body hash that its sender
signed (DKIM bh=, RFC 6376 3.4 and 3.7; lists and gateways that add a footer break it too), Content-MD5 (RFC 1864),
multiparts that never end (RFC 2046 5.1), base64 that cannot be base64, long runs of NUL (a hole left by a file system).
Sizes in its name (,S= and ,W=) are often wrong on sound files, Dovecot corrects them where it meets them: they speak
against a message only where it has fewer bytes than they state and no end, or where something else does. Pure.
https://doc.dovecot.org/2.3/admin_manual/mailbox_formats/maildir/
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from email.policy import compat32
from itertools import islice, pairwise

SIZE = re.compile(rb",S=(\d+)")
WIRE_SIZE = re.compile(rb",W=(\d+)")
HOLE = b"\0" * 512
FIELD = re.compile(rb"[\x21-\x39\x3b-\x7e]+[ \t]*:")
HEADER_END = re.compile(rb"\r?\n\r?\n")
SPACES = re.compile(rb"[ \t]+")
BASE64_TEXT = re.compile(rb"[A-Za-z0-9+/=\s]*+")
DEEPEST = 10
MOST_PARTS = 500
PARSER = BytesHeaderParser(policy=compat32)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a mail file says of itself: `doubts` are reasons to doubt that it is what was delivered, each in words, ()
    where nothing speaks against it; `note` is what is worth telling of a message that is whole."""

    doubts: tuple[str, ...] = ()
    note: str = ""


def examined(name: bytes, stored: int, content: bytes) -> Evidence:
    """What speaks against a message. `name` is the file's, `stored` its size in bytes as it lies there, `content` the
    mail in canonical form (CRLF)."""
    found = (*_holes(content), *_structure(content, 0), *_signed(content))
    size = _size(name, stored, content)
    if size is None or not (found or (size.short and not content.endswith(b"\r\n"))):
        return Evidence(found, size.words if size else "")
    return Evidence((size.words, *found))


@dataclass(frozen=True, slots=True)
class _WrongSize:
    """A file has other bytes than its name states; `short`: fewer."""

    words: str
    short: bool


def _size(name: bytes, stored: int, content: bytes) -> _WrongSize | None:
    stated, wire = SIZE.search(name), WIRE_SIZE.search(name)
    bare = len(content) - content.count(b"\r\n")
    if stated and int(stated[1]) not in (stored, bare, len(content)):
        words = f"its name states {int(stated[1]):,} bytes, it has {stored:,}"
        return _WrongSize(words, int(stated[1]) > len(content))
    if wire and not stated and int(wire[1]) != len(content):
        words = f"its name states {int(wire[1]):,} bytes with CRLF, it has {len(content):,}"
        return _WrongSize(words, int(wire[1]) > len(content))
    return None


def _holes(content: bytes) -> Iterator[str]:
    # In canonical form NUL stands as 0x80.
    if HOLE in content or b"\x80" * len(HOLE) in content:
        yield f"{len(HOLE)} or more NUL bytes in a row: a hole"


def _split(content: bytes) -> tuple[Message, bytes]:
    end = HEADER_END.search(content)
    head, body = (content[: end.end()], content[end.end() :]) if end else (content, b"")
    return PARSER.parsebytes(head), body


def _structure(content: bytes, depth: int) -> Iterator[str]:
    if not depth and not FIELD.match(content) and not content.startswith(b"From "):
        yield "it does not begin with a header"
        return
    header, body = _split(content)
    kind, boundary = _kind(header)
    if kind.startswith("multipart/") and boundary:
        yield from _parts(boundary, body, depth)
    elif _word(header, "Content-Transfer-Encoding") == "base64":
        yield from _base64(body)
    if stated := _word(header, "Content-MD5", lower=False):
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if stated != digest and not kind.startswith("multipart/"):
            yield "its body is not what its Content-MD5 states"


def _kind(header: Message) -> tuple[str, bytes]:
    try:
        boundary = header.get_boundary()
        return header.get_content_type(), (boundary or "").encode("utf-8", "surrogateescape")
    except (LookupError, ValueError, TypeError, AttributeError):  # what email makes of a hostile parameter
        return "", b""


def _word(header: Message, name: str, *, lower: bool = True) -> str:
    word = str(header.get(name, "")).strip()
    return word.lower() if lower else word


def _parts(boundary: bytes, body: bytes, depth: int) -> Iterator[str]:
    line = re.compile(rb"(?:\A|\n)--" + re.escape(boundary) + rb"(--)?[ \t]*\r?(?:\n|\Z)")
    marks = list(line.finditer(body))
    if not marks:
        yield "a multipart without any part of it"
        return
    if not any(mark[1] for mark in marks):
        yield "it ends before its last part does: its closing boundary is missing"
    if depth >= DEEPEST:
        return
    for mark, following in islice(pairwise(marks), MOST_PARTS):
        if not mark[1]:
            yield from _structure_of_part(body[mark.end() : following.start()], depth + 1)


def _structure_of_part(part: bytes, depth: int) -> Iterator[str]:
    yield from _structure(b"\r\n" + part if part.startswith(b"\r\n") else part, depth)


def _base64(body: bytes) -> Iterator[str]:
    text = BASE64_TEXT.match(body)
    rest = body[text.end() :] if text else body
    # Gateways put footers behind base64; inside of it nothing else may stand.
    strange = rest.partition(b"\n")[2]
    lines = [line for line in strange.splitlines() if len(line) >= 60 and BASE64_TEXT.fullmatch(line)]
    if lines:
        yield "base64 with characters that are none of its own"
        return
    try:
        binascii.a2b_base64(b"".join((text[0] if text else b"").split()))
    except binascii.Error:
        yield "base64 that is cut or altered"


def _signed(content: bytes) -> Iterator[str]:
    header, body = _split(content)
    fields = header.get_all("DKIM-Signature") or []
    checked = [
        match for match in (_body_matches(str(field), body) for field in fields[:5]) if match is not None
    ]
    if checked and not any(checked):
        yield "its body is not what its sender signed (DKIM bh=)"


def _body_matches(field: str, body: bytes) -> bool | None:
    """Whether the body has the hash that a DKIM signature states; None where that cannot be told."""
    tags = dict(part.strip().split("=", 1) for part in field.split(";") if "=" in part)
    tags = {name.strip(): "".join(value.split()) for name, value in tags.items()}
    method = {"rsa-sha256": "sha256", "ed25519-sha256": "sha256", "rsa-sha1": "sha1"}.get(tags.get("a", ""))
    form = tags.get("c", "simple/simple").partition("/")[2] or "simple"
    if method is None or "bh" not in tags or form not in ("simple", "relaxed"):
        return None
    plain = _relaxed(body) if form == "relaxed" else _simple(body)
    if tags.get("l", "").isdecimal():
        plain = plain[: int(tags["l"])]
    digest = hashlib.new(method, plain, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode() == tags["bh"]


def _simple(body: bytes) -> bytes:
    return body.rstrip(b"\r\n") + b"\r\n"


def _relaxed(body: bytes) -> bytes:
    lines = [SPACES.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"\r\n".join(lines) + b"\r\n" if lines else b""
