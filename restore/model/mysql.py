"""Nouns of the database room."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from restore.model.text import safe

STAGING_PREFIX = "br_stage_"
KEPT_PREFIX = "br_kept_"
UNDONE_PREFIX = "br_undone_"
MOST_LINES = 99
SQL, SLICE, MYDUMPER, TAB = "sql", "slice", "mydumper", "tab"


@dataclass(frozen=True, slots=True, order=True)
class DatabaseId:
    """A database's identity is (old server, name); the same name on two old servers is two databases."""

    server: str
    name: str

    def __str__(self) -> str:
        return f"{self.server}/{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class AccountName:
    """MySQL's 'user'@'host', as it stands (or shall stand) on the live server."""

    user: str
    host: str

    def __str__(self) -> str:
        return f"'{self.user}'@'{self.host}'"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What tells that a file has not changed: size in bytes, mtime in epoch seconds, inode where known."""

    source: str
    path: bytes
    size: int
    mtime: float
    inode: int | None = None


@dataclass(frozen=True, slots=True)
class DumpFile:
    """A logical dump of one database in a source; `path` relative to the source's root. `rank` is the place of
    the old server's copy that holds it in the order of preference, from 0; `copied` is when that copy was made, in
    epoch seconds, None where no date is stated.

    `form` is sql (one file, this database's own), slice (a part of a file of many databases, `held` plain bytes of
    it), mydumper or tab (a folder, of which `parts` are this database's files; the fingerprint sums them up).
    `charset` is the one that a tab folder's rows are written in, "" where the incident file names none."""

    database: DatabaseId
    fingerprint: Fingerprint
    rank: int = 0
    copied: float | None = None
    form: str = SQL
    parts: tuple[Fingerprint, ...] = ()
    held: int = 0
    charset: str = ""

    @property
    def size(self) -> int:
        """The bytes that are read for it."""
        return self.held if self.form == SLICE else self.fingerprint.size

    @property
    def taken(self) -> float:
        """As of when it is, in epoch seconds: its mtime, never later than the copy that holds it."""
        return self.fingerprint.mtime if self.copied is None else min(self.fingerprint.mtime, self.copied)


@dataclass(frozen=True, slots=True)
class HeldDatabase:
    """A database inside a file of many: `bytes` plain bytes with what it is to be read under. `cut`: the file is
    damaged in it."""

    name: str
    bytes: int
    cut: bool = False


@dataclass(frozen=True, slots=True)
class TableState:
    """What one table holds on a server or in a dump stream.

    `rows` exact; `checksum` order-independent and comparable only between values made by the same method;
    `definition` a hash of the normalised CREATE TABLE; `newest` the latest timestamp found, for questions.
    `changed` is when the server last changed a row of it, by the server's own word and clock, read before the rows
    were: while it states the same, nobody wrote since. "" where the server cannot tell.
    """

    name: str
    rows: int
    checksum: str
    definition: str
    newest: str = ""
    changed: str = field(default="", compare=False)


def state_digest(tables: Sequence[TableState]) -> str:
    """SHA-256 (hex) over what each table holds, whatever their order: what a person saw when he answered."""
    parts = sorted((table.name, table.rows, table.checksum, table.definition) for table in tables)
    return hashlib.sha256(repr(parts).encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """A trigger, view, routine or event of a dump, cut out by the exact lexer.

    `kind` is trigger, view, procedure, function or event. `head` and `body` are the statement's text without
    its CREATE DEFINER=… head; the executor renders that head itself. `settings` are the session settings
    (sql_mode, character sets, time_zone) the dump states for this object.
    """

    kind: str
    name: str
    table: str
    body: bytes
    settings: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RefusedStatement:
    """A statement of a dump that was not executed: its byte offset in the plain stream, head and reason."""

    offset: int
    head: str
    reason: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: `tables` as counted in the dump stream itself, proven equal to what the server holds; `stated`
    is the database the dump names itself, "" where it names none."""

    tables: tuple[TableState, ...]
    objects: tuple[SchemaObject, ...]
    refused: tuple[RefusedStatement, ...]
    charset: str
    collation: str
    bytes: int
    notes: tuple[str, ...] = ()
    stated: str = ""


@dataclass(frozen=True, slots=True)
class DumpLoss:
    """What a damaged dump does not give back: `rows` of `table` ("": of which table is not known) from the plain byte
    `offset` on. `rows` is None where nobody can know how many; `at_most` tells that it is an upper bound."""

    table: str
    offset: int
    rows: int | None
    why: str
    at_most: bool = False

    def __str__(self) -> str:
        where = f"table {safe(self.table)}" if self.table else "no table known"
        if self.rows is None:
            lost = "how many rows are lost cannot be known"
        else:
            lost = (
                f"{'at most ' if self.at_most else ''}{self.rows:,} row(s) lost"
                if self.rows
                else "no row lost"
            )
        return f"{where}, byte {self.offset:,} of the dump: {lost} ({self.why})"


@dataclass(frozen=True, slots=True)
class Salvage:
    """What can be had of a damaged dump: so many tables and complete rows; each loss; what came out but is covered by
    no check sum that is right (`doubts`, in words); and the rows of each table (`counts`)."""

    tables: int = 0
    rows: int = 0
    losses: tuple[DumpLoss, ...] = ()
    doubts: tuple[str, ...] = ()
    counts: tuple[tuple[str, int], ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """Each loss and each doubt, in words; the losses summed up from the 100th on."""
        more = self.losses[MOST_LINES:]
        rest = (
            (f"and {len(more):,} further places with losses, the last at byte {more[-1].offset:,}",)
            if more
            else ()
        )
        return (*map(str, self.losses[:MOST_LINES]), *rest, *self.doubts[:MOST_LINES])

    @property
    def words(self) -> str:
        """What can be had, in words."""
        return f"{self.tables:,} tables, {self.rows:,} complete rows"


@dataclass(frozen=True, slots=True)
class Move:
    """The switch-on of one database: `loaded` is what staging must hold, `replace` the state_digest of
    the live tables that a person agreed to set aside in `kept` (None: nothing may stand there)."""

    staging: str
    name: str
    kept: str
    loaded: tuple[TableState, ...]
    charset: str
    collation: str
    replace: str | None = None


@dataclass(frozen=True, slots=True)
class AccountState:
    """An account on a live server: its plugin, whether it is locked, a one-way digest of its verifier (equal
    digests mean equal verifiers), the databases it has rights on, and whether it has any global right."""

    account: AccountName
    plugin: str
    locked: bool
    verifier_digest: str
    databases: tuple[str, ...]
    global_rights: bool


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What preflight must know of a database server; `variables` by their server names, clock in epoch seconds,
    disk in free bytes (None where the server cannot tell)."""

    version: str
    variables: tuple[tuple[str, str], ...]
    anonymous_accounts: tuple[str, ...]
    replica: bool
    tls: bool
    clock: float
    disk_free: int | None
    notes: tuple[str, ...] = ()
