"""Nouns of the mail room. A folder is a path of Unicode names: ("INBOX",), ("Archive", "2016")."""

from __future__ import annotations

from dataclasses import dataclass, field

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
    """A message as the live server states it. `message_id` holds its Message-ID header fields as they stand, names
    included; `size` is RFC822.SIZE, `internaldate` in epoch seconds."""

    uid: int
    message_id: bytes
    size: int
    internaldate: int
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message about to be appended: canonical content, INTERNALDATE in epoch seconds, flags and keywords."""

    content: bytes | bytearray
    internaldate: int
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message as read back whole from the live server; `internaldate` in epoch seconds."""

    uid: int
    identity: Identity
    internaldate: int
    flags: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that is there and that the server fails to give, with its words."""

    uid: int
    reason: str


@dataclass(frozen=True, slots=True)
class Stored:
    """The server took a message; `uid` is its APPENDUID, None where the server does not say."""

    uid: int | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The server did not take a message: its words, and the response code in them ("OVERQUOTA", or "")."""

    words: str
    response_code: str = ""


AppendResult = Stored | Refusal


@dataclass(frozen=True, slots=True)
class FolderState:
    """What SELECT or STATUS says of a folder (RFC 9051)."""

    uidvalidity: int
    uidnext: int
    messages: int


@dataclass(frozen=True, slots=True)
class Intent:
    """Journal: about to append these identities, in this order, to a folder whose UIDNEXT was at least `uidnext`.

    `files[i]` is the fingerprint (hex) of the source file that holds identity i: equal means unchanged.
    """

    batch: str
    folder: FolderPath
    uidvalidity: int
    uidnext: int
    identities: tuple[Identity, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """Journal: the batch of that intent is settled; identity i was read back as UID `uids[i]` (None: not there).

    `altered` lists the positions whose message is stored but reads back with other content, `stated` those that
    were compared by size, date and flags alone; all others were read whole.
    """

    batch: str
    uidvalidity: int
    uids: tuple[int | None, ...]
    altered: tuple[int, ...] = ()
    stated: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """Journal: these source messages were already there: `uids[i]` was read whole and is identity i."""

    folder: FolderPath
    uidvalidity: int
    uids: tuple[int, ...]
    identities: tuple[Identity, ...]
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FolderCreated:
    """Journal: this restore made that folder or, where `subscribed`, subscribed it."""

    folder: FolderPath
    subscribed: bool = False


@dataclass(frozen=True, slots=True)
class Verified:
    """Journal: these source files (fingerprints, hex) were read whole, nothing speaks against them, and they hold
    these identities; against the `doubted` ones something does."""

    files: tuple[str, ...]
    identities: tuple[Identity, ...]
    doubted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderAccount:
    """What became of every message of one folder, over all runs; the parts add up to `in_source`.

    `restored` were appended by this restore and are there; `already_there` stood there with equal content;
    `deleted_since` were restored or seen there and then taken away by the user. `refused`, `unreadable` and
    `duplicates` (one Maildir file kept under two names) carry "path: reason" lines. `proven` says how many of
    the restored ones were compared with the server by size, date and flags, `hashed` how many of these were read
    whole and compared by content. `repeated` messages of the further copies, equal to one counted here or a cut
    version of it, are in none of these sums. `newest` is the newest source message's date (epoch seconds).
    """

    folder: FolderPath
    in_source: int
    restored: int
    already_there: int
    deleted_since: int
    proven: int
    refused: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    newest: float | None = None
    hashed: int | None = field(default=None, compare=False)
    repeated: int = 0

    def __post_init__(self) -> None:
        parts = self.restored + self.already_there + self.deleted_since
        parts += len(self.refused) + len(self.unreadable) + len(self.duplicates)
        if parts != self.in_source:
            raise ValueError(
                f"{'/'.join(self.folder)}: {parts:,} of {self.in_source:,} messages accounted for"
            )


@dataclass(frozen=True, slots=True)
class Resting:
    """A live folder as a run left it; `state` None where it does not exist, since its user deleted it."""

    folder: FolderPath
    state: FolderState | None


@dataclass(frozen=True, slots=True)
class AtRest:
    """Journal: a run came to its end with nothing left to do and nobody else at work. `backup` (hex) stands for all
    that its copies listed, `resting` for the live folders they went to, `accounts` is what it said of them.

    While the backup lists the same and each folder has the same UIDVALIDITY, UIDNEXT and number of messages, no
    message came into it or went (RFC 9051 section 2.3.1.1), and this is what the next run would say.
    """

    backup: str
    resting: tuple[Resting, ...]
    accounts: tuple[FolderAccount, ...]
    bytes: int


JournalRecord = Intent | Proof | Matched | FolderCreated | Verified | AtRest
