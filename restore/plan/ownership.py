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
PRIVILEGES = "the lost server's own privilege tables give it to a login that this customer's config proves"
IN_HOME = "its dump lies in this customer's own home"
NAMED = "it is named after this customer, as a panel does"
SITE = "this customer alone names it, and its dump's address is his domain and its tables have his config's prefix"
VHOST = "a virtual host of the lost server serves its domain from this customer's home"


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


def own(index: Index, rungs: Mapping[DatabaseId, str] | None = None) -> Owners:
    """The owners of all mailboxes and databases that a backup holds or a customers file names. `rungs`: on what the
    ownership of a database rests, where looking at sites, or an operator's rule, told it."""
    homes = _in_homes(index)
    listed_mail: defaultdict[MailboxId, list[Owner]] = defaultdict(list)
    listed_data: defaultdict[DatabaseId, list[Owner]] = defaultdict(list)
    domains: defaultdict[tuple[str, str], list[Customer]] = defaultdict(list)
    for customer in index.customers:
        for address in customer.mailboxes:
            listed_mail[mailbox_id(customer.server, address)].append(Owner(customer, LISTED))
        for name in customer.databases:
            database = DatabaseId(customer.server, name)
            found = (rungs or {}).get(database)
            rung = IN_HOME if (database, customer.name) in homes else NAMED
            listed_data[database].append(Owner(customer, found or (LISTED if customer.listed else rung)))
        for domain in customer.domains:
            domains[customer.server, domain].append(customer)
    for place in index.mailboxes:
        key = mailbox_id(place.mailbox.server, place.mailbox.address)
        if key not in listed_mail:
            domain = key.address.rpartition("@")[2]
            listed_mail[key] = [
                Owner(customer, DOMAIN if customer.listed else VHOST)
                for customer in domains.get((key.server, domain), [])
            ]
    return Owners(
        {key: tuple(owners) for key, owners in listed_mail.items()},
        {key: tuple(owners) for key, owners in listed_data.items()},
    )


def _in_homes(index: Index) -> frozenset[tuple[DatabaseId, str]]:
    """The databases that have a dump in a customer's home, with his name; of servers without a customers file."""
    if all(customer.listed for customer in index.customers):
        return frozenset()
    paths: defaultdict[DatabaseId, list[str]] = defaultdict(list)
    for dump in index.dumps:
        paths[dump.database].append(f"/{dump.fingerprint.path.decode('utf-8', 'surrogateescape')}")
    return frozenset(
        (DatabaseId(customer.server, name), customer.name)
        for customer in index.customers
        for name in customer.databases
        if any(f"/{customer.home}/" in path for path in paths[DatabaseId(customer.server, name)])
    )


def mailbox_id(server: str, address: str) -> MailboxId:
    """A mailbox's identity: addresses are compared without regard to case."""
    return MailboxId(server, address.lower())
