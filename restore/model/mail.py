"""Nouns of the mail room. A folder is a path of Unicode names: ("INBOX",), ("Archive", "2016")."""

from __future__ import annotations

from dataclasses import dataclass

FolderPath = tuple[str, ...]
INBOX: FolderPath = ("INBOX",)


@dataclass(frozen=True, slots=True, order=True)
class MailboxId:
    """One address's whole store on one old server."""

    server: str
    address: str

    def __str__(self) -> str:
        return f"{self.server}/{self.address}"


@dataclass(frozen=True, slots=True)
class Identity:
    """Which mail a message is: SHA-256 (hex) of its bytes with every line end made CRLF, and their length.

    Equal identities in one folder are counted, not merged: two equal messages are two messages.
    """

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """A message as the live server states it. `message_id` is the raw header value, `size` RFC822.SIZE."""

    uid: int
    message_id: bytes
    size: int
    internaldate: int
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message about to be appended: canonical CRLF content, INTERNALDATE in epoch seconds, flags, keywords."""

    content: bytes
    internaldate: int
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class FolderState:
    """What SELECT or STATUS says of a folder (RFC 9051)."""

    uidvalidity: int
    uidnext: int
    messages: int


@dataclass(frozen=True, slots=True)
class Intent:
    """Journal: about to append these identities, in this order, to a folder whose UIDNEXT was `uidnext`."""

    batch: str
    folder: FolderPath
    uidvalidity: int
    uidnext: int
    identities: tuple[Identity, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Journal: the batch of that intent is settled; identity i has UID `uids[i]`, or None if not delivered."""

    batch: str
    uidvalidity: int
    uids: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class FolderCreated:
    """Journal: this restore is about to create that folder or subscribe it."""

    folder: FolderPath
    subscribed: bool = False


JournalRecord = Intent | Proof | FolderCreated


@dataclass(frozen=True, slots=True)
class FolderAccount:
    """What became of every message of one folder; the parts add up to `in_source`.

    `unreadable` and `refused` carry "path: reason" lines; `proven` says how many were read back and compared.
    """

    folder: FolderPath
    in_source: int
    restored: int
    already_there: int
    deleted_since: int
    proven: int
    refused: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
