"""The global index: names and owners of all customers, databases and mailboxes, cheap enough to read first."""

from __future__ import annotations

from dataclasses import dataclass

from restore.model.facts import Fact
from restore.model.mail import MailboxId
from restore.model.mysql import DumpFile
from restore.model.outcome import Answer, Failed, ManualItem


@dataclass(frozen=True, slots=True)
class Customer:
    """One hosting account on one old server, as the customers file states it; `line` is where it stands there."""

    server: str
    name: str
    home: str
    domains: tuple[str, ...]
    mailboxes: tuple[str, ...]
    databases: tuple[str, ...]
    contact: str
    phone: str
    line: int = 0

    @property
    def reach(self) -> str:
        """How to reach the customer: contact and phone."""
        return ", ".join(part for part in (self.contact, self.phone) if part)


@dataclass(frozen=True, slots=True)
class MailboxPlace:
    """A Maildir found in a backup; `path` relative to the source's root."""

    mailbox: MailboxId
    path: bytes


@dataclass(frozen=True, slots=True)
class Index:
    """Everything every plan sees, whatever it is narrowed to. `notes` say what was met and not used, `failed` which
    old server's names could not be read and why, by the key "index/SERVER"."""

    customers: tuple[Customer, ...]
    mailboxes: tuple[MailboxPlace, ...]
    dumps: tuple[DumpFile, ...]
    notes: tuple[str, ...] = ()
    failed: tuple[Failed, ...] = ()


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
    """Which jobs are wanted; facts are never narrowed. Empty means all. A customer is "name" or "server/name"."""

    customers: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()

    def wants(self, customer: Customer | None) -> bool:
        """Whether this customer's jobs are wanted; nobody's things only where nothing is narrowed."""
        if not self.customers:
            return True
        return customer is not None and (
            customer.name in self.customers or f"{customer.server}/{customer.name}" in self.customers
        )

    def wants_kind(self, kind: str) -> bool:
        """Whether this kind of work (mail, databases, accounts) is wanted."""
        return not self.kinds or kind in self.kinds


@dataclass(frozen=True, slots=True)
class Survey:
    """All that a plan is decided from: the index, what people settled, and facts the ledger remembers."""

    index: Index
    settled: tuple[Decision, ...] = ()
    remembered: tuple[Fact, ...] = ()
