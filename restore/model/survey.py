"""The global index: names and owners of all customers, databases and mailboxes, cheap enough to read first."""

from __future__ import annotations

from dataclasses import dataclass

from restore.model.mail import MailboxId
from restore.model.mysql import DumpFile


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
    """Everything every plan sees, whatever it is narrowed to. `notes` say what was met and not used."""

    customers: tuple[Customer, ...]
    mailboxes: tuple[MailboxPlace, ...]
    dumps: tuple[DumpFile, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """What preflight found of one server or folder: `weight` is refuse, ask or note."""

    weight: str
    where: str
    what: str
    why: str
    todo: str
