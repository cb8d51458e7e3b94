"""The Protocols of all outside systems, stated once. systems/ satisfies them, wiring.py introduces them.

Longer than other modules because they are read together: what a step may ask of anything outside is this page.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from detectors.finding import Secret
from detectors.walk import Entry
from restore.model.mail import (
    AppendResult,
    FolderPath,
    FolderState,
    JournalRecord,
    LiveMessage,
    NewMessage,
    StoredMessage,
    Unread,
)
from restore.model.making import MailUser, NewMailbox
from restore.model.mysql import (
    AccountName,
    AccountState,
    DumpFile,
    Fingerprint,
    HeldDatabase,
    Loaded,
    Move,
    Salvage,
    SchemaObject,
    ServerFacts,
    TableState,
)
from restore.model.stores import Store


@dataclass(frozen=True, slots=True)
class Content:
    """A file read whole from a source, with what lstat said of it."""

    path: bytes
    entry: Entry
    data: bytes


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file a source could not give: its path and the reason, in the operator's words."""

    path: bytes
    reason: str


class Source(Protocol):
    """Read-only access to a backup. Satisfies detectors.walk.Tree. Paths are bytes relative to the source's
    root, without a leading slash; b"" is the root. Nothing here follows a link in any component.

    Every operation has a time-out and raises a RestoreError: SourceUnreachable or SourceStalled (transient,
    scope SERVER), SourceUnreadable (scope STEP).
    """

    @property
    def name(self) -> str:
        """The source's name in the incident file."""

    def list(self, path: bytes) -> Sequence[Entry]:
        """The entries of a folder, as lstat states them, in no order."""

    def lstat(self, path: bytes) -> Entry | None:
        """What stands at that path, links not followed; None where nothing does."""

    def readlink(self, path: bytes) -> bytes:
        """A link's target as it stands."""

    def read(self, path: bytes, limit: int) -> bytes:
        """The first `limit` bytes of a regular file."""

    def read_many(self, paths: Sequence[bytes], limit: int) -> Iterator[Content | Unreadable]:
        """Many small files, pipelined, in the order given; a file above `limit` bytes is Unreadable."""

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        """A regular file from that byte offset to its end, in chunks."""

    def close(self) -> None:
        """Give the connection back."""


class MailSession(Protocol):
    """One user's live mailbox. Folders are Unicode paths; separator, prefix and MUTF-7 are the session's own.

    Raises MailUnreachable and MailStalled (both transient), MailRefused (the server's words) of errors.py.
    Nothing here changes, moves or deletes a live message or sets a flag of one.
    """

    def room(self) -> int | None:
        """Bytes that INBOX's quota still allows (RFC 9208); None where the server sets or tells no limit."""

    def largest(self) -> int | None:
        """The bytes that a message may have (RFC 7889); None where the server states no limit for all folders."""

    def quota(self) -> int | None:
        """The bytes that INBOX's quota allows in all; None where the server sets or tells no limit."""

    def folders(self) -> Sequence[FolderPath]:
        """Every folder that can be selected."""

    def special_use(self) -> Mapping[str, FolderPath]:
        """The target's own folder of each role it states (RFC 6154), such as \\Sent."""

    def subscriptions(self) -> frozenset[FolderPath]:
        """Every subscribed folder."""

    def create(self, folder: FolderPath) -> None:
        """Create a folder; no error where it exists. Raises MailRefused for a name the server cannot hold."""

    def subscribe(self, folder: FolderPath) -> None:
        """Subscribe a folder."""

    def state(self, folder: FolderPath) -> FolderState:
        """UIDVALIDITY, UIDNEXT and number of messages, fresh from the server."""

    def states(self, folders: Sequence[FolderPath]) -> Sequence[FolderState | None]:
        """state() of several folders; None for one that is not there."""

    def messages(self, folder: FolderPath, from_uid: int = 1) -> Iterator[LiveMessage]:
        """Messages with UID >= from_uid, ascending."""

    def present(self, folder: FolderPath) -> Collection[int]:
        """The UID of every message of a folder."""

    def stated(self, folder: FolderPath, uids: Sequence[int]) -> Iterator[LiveMessage]:
        """Size, date and flags of messages as the server states them, ascending, their `message_id` left empty;
        a UID that is gone is left out. Read it to the end before the next call."""

    def read_back(self, folder: FolderPath, uids: Sequence[int]) -> Iterator[StoredMessage | Unread]:
        """Messages read whole and hashed as they stream in, \\Seen not set; a UID that is gone is left out."""

    def append(
        self, folder: FolderPath, messages: Sequence[NewMessage], confirm: Callable[[], None] = lambda: None
    ) -> Sequence[AppendResult]:
        """What became of each message, in order. `confirm` is called last before the bytes that make the server
        store something; what it raises passes through, and then nothing more is stored. Raises MailRefused where
        the server refuses the batch as a whole; then nothing of it was stored. A lost connection says nothing: the
        messages may be stored."""

    def send(
        self, folder: FolderPath, messages: Sequence[NewMessage], confirm: Callable[[], None] = lambda: None
    ) -> Callable[[], Sequence[AppendResult]]:
        """Begin an append(), whose answer what is returned waits for: the server stores while the caller does other
        things. Before that is called, once, nothing else may be asked of this session. Either raises as append()."""

    def close(self) -> None:
        """Log out."""


