"""The global index: names and owners of all customers, databases and mailboxes, cheap enough to read first."""

from __future__ import annotations

from dataclasses import dataclass

from restore.model.facts import Fact
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, DumpFile
from restore.model.outcome import Answer, Failed, ManualItem
from restore.model.plan import MailCopy
from restore.model.stores import MAILDIR_STORE, Store


@dataclass(frozen=True, slots=True)
class Customer:
    """One hosting account on one old server, as the customers file states it; `line` is where it stands there.
    Not `listed`: no customers file survived, and what is his was told from names and places."""

    server: str
    name: str
    home: str
    domains: tuple[str, ...]
    mailboxes: tuple[str, ...]
    databases: tuple[str, ...]
    contact: str
    phone: str
    line: int = 0
    listed: bool = True

    @property
    def reach(self) -> str:
        """How to reach the customer: contact and phone."""
        return ", ".join(part for part in (self.contact, self.phone) if part)


@dataclass(frozen=True, slots=True)
class MailboxPlace:
    """A mailbox found in a backup: what `store` says at `path` of `source` ("": its old server's first), of that kind
    and time. `also` are its further copies in order of preference."""

    mailbox: MailboxId
    path: bytes
    source: str = ""
    kind: str = "backup"
    taken: float | None = None
    also: tuple[MailCopy, ...] = ()
    store: Store = MAILDIR_STORE


@dataclass(frozen=True, slots=True)
class HomePlace:
    """A customer's home stands in the old server's copy of that rank; `taken` is when that copy was made, in epoch
    seconds, None where no date is stated."""

    server: str
    customer: str
    rank: int
    taken: float | None = None


@dataclass(frozen=True, slots=True)
class Index:
    """Everything every plan sees, whatever it is narrowed to. `notes` say what was met and not used, `failed` which
    old server's names could not be read and why, by the key "index/SERVER", or one copy of it, by "index/SERVER/" and
    its source and path. `homes` say, for servers with several copies, which of them hold a customer's home, first
    choice first; `unread` which copies could not be read, as (server, rank). `accounts` are the
    dumps of old servers' `mysql` databases that lie among those of many."""

    customers: tuple[Customer, ...]
    mailboxes: tuple[MailboxPlace, ...]
    dumps: tuple[DumpFile, ...]
    notes: tuple[str, ...] = ()
    failed: tuple[Failed, ...] = ()
    homes: tuple[HomePlace, ...] = ()
    unread: tuple[tuple[str, int], ...] = ()
    accounts: tuple[DumpFile, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What preflight found of one server or folder: `weight` is refuse, ask or note."""

    weight: str
    where: str
    what: str
    why: str
    todo: str


@dataclass(frozen=True, slots=True)
class Decision:
    """A question that a person has settled: with an answer, or dropped (`answer` None)."""

    item: ManualItem
    answer: Answer | None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which jobs are wanted; facts are never narrowed. Empty means all; else all that is named. A customer is "name"
    or "server/name", of whose things those of `kinds` are wanted (empty: all); a mailbox is its address in lower
    case. `as_of`, in epoch seconds, asks for what the backups held then: copies and dumps made later are left out,
    and of the others the newest goes first; None: the order that the incident states. `dated` are the databases and
    addresses that it is asked of, where that is less than all."""

    customers: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()
    mailboxes: frozenset[str] = frozenset()
    databases: frozenset[DatabaseId] = frozenset()
    as_of: float | None = None
    dated: frozenset[DatabaseId | str] | None = None

    def moment(self, thing: DatabaseId | str) -> float | None:
        """As of which time this database, or the mailbox of this address in lower case, is wanted."""
        return self.as_of if self.dated is None or thing in self.dated else None

    @property
    def nothing_named(self) -> bool:
        """Whether no customer or thing is named: everybody's are wanted."""
        return not (self.customers or self.mailboxes or self.databases)

    def wants(self, customer: Customer | None) -> bool:
        """Whether this customer is wanted as such; nobody's things only where nothing is named."""
        if self.nothing_named:
            return True
        return customer is not None and (
            customer.name in self.customers or f"{customer.server}/{customer.name}" in self.customers
        )

    def wants_kind(self, kind: str) -> bool:
        """Whether any of this kind of work (mail, databases, accounts) is wanted: a database named is, with its
        accounts."""
        return self._of_customers(kind) or bool(self.mailboxes if kind == "mail" else self.databases)

    def wants_of(self, customer: Customer | None, kind: str) -> bool:
        """Whether all things of that kind are wanted of this customer."""
        return self._of_customers(kind) and self.wants(customer)

    def wants_mailbox(self, owner: Customer | None, address: str) -> bool:
        """Whether this mailbox is wanted."""
        return self.wants_of(owner, "mail") or address.lower() in self.mailboxes

    def wants_database(self, owner: Customer | None, database: DatabaseId) -> bool:
        """Whether this database is wanted."""
        return self.wants_of(owner, "databases") or database in self.databases

    def _of_customers(self, kind: str) -> bool:
        return (self.nothing_named or bool(self.customers)) and (not self.kinds or kind in self.kinds)


@dataclass(frozen=True, slots=True)
class Survey:
    """All that a plan is decided from: the index, what people settled, facts the ledger remembers, and the dumps of
    old servers' `mysql` databases that survived."""

    index: Index
    settled: tuple[Decision, ...] = ()
    remembered: tuple[Fact, ...] = ()
    survivors: tuple[DumpFile, ...] = ()
