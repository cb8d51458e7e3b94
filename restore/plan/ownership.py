"""Who owns a mailbox or a database, on which rung of the ladder that rests, and where two claims disagree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId
from restore.model.survey import Customer, Index

LISTED = "the customers file lists it"
DOMAIN = "the customers file gives its domain to this customer"
ANSWERED = "an operator's answer"


@dataclass(frozen=True, slots=True)
class Owner:
    """A customer and the rung his ownership rests on."""

    customer: Customer
    rung: str


@dataclass(frozen=True, slots=True)
class Owners:
    """Every owner of every thing in the index: none, one, or several that disagree."""

    mailboxes: Mapping[MailboxId, tuple[Owner, ...]]
    databases: Mapping[DatabaseId, tuple[Owner, ...]]

    def database(self, database: DatabaseId) -> tuple[Owner, ...]:
        """Who owns a database; () where nobody is known to."""
        return self.databases.get(database, ())


def own(index: Index) -> Owners:
    """The owners of all mailboxes and databases that a backup holds or a customers file names."""
    listed_mail: defaultdict[MailboxId, list[Owner]] = defaultdict(list)
    listed_data: defaultdict[DatabaseId, list[Owner]] = defaultdict(list)
    domains: defaultdict[tuple[str, str], list[Customer]] = defaultdict(list)
    for customer in index.customers:
        for address in customer.mailboxes:
            listed_mail[mailbox_id(customer.server, address)].append(Owner(customer, LISTED))
        for name in customer.databases:
            listed_data[DatabaseId(customer.server, name)].append(Owner(customer, LISTED))
        for domain in customer.domains:
            domains[customer.server, domain].append(customer)
    for place in index.mailboxes:
        key = mailbox_id(place.mailbox.server, place.mailbox.address)
        if key not in listed_mail:
            domain = key.address.rpartition("@")[2]
            listed_mail[key] = [Owner(customer, DOMAIN) for customer in domains.get((key.server, domain), [])]
    return Owners(
        {key: tuple(owners) for key, owners in listed_mail.items()},
        {key: tuple(owners) for key, owners in listed_data.items()},
    )


def mailbox_id(server: str, address: str) -> MailboxId:
    """A mailbox's identity: addresses are compared without regard to case."""
    return MailboxId(server, address.lower())