class MailReader(Protocol):
    """One user's mailbox on a lost server that serves IMAP again, or on a private one over its files. Only ever read.

    Raises MailUnreachable and MailStalled (both transient), MailRefused (the server's words) of errors.py.
    """

    @property
    def refused(self) -> tuple[str, ...]:
        """ "path: reason" lines of what the server was not given to read."""

    def folders(self) -> Sequence[FolderPath]:
        """Every folder that can be selected."""

    def subscriptions(self) -> frozenset[FolderPath]:
        """Every subscribed folder."""

    def state(self, folder: FolderPath) -> FolderState:
        """UIDVALIDITY, UIDNEXT and number of messages, fresh from the server."""

    def held(self, folder: FolderPath) -> Iterator[LiveMessage]:
        """Every message of a folder, ascending, its `message_id` left empty. Read it to the end."""

    def contents(
        self, folder: FolderPath, messages: Sequence[tuple[int, int]]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        """Messages by UID and size in bytes, in the order given, each in chunks, to be read to their end before the
        next."""

    def close(self) -> None:
        """Log out."""


class MailServer(Protocol):
    """A live mail server on which we may act for any mailbox."""

    @property
    def name(self) -> str:
        """The target's name in the incident file."""

    def open(self, address: str) -> MailSession:
        """Log in for that mailbox; raises MailboxMissing where the server does not know it, MailLoginRefused
        where it refuses the master user."""


class DatabaseServer(Protocol):
    """A live MySQL or MariaDB server, as its administrator sees it. SQL is rendered in systems/ alone.

    Raises DatabaseUnreachable (transient, scope SERVER), DatabaseRefused (the server's words), LiveDiffers,
    DumpDamaged, DumpRefused of errors.py.
    """

    @property
    def name(self) -> str:
        """The target's name in the incident file."""

    def facts(self) -> ServerFacts:
        """What preflight must know: version, variables, anonymous accounts, TLS, clock, disk where it can tell."""

    def databases(self) -> frozenset[str]:
        """Every database, staging and kept ones included."""

    def tables(self, database: str) -> tuple[TableState, ...]:
        """Every base table, counted from its primary key and checksummed; () where the database is not there."""

    def objects(self, database: str) -> tuple[str, ...]:
        """Every view, trigger, routine and event as "kind name", sorted."""

    def drop_staging(self, staging: str) -> None:
        """Drop a staging database of ours; refuses any name without STAGING_PREFIX."""

    def drop_kept(self, name: str) -> None:
        """Drop a database in which a switch or an undo of ours set tables aside; refuses any other name."""

    def load(self, staging: str, dump: Iterable[bytes]) -> Loaded:
        """Make the staging database anew and load a dump's plain stream into it through a throw-away account
        that has rights on it alone; tables and foreign keys only, objects are cut out and returned. A stream that
        can be iterated again may be: quickly first, carefully where that was in doubt."""

    def switch(self, move: Move) -> None:
        """Move the staging tables to the live name in one RENAME behind a write fence. What stands there must
        be nothing, or exactly `move.replace`; it moves to `move.kept`. Raises LiveDiffers otherwise, with both
        sides' states, having changed nothing."""

    def create_objects(self, database: str, objects: Sequence[SchemaObject], definer: AccountName) -> None:
        """Create triggers, views, routines and events in the live database, each with that definer."""

    def defined_by(self, database: str, definer: AccountName) -> tuple[str, ...]:
        """The views, triggers, routines and events of a database that are defined by that account, as "kind name"."""

    def redefine(self, database: str, old: AccountName, new: AccountName) -> None:
        """Create those of `old` anew as they are, defined by `new`. Raises ObjectRefused; then each stands, defined by
        either."""

    def undo(self, move: Move, undone: str) -> None:
        """Move the live tables to `undone` and `move.kept` back; raises LiveDiffers where the live tables are
        no longer what `move.loaded` states."""

    def account(self, account: AccountName) -> AccountState | None:
        """What stands under that name; None where nothing does."""

    def hosts_of(self, user: str) -> tuple[str, ...]:
        """Every host that has an account of that user, sorted."""

    def create_account(self, account: AccountName, verifier: Secret) -> None:
        """Create it locked, with that verifier and the plugin whose form it has; refuses an existing name."""

    def grant(self, account: AccountName, database: str) -> None:
        """ALL on one database, its name escaped; nothing global."""

    def unlock(self, account: AccountName) -> None:
        """The switch-on: let it log in."""

    def lock(self, account: AccountName) -> None:
        """Undo the switch-on: it stands as it was and cannot log in."""

    def drop_account(self, account: AccountName) -> None:
        """Drop an account that this restore made (undo, throw-away loaders)."""

    def login(self, account: AccountName, password: Secret, database: str, table: str) -> str | None:
        """Log in as the account would and read one row of `table` (any table where ""); the table read, or
        None where this worker's address cannot be that account's host. Raises LoginRefused."""

    def close(self) -> None:
        """Close the connection."""


class Desk(Protocol):
    """A worker's way to the coordinator. Every call carries the step's key; a step whose epoch is over, or
    that another worker has taken over, gets Fenced and must stop before its next act."""

    def renew(self, step: str) -> None:
        """Say that the step still lives; raises Fenced."""

    def journal(self, step: str, mailbox: str) -> Sequence[JournalRecord]:
        """All records of that mailbox's journal, oldest first."""

    def last(self, step: str, mailbox: str) -> JournalRecord | None:
        """The newest record of that mailbox's journal; None where it has none."""

    def record(self, step: str, mailbox: str, records: Sequence[JournalRecord]) -> None:
        """Append to the journal; on disk (fsync) when this returns."""

    def put_secret(self, step: str, purpose: str, secret: Secret) -> str:
        """Keep a secret in the vault; the same purpose and value give the same random vault id."""

    def get_secret(self, step: str, vault_id: str) -> Secret:
        """A secret by its vault id; raises SecretMissing."""


class Staging(Protocol):
    """The incident's staging folder: fetched copies under names made from ids, 0600, never a tenant's text."""

    def fetch(self, source: Source, file: Fingerprint, progress: Progress) -> None:
        """Copy a file of a source here: to `.part`, synced, size checked, renamed. A copy that is already
        here whole, under the same fingerprint, is used again. Raises what the source raises, StagingFull,
        SourceChanged where size or mtime are no longer the fingerprint's."""

    def plain(self, file: Fingerprint) -> Iterator[bytes]:
        """The staged copy's content in chunks, unpacked by what its first bytes say (gzip, zstd, xz, bzip2).
        Raises DumpDamaged where the compression is cut or broken, naming the byte offset."""

    def discard(self, file: Fingerprint) -> None:
        """Remove the staged copy; no error where there is none."""


class SalvagedDump(Protocol):
    """A damaged dump's plain stream, mended: complete rows alone. It can be iterated again."""

    @property
    def found(self) -> Salvage:
        """What the last whole iteration kept, and each thing that it did not."""

    def __iter__(self) -> Iterator[bytes]:
        """The plain stream. Raises nothing for damage."""

    def leaving_out(self, table: str) -> SalvagedDump:
        """The same without that table, which is told as lost."""


class Dumps(Protocol):
    """Dumps of any form in the staging folder: one file, a part of one, or a folder of them."""

    def databases(self, source: Source, file: Fingerprint) -> Sequence[HeldDatabase]:
        """The databases inside a file of many: read once from end to end, then known by its fingerprint. Raises what
        the source raises, DumpDamaged where nothing can be read, DumpRefused."""

    def fetch(self, source: Source, dump: DumpFile, progress: Progress) -> None:
        """Have here all that is needed of it; raises what Staging.fetch raises."""

    def plain(self, dump: DumpFile) -> Iterator[bytes]:
        """Its SQL as one plain stream. Raises what Staging.plain raises, and DumpDamaged where a folder says of itself
        that it is not whole."""

    def salvaged(self, dump: DumpFile) -> SalvagedDump:
        """What can be had of a damaged one."""

    def stated(self, dump: DumpFile) -> Mapping[str, int]:
        """How many rows each table has, where the dump itself states it apart from its rows."""

    def discard(self, dump: DumpFile) -> None:
        """Remove all that is here of it."""


@dataclass(frozen=True, slots=True)
class SurvivingHash:
    """An account as a dump of the `mysql` database states it. Lives in its step alone."""

    account: AccountName
    plugin: str
    verifier: Secret
    databases: tuple[str, ...] = ()


class Scratch(Protocol):
    """A private database server of this worker's own, without a network, for a tenant's dump that nobody has judged
    yet. It never outlives the worker, and no tenant ever meets another's rows on it."""

    def load(self, tenant: str, dump: Iterable[bytes]) -> Loaded:
        """Load a dump's plain stream as DatabaseServer.load would, and drop it again. Raises what that raises,
        ScratchUnavailable, and ScratchLimit where it took more time, disk or memory than is allowed."""

    def hashes(self, dump: Iterable[bytes]) -> Sequence[SurvivingHash]:
        """The accounts and password hashes in a dump of the `mysql` database, read as text alone. Raises
        DumpDamaged."""


class MailUsers(Protocol):
    """The mail users of an old server, as its backups hold them."""

    def find(self, address: str, customer: str) -> MailUser | None:
        """The user of an address, of that customer; None where none is known. Raises MailUsersUnreadable and what
        the source raises."""


class MailboxMaker(Protocol):
    """The user database of a live mail server. What stands there is never altered."""

    where: str
    """What it is, in words."""

    def stands(self, address: str) -> bool:
        """Whether it has that user. Raises MailboxNotMade where it cannot tell."""

    def make(self, mailbox: NewMailbox) -> bool:
        """Add a user; False where one stands. Raises MailboxNotMade."""


class Progress(Protocol):
    """Told of work as it goes on; raises Fenced or Cancelled where the step must stop before its next act."""

    def __call__(self, amount: int, /) -> None:
        """So many more bytes are done."""


class Systems(Protocol):
    """All that a step may touch, by the names of the incident file. Connections are kept and reused."""

    @property
    def desk(self) -> Desk:
        """The way to the coordinator."""

    @property
    def staging(self) -> Staging:
        """Where fetched files are kept."""

    @property
    def dumps(self) -> Dumps:
        """Dumps as they lie there."""

    @property
    def scratch(self) -> Scratch:
        """Where dumps are tried out; made at its first use."""

    def source(self, name: str) -> Source:
        """A backup; raises what connecting raises."""

    def mail(self, name: str) -> MailServer:
        """A live mail server."""

    def mail_reader(self, source: str, address: str, path: bytes, store: Store) -> MailReader:
        """A mailbox of a source that a mail server must read, logged in to: an IMAP server's, or what `store` says at
        `path` of its files. Raises what logging in raises, OldMailboxMissing, DovecotMissing, DboxRefused."""

    def database(self, name: str) -> DatabaseServer:
        """A live database server."""

    def mail_users(self, server: str) -> MailUsers:
        """The mail users that an old server had."""

    def maker(self, target: str) -> MailboxMaker:
        """What makes mailboxes on a live mail server whose [mail_target.create] says how."""

    def progress(self, step: str) -> Progress:
        """Where a step tells of its bytes."""
