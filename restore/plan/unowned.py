"""Whose are the databases that no name and no place gives to anybody: told from all sites of a server together.

Only on servers without a customers file. A database is a customer's where the lost server's own privilege tables let
a login use it that his config proves; or, the last rung, where he alone names it and the dump's own address is his
domain and its tables have his config's prefix. The last one needs every home to have been looked at. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from detectors.dumps import DumpFacts, Fingerprint
from detectors.linking import Claim as Stated
from detectors.linking import Dump, link
from restore.model.facts import Claim, DumpLooked, LoginsVerified, SiteLooked
from restore.model.mysql import DatabaseId, DumpFile
from restore.model.outcome import Outcome, fact_of
from restore.model.plan import Job, LookDump, Step
from restore.model.survey import Customer, Index
from restore.plan.candidates import CUSTOM
from restore.plan.ownership import PRIVILEGES, SITE, Owners

Whose = tuple[str, str]
_Names = Callable[[Whose], set[str]]
SAID = frozenset({"exact", "fallback", "partial", "ambiguous", "needs-environment"})


class Unowned:
    """The databases nobody is known to own yet, and what their dumps and all customers' sites say of them."""

    def __init__(self, index: Index, owners: Owners) -> None:
        unlisted = {one.server for one in index.customers if not one.listed}
        self._customers = {(one.server, one.name): one for one in index.customers}
        self.databases = frozenset(
            dump.database
            for dump in index.dumps
            if dump.database.server in unlisted and not owners.database(dump.database)
        )
        newest: dict[DatabaseId, DumpFile] = {}
        for dump in sorted(index.dumps, key=lambda one: one.taken):
            if dump.database in self.databases:
                newest[dump.database] = dump
        self.jobs = tuple(map(_look, newest.values()))
        self._dumps = {job.key: dump.database for job, dump in zip(self.jobs, newest.values(), strict=True)}
        self._facts: dict[DatabaseId, DumpLooked] = {}
        self._due = set(self._dumps)
        self._sites: dict[Whose, SiteLooked | None] = {}
        self._proofs: dict[Whose, LoginsVerified] = {}
        self.settled = not self.databases

    def learn(self, outcome: Outcome) -> None:
        """Take in what a dump told, if the outcome is of ours."""
        if outcome.key in self._dumps:
            fact = fact_of(outcome)
            if isinstance(fact, DumpLooked):
                self._facts[self._dumps[outcome.key]] = fact
            self._due.discard(outcome.key)

    def saw(self, whose: Whose, site: SiteLooked | None, proof: LoginsVerified | None) -> None:
        """Take in what a customer's home showed (None: it could not be looked at), and what was proven of it."""
        self._sites[whose] = site
        if proof is not None:
            self._proofs[whose] = proof

    def holds(self, whose: Whose) -> bool:
        """Whether this customer's decision waits for these databases' owners."""
        names = {one.name for one in self.databases if one.server == whose[0]}
        return not self.settled and bool(names & (self._named(whose) | self._granted(whose)))

    def due(self, looked: Iterable[Whose]) -> bool:
        """Whether all that was looked for has come: every dump, and the homes of these customers."""
        return not self.settled and not self._due and all(whose in self._sites for whose in looked)

    def _named(self, whose: Whose) -> set[str]:
        site = self._sites.get(whose)
        return {claim.database for claim in site.claims if claim.status in SAID} if site else set()

    def _granted(self, whose: Whose) -> set[str]:
        proof = self._proofs.get(whose)
        return {name for one in proof.logins for name in one.granted} if proof else set()

    def settle(self) -> Mapping[DatabaseId, tuple[tuple[Customer, ...], str]]:
        """The owners found, with the rung; several of one database are a question like any other."""
        self.settled = True
        found: dict[DatabaseId, tuple[tuple[Customer, ...], str]] = {}
        blind = {server for server, _ in self._unseen()}
        naming, granting = self._by_database(self._named), self._by_database(self._granted)
        for database in self.databases:
            proven, named = granting.get(database, []), naming.get(database, [])
            if proven:
                found[database] = (tuple(self._customers[one] for one in proven), PRIVILEGES)
            elif len(named) == 1 and database.server not in blind and self._is_his(named[0], database):
                found[database] = ((self._customers[named[0]],), SITE)
        return found

    def _by_database(self, names: _Names) -> Mapping[DatabaseId, list[Whose]]:
        found: defaultdict[DatabaseId, list[Whose]] = defaultdict(list)
        for whose in self._sites:
            for name in names(whose):
                found[DatabaseId(whose[0], name)].append(whose)
        return found

    def _unseen(self) -> list[Whose]:
        return [whose for whose in self._customers if self._sites.get(whose) is None]

    def why(self, database: DatabaseId) -> tuple[str, ...]:
        """For the question whose it is: who names it, and which homes were not seen."""
        named = [
            f"{claim.config} of {whose[1]} names it"
            for whose, site in self._sites.items()
            if site is not None and whose[0] == database.server
            for claim in site.claims
            if claim.database == database.name
        ]
        unseen = [
            f"the home of {name} was not looked at"
            for server, name in self._unseen()
            if server == database.server
        ]
        return (*named[:20], *unseen[:20])

    def _is_his(self, whose: Whose, database: DatabaseId) -> bool:
        site, told = self._sites[whose], self._facts.get(database)
        if site is None or told is None:
            return False
        facts = DumpFacts(tuple(_print(database, told)), (database.name,), 0, told.complete, False)
        dump = Dump(database.name, facts)
        domains = self._customers[whose].domains
        return any(
            one.decides
            for claim in site.claims
            if claim.database == database.name and claim.status == "exact" and claim.system != CUSTOM
            # The name is left out: it is the address and the prefix that must agree.
            for one in link(_stated(claim, domains), [dump])
        )


def _print(database: DatabaseId, told: DumpLooked) -> Iterable[Fingerprint]:
    for one in told.installs:
        yield Fingerprint(one.system, database.name, one.prefix, one.version, site=one.site, sites=one.sites)


def _stated(claim: Claim, domains: Sequence[str]) -> Stated:
    return Stated(claim.customer, claim.system, "", claim.prefix, tuple(domains))


def _look(dump: DumpFile) -> Job:
    stamp = dump.fingerprint
    key = f"dump/{dump.database}"
    step = Step(key, LookDump(dump, "", whole=True), (f"source/{stamp.source}", "worker"))
    return Job(key, "look", "", (step,), rank=(1, 0, 0), bytes=stamp.size)


def with_owners(
    index: Index, found: Mapping[DatabaseId, tuple[tuple[Customer, ...], str]]
) -> tuple[Index, Mapping[DatabaseId, str]]:
    """The index with these databases among their customers', and the rungs."""
    names: defaultdict[Whose, list[str]] = defaultdict(list)
    for database, (owners, _) in found.items():
        for owner in owners:
            names[owner.server, owner.name].append(database.name)
    customers = tuple(
        replace(one, databases=tuple(sorted({*one.databases, *names[one.server, one.name]})))
        if (one.server, one.name) in names
        else one
        for one in index.customers
    )
    return replace(index, customers=customers), {database: rung for database, (_, rung) in found.items()}
