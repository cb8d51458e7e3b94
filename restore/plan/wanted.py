"""Which work a narrowing asks for, and what must be decided afresh when a run under way is asked for more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from restore.model.facts import DatabaseUndone, DumpVerified
from restore.model.mysql import DatabaseId
from restore.model.outcome import ManualItem
from restore.model.plan import (
    CreateAccount,
    LoadDatabase,
    LookSite,
    RestoreMailbox,
    SwitchDatabase,
    Work,
)
from restore.model.survey import Customer, Index, Narrowing, Survey
from restore.model.text import safe
from restore.plan.ownership import Owners, own

BOTH = frozenset({"databases", "accounts"})
Whose = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for: a narrowing, and the customers (server, name) whose databases it names."""

    narrowing: Narrowing
    owners: frozenset[Whose] = frozenset()

    def wants(self, work: Work) -> bool:
        """Whether a run so narrowed does that work."""
        match work:
            case RestoreMailbox(mailbox=mailbox, customer=name):
                # Mail is only added: what backups held at a time goes beside all that they hold, never in its place.
                plain = self.narrowing.moment(mailbox.address.lower()) is None
                return plain and self.narrowing.wants_mailbox(
                    _customer(mailbox.server, name), mailbox.address
                )
            case LoadDatabase(customer=name, dump=dump):
                return self._database(name, dump.database)
            case SwitchDatabase(customer=name, database=database):
                return self._database(name, database)
            case LookSite(server=server, customer=name):
                customer = _customer(server, name)
                kinds = any(self.narrowing.wants_of(customer, kind) for kind in BOTH)
                return kinds or (server, name) in self.owners
            case CreateAccount(server=server, customer=name, databases=names):
                named = {DatabaseId(server, one) for one in names} & self.narrowing.databases
                return bool(named) or self.narrowing.wants_of(_customer(server, name), "accounts")
            case _:
                return False

    def _database(self, name: str, database: DatabaseId) -> bool:
        return self.narrowing.wants_database(_customer(database.server, name), database)


def wish(narrowing: Narrowing, owners: Owners) -> Wish:
    """A narrowing with what the index knows of the databases it names."""
    found = (owner for one in narrowing.databases for owner in owners.database(one))
    return Wish(narrowing, frozenset((one.customer.server, one.customer.name) for one in found))


def afresh(asked: Wish, covers: Iterable[Wish], index: Index) -> Narrowing:
    """What is decided afresh when `asked` comes to a run that already covers `covers`: mail as asked; but of a customer
    whose databases or accounts are asked for, all that either covers of both, as they wait for each other."""
    narrowing = asked.narrowing
    sides = {(one.server, one.name) for one in index.customers if _side(asked, one)} | asked.owners
    if not sides or (narrowing.nothing_named and not narrowing.kinds):
        return narrowing
    whole: set[str] = set()
    kinds: set[str] = set()
    databases = set(narrowing.databases)
    for cover in (asked, *covers):
        kept = {f"{one.server}/{one.name}" for one in index.customers
                if (one.server, one.name) in sides and _side(cover, one)}  # fmt: skip
        whole |= kept
        kinds |= (cover.narrowing.kinds or BOTH) & BOTH if kept else set()
        if not cover.owners.isdisjoint(sides):
            databases |= cover.narrowing.databases
    mail = {
        address.lower()
        for one in index.customers
        if narrowing.wants_of(one, "mail")
        for address in _addresses(one, index)
    }
    dated = narrowing.mailboxes | mail | databases_of(narrowing, index)
    return replace(
        narrowing,
        customers=frozenset(whole),
        kinds=frozenset(kinds or BOTH),
        mailboxes=narrowing.mailboxes | mail,
        databases=frozenset(databases),
        dated=None if narrowing.as_of is None else dated,
    )


def databases_of(narrowing: Narrowing, index: Index) -> frozenset[DatabaseId]:
    """Every database that a narrowing wants, as the index knows their owners."""
    owners = own(index)
    return frozenset(
        dump.database
        for dump in index.dumps
        if any(
            narrowing.wants_database(one.customer, dump.database) for one in owners.database(dump.database)
        )
    )


def forget(survey: Survey, databases: Collection[DatabaseId] | None = None) -> Survey:
    """A survey by which these databases (None: all) are looked at again: what was undone may be done again, and no dump
    is judged by an earlier look."""
    kept = (
        fact
        for fact in survey.remembered
        if not isinstance(fact, DatabaseUndone | DumpVerified)
        or (databases is not None and fact.database not in databases)
    )
    return replace(survey, remembered=tuple(kept))


def within(covers: Iterable[Wish], whose: frozenset[str], index: Index) -> Narrowing | None:
    """Of what these customers (SERVER/NAME) have, all that `covers` want, databases as of the time that the latest of
    them asks for; None where that is nothing."""
    customers: set[str] = set()
    kinds: set[str] = set()
    mailboxes: set[str] = set()
    databases: set[DatabaseId] = set()
    at = Narrowing()
    for one in index.customers:
        if f"{one.server}/{one.name}" not in whose:
            continue
        for cover in covers:
            sides = _side(cover, one) or (one.server, one.name) in cover.owners
            if cover.narrowing.as_of is not None and sides:
                at = cover.narrowing
            if cover.narrowing.wants(one):
                customers.add(f"{one.server}/{one.name}")
                kinds |= cover.narrowing.kinds or {*BOTH, "mail"}
            mailboxes |= cover.narrowing.mailboxes & {address.lower() for address in _addresses(one, index)}
            if (one.server, one.name) in cover.owners:
                databases |= {each for each in cover.narrowing.databases if each.server == one.server}
    if not (customers or mailboxes or databases):
        return None
    found = Narrowing(frozenset(customers), frozenset(kinds), frozenset(mailboxes), frozenset(databases))
    if at.as_of is None:
        return found
    dated = frozenset(one for one in databases_of(at, index) if at.moment(one) is not None)
    return replace(found, as_of=at.as_of, dated=dated)


def concerned(item: ManualItem, index: Index) -> frozenset[str]:
    """The customers, as SERVER/NAME, for whom the answer to a question may decide something: whose it is, and who has
    or wants something of the same name."""
    server, _, about = item.subject.partition("/")
    kind, _, name = about.partition("/")
    found = {
        f"{server}/{one.name}" for one in index.customers if (one.server, one.name) == (server, item.customer)
    }
    owners = own(index)
    claims = owners.mailboxes if kind == "mailbox" else owners.databases if kind == "database" else {}
    for key, claimed in claims.items():
        same = safe(key.address.lower() if hasattr(key, "address") else key.name)
        if same == (name.lower() if kind == "mailbox" else name):
            found |= {f"{owner.customer.server}/{owner.customer.name}" for owner in claimed}
    return frozenset(found)


def _side(asked: Wish, customer: Customer) -> bool:
    """Whether databases or accounts of this customer are wanted as his."""
    return any(asked.narrowing.wants_of(customer, kind) for kind in BOTH)


def _addresses(customer: Customer, index: Index) -> set[str]:
    """Every address that the customers file or his domain gives to a customer."""
    found = {place.mailbox.address for place in index.mailboxes if place.mailbox.server == customer.server}
    own_domains = {one for one in found if one.lower().rpartition("@")[2] in customer.domains}
    return own_domains | set(customer.mailboxes)


def _customer(server: str, name: str) -> Customer:
    return Customer(server, name, "", (), (), (), "", "")
