"""The header of a message in an mbox file: what its reader shows of it, and what it keeps for itself.

Flags, keywords, UIDs and the length of the body stand in fields that the mail server adds and hides again (Dovecot's
lib-storage/index/mbox/mbox-storage.c; UW-IMAP's docs/formats.txt).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from restore.model.text import safe
from restore.survey.maildir import KEYWORD

MOST_HEADER = 16 << 20
_NO_LETTERS = bytes(set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
SEEN = {"R": "\\Seen"}
SYSTEM_FLAGS = {"A": "\\Answered", "F": "\\Flagged", "T": "\\Draft", "D": "\\Deleted"}
_EMPTY_LINE = re.compile(rb"\n(?=\r?\n)")
_ADDED = re.compile(
    rb"(?im)^(content-length|status|x-(?:imap|imapbase|keywords|status|uid))[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n?"
)
_LENGTH = re.compile(rb"\s*(\d{1,18})\s*")
_BASE = re.compile(rb"\s*0*[1-9]\d*\s+\d+(.*)", re.DOTALL)
UNLISTED = "\x01"
"""Before a keyword that the file's first message does not list: anybody may have written it."""


@dataclass(frozen=True, slots=True)
class Header:
    """`visible`: its fields as a reader shows them. `letters`: Status, X-Status and keywords, parted by tabs. `length`:
    what Content-Length states. `pseudo`: of no mail, but of the server's own data. `base`: the keywords that all
    messages of the file have, where it is the first one."""

    visible: bytes
    letters: str = "\t"
    length: int | None = None
    pseudo: bool = False
    base: frozenset[str] = frozenset()

    def letters_of(self, base: frozenset[str]) -> str:
        """Its letters, those keywords marked that are none of the file's."""
        status, x_status, *words = self.letters.split("\t")
        return "\t".join((status, x_status, *(word if word in base else UNLISTED + word for word in words)))


def end_of_fields(data: bytes | bytearray, start: int = 0) -> int:
    """Where the empty line behind the fields begins, looking from `start` on; -1 where none has come yet."""
    if data.startswith((b"\n", b"\r\n")):
        return 0
    found = _EMPTY_LINE.search(data, start)
    return found.end() if found else -1


def read_header(fields: bytes) -> Header:
    """What stands in the fields of a message, from its first byte to its empty line."""
    added: dict[bytes, list[bytes]] = {}
    for name, value in _ADDED.findall(fields):
        added.setdefault(name.lower(), []).append(value)
    if not added:
        return Header(fields)
    lengths = [_LENGTH.fullmatch(value) for value in added.get(b"content-length", ())]
    length = next((int(found[1]) for found in lengths if found), None)
    words = [word for value in added.get(b"x-keywords", ())[:1] for word in value.split()]
    parts = [_joined(added.get(b"status")), _joined(added.get(b"x-status"))]
    letters = "\t".join((*parts, *(word.decode("utf-8", "replace") for word in words)))
    pseudo = next((found for found in map(_BASE.match, added.get(b"x-imap", ())) if found), None)
    base = pseudo or next((found for found in map(_BASE.match, added.get(b"x-imapbase", ())) if found), None)
    names = frozenset(word.decode("utf-8", "replace") for word in (base[1].split() if base else ()))
    return Header(_ADDED.sub(b"", fields), letters, length, pseudo is not None, names)


def _joined(values: list[bytes] | None) -> str:
    return bytes(b"".join(values).translate(None, _NO_LETTERS)[:100]).decode("ascii") if values else ""


@lru_cache(maxsize=4096)
def flags_of(letters: str) -> tuple[frozenset[str], frozenset[str]]:
    """The flags and keywords that a message's letters mean, and what cannot be carried over, as phrases."""
    status, x_status, *words = letters.split("\t")
    kept = {SEEN[letter] for letter in status if letter in SEEN}
    kept |= {SYSTEM_FLAGS[letter] for letter in x_status if letter in SYSTEM_FLAGS}
    listed = [word for word in words if not word.startswith(UNLISTED)]
    sound = {word for word in listed if KEYWORD.fullmatch(word)}
    odd = {f"keyword {safe(word, 60)}, which IMAP cannot carry" for word in listed if word not in sound}
    odd |= {
        f"keyword {safe(word[1:], 60)}, which the file's first message does not list"
        for word in words
        if word not in listed
    }
    return frozenset(kept | sound), frozenset(odd)


def presented(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A message's bytes, of which its header's hidden fields are left out."""
    head = bytearray()
    for chunk in chunks:
        looked = max(0, len(head) - 2)
        head += chunk
        end = end_of_fields(head, looked)
        if end >= 0 or len(head) >= MOST_HEADER:
            end = end if 0 <= end <= MOST_HEADER else header_limit(head)
            yield read_header(bytes(head[:end])).visible + bytes(head[end:])
            yield from chunks
            return
    yield read_header(bytes(head)).visible


def header_limit(data: bytes | bytearray) -> int:
    """Where a header that is too long for one is taken to end: behind a line."""
    return data.rfind(b"\n", 0, MOST_HEADER) + 1 or MOST_HEADER
