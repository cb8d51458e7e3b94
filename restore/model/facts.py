"""What steps found out, and what they read back: the typed contents of outcomes. No fact holds a secret."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.rule import Rule
from restore.model.mail import FolderAccount, MailboxId
from restore.model.mysql import (
    AccountName,
    DatabaseId,
    Fingerprint,
    RefusedStatement,
    Salvage,
    SchemaObject,
    TableState,
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one site's config says of its database login: a claim by a customer, or by his intruder.

    `host`, `port`, `socket` as the site would use them; `verifier_id` names the password's verifier
    in the vault; `status` as detectors state it (exact, fallback, ...). `rule` is the taught rule that read it.
    """

    server: str
    customer: str
    system: str
    config: str
    status: str
    host: str
    port: int | None
    socket: str | None
    database: str
    user: str
    verifier_id: str
    prefix: str
    evidence: tuple[str, ...]
    rule: Rule | None = None


@dataclass(frozen=True, slots=True)
class SiteLooked:
    """All that one customer's home showed. `refused` lists links and names we did not follow, with reasons;
    `unclear` lists installs whose login cannot be read, each with its evidence lines; `seen` lists what
    bulkrestore does not restore yet (docroots, .forward, sieve, ...)."""

    server: str
    customer: str
    claims: tuple[Claim, ...]
    unclear: tuple[tuple[str, ...], ...]
    refused: tuple[str, ...]
    seen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MailboxLooked:
    """What a Maildir holds, by names alone: folders and messages, bytes where names or lstat tell. `pop3` is what
    tells that its owner reads it by POP3, "" where nothing does."""

    mailbox: MailboxId
    folders: int
    messages: int
    bytes: int
    notes: tuple[str, ...] = ()
    pop3: str = ""


@dataclass(frozen=True, slots=True)
class Pop3User:
    """A user as POP3 servers named him, in lower case, and how often he logged in."""

    name: str
    logins: int


@dataclass(frozen=True, slots=True)
class Pop3Seen:
    """Who logged in by POP3, as so many `files` of access logs of an old server tell."""

    server: str
    users: tuple[Pop3User, ...]
    files: int


@dataclass(frozen=True, slots=True)
class DumpInstall:
    """An application that a dump holds tables of, under that prefix; `site` and `sites` are the addresses it is served
    under, as its rows state them."""

    system: str
    prefix: str
    version: str
    site: str
    sites: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DumpLooked:
    """What a dump's head and tail say without loading it: writer and version; `complete` is False where its end is
    missing, and where the end could not be checked a note says so."""

    database: DatabaseId
    writer: str
    server_version: str
    complete: bool
    bytes: int
    notes: tuple[str, ...] = ()
    installs: tuple[DumpInstall, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxRestored:
    """The sums of one mailbox, per folder, after read-back. `pop3` as in MailboxLooked."""

    mailbox: MailboxId
    folders: tuple[FolderAccount, ...]
    bytes: int
    notes: tuple[str, ...] = ()
    pop3: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseLoaded:
    """A dump stands whole in its staging database: each table counted in the stream and on the server. `taken` is
    the dump's mtime in epoch seconds: what is restored is as of then."""

    database: DatabaseId
    target: str
    staging: str
    tables: tuple[TableState, ...]
    objects: tuple[SchemaObject, ...]
    refused: tuple[RefusedStatement, ...]
    charset: str
    collation: str
    bytes: int
    notes: tuple[str, ...] = ()
    taken: float | None = None


@dataclass(frozen=True, slots=True)
class DatabaseSwitched:
    """The database is live under its name; `kept` is the database that holds what stood there, or ""."""

    database: DatabaseId
    target: str
    name: str
    tables: tuple[TableState, ...]
    objects: tuple[str, ...]
    kept: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatabaseUndone:
    """What stood there before is back; `undone` is the database that now holds the restored tables."""

    database: DatabaseId
    target: str
    name: str
    undone: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountReady:
    """An account stands on the target with its grants.

    `proof` is "login" (logged in as it and read `table`) or "hash equal, login not tried"; `hosts_needed`
    are the database host names in the site's config that must resolve to the new server.
    """

    server: str
    customer: str
    account: AccountName
    target: str
    databases: tuple[str, ...]
    proof: str
    table: str
    hosts_needed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxVerified:
    """Every message of one Maildir read, parsed and compared with the live mailbox, on which nothing was changed.

    `known` of the `messages` had been read before, unchanged since by size and time. `damaged` ("path: reason") would
    not come back; `doubtful` would, but there is evidence that they are not what was delivered. `there` stand in the
    live mailbox, `deleted_since` did once; `lacking` (and `lacking_bytes`) a run would restore. `live` is "compared",
    or why it could not be; `read_bytes` of the backup were read within `seconds`, the comparison included.
    """

    mailbox: MailboxId
    target: str
    folders: int
    messages: int
    bytes: int
    known: int
    damaged: tuple[str, ...]
    doubtful: tuple[str, ...]
    live: str
    there: int
    deleted_since: int
    lacking: int
    lacking_bytes: int
    read_bytes: int
    seconds: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DumpVerified:
    """A dump read to its end and loaded into a private scratch server, as a run would load it. `code` and `damage` say
    why it would not come back ("": it would); `salvage` is then what can be read of it, and `partial` tells that a run
    would let that go live. `seconds` and `load_seconds` are what fetching and loading took;
    `fetched` is False where staging held it already."""

    database: DatabaseId
    fingerprint: Fingerprint
    target: str
    tables: int
    rows: int
    objects: int
    refused: tuple[RefusedStatement, ...]
    bytes: int
    code: str
    damage: str
    seconds: float
    load_seconds: float
    fetched: bool
    notes: tuple[str, ...] = ()
    salvage: Salvage | None = None
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Survivor:
    """An account that a dump of the `mysql` database holds; `verifier_id` names its verifier in the vault."""

    account: AccountName
    plugin: str
    verifier_id: str
    databases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SurvivorsRead:
    """The accounts of a lost server whose password hashes survived in the backup; `path` is the dump's."""

    server: str
    path: str
    survivors: tuple[Survivor, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoginVerified:
    """A config's password held against surviving hashes: `verdict` is "proven", "wrong" or "unknown", `against` what
    it was held against, in words. `granted` are the databases that the lost server let it use, where that is proven."""

    config: str
    system: str
    user: str
    database: str
    verdict: str
    against: str
    granted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoginsVerified:
    """All logins that one customer's configs claim, each with its verdict."""

    server: str
    customer: str
    logins: tuple[LoginVerified, ...]


@dataclass(frozen=True, slots=True)
class StagingSwept:
    """The staging databases that nothing needed are gone from a target; `dropped` are those that still stood."""

    target: str
    dropped: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """A step that found and did nothing (benchmarks, preflight)."""

    note: str = ""


Fact = (
    SiteLooked
    | MailboxLooked
    | DumpLooked
    | MailboxRestored
    | Pop3Seen
    | DatabaseLoaded
    | DatabaseSwitched
    | DatabaseUndone
    | AccountReady
    | MailboxVerified
    | DumpVerified
    | SurvivorsRead
    | LoginsVerified
    | StagingSwept
    | Nothing
)
