"""The whole restore as a plan that grows while facts come in: looks and loads first, then what they prove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from restore.model.facts import (
    DatabaseLoaded,
    DatabaseSwitched,
    DatabaseUndone,
    SiteLooked,
)
from restore.model.incident import Incident, OldServer
from restore.model.mysql import DatabaseId
from restore.model.outcome import Abandoned, Failed, ManualItem, Outcome, Scope, fact_of
from restore.model.plan import Capacity, Job, Learned, LoadDatabase, LookSite, Step
from restore.model.survey import Customer, Index, Narrowing, Survey
from restore.model.text import safe
from restore.plan import accounts, databases
from restore.plan.accounts import Login, account_jobs, decide_logins, home_path
from restore.plan.candidates import verdicts
from restore.plan.databases import place_databases, plan_databases, switch_job
from restore.plan.judged import Judgements
from restore.plan.mailboxes import plan_mailboxes
from restore.plan.origin import as_of, at_home, home_ranks, origin
from restore.plan.ownership import own
from restore.plan.pop3 import pop3_jobs
from restore.plan.proving import Home, Proving
from restore.plan.settled import Settlement
from restore.plan.taught import Taught, mark
from restore.plan.unowned import Unowned, with_owners

STAGING_DIFFERS = "staging-differs"


def capacity(incident: Incident) -> Capacity:
    """The slots of every Resource an incident states."""
    slots = {f"source/{source.name}": source.copies for source in incident.sources}
    slots |= {f"mail/{target.name}": target.connections for target in incident.mail_targets}
    slots |= {f"database/{target.name}": target.loads for target in incident.database_targets}
    return Capacity({**slots, "worker": incident.workers})


@dataclass(slots=True)
class _Progress:
    """How far one customer is: whether his home was looked at, which of his databases are under way. `unseen`: his home
    was not looked at, as its source was given up."""

    customer: Customer
    looked: bool = False
    fact: SiteLooked | None = None
    logins: tuple[Login, ...] = ()
    waiting: set[DatabaseId] = field(default_factory=set)
    accounts_planned: bool = False
    held: bool = False
    unseen: bool = False


def _together(*learned: Learned) -> Learned:
    return Learned(
        tuple(job for one in learned for job in one.jobs),
        tuple(item for one in learned for item in one.items),
        tuple(key for one in learned for key in one.gone),
    )


class BulkPlan:
    """Decides from the index alone what can begin, and from each outcome what it made decidable. Pure."""

    def __init__(self, incident: Incident, survey: Survey, narrowing: Narrowing | None = None) -> None:
        self._incident = incident
        self._narrowing = narrowing or Narrowing()
        self._index = as_of(incident, survey.index, self._narrowing)
        self._homes = home_ranks(self._index)
        self._settlement = Settlement(survey.settled)
        self._taught = Taught(survey.settled)
        self._index, self._rungs = with_owners(self._index, self._taught.owners(self._index))
        self._owners = own(with_owners(survey.index, self._taught.owners(survey.index))[0], self._rungs)
        self._held = frozenset(dump.database for dump in survey.index.dumps)
        self._taken: dict[DatabaseId, float] = {}
        self._servers = {server.name: server for server in incident.old_servers}
        self._targets = {target.name: target for target in incident.database_targets}
        self._live: dict[DatabaseId, DatabaseSwitched] = {}
        self._undone: set[DatabaseId] = set()
        self._judgements = Judgements(survey.remembered)
        self._remember(survey)
        known = {fact.database: fact.target for fact in survey.remembered if isinstance(fact, DatabaseLoaded)}
        known |= {database: fact.target for database, fact in self._live.items()}
        self.placement = place_databases(incident, survey.index, self._settlement, known)
        self._named = {
            (owner.customer.server, owner.customer.name)
            for database in self._narrowing.databases
            for owner in self._owners.database(database)
        }
        self._customers = self._look_at()
        self._unowned = Unowned(self._index, self._owners)
        self._proving = Proving(self._servers, self._targets, survey.survivors)
        self._loads: dict[str, LoadDatabase] = {}
        self._loaded: dict[DatabaseId, tuple[str, DatabaseLoaded]] = {}
        self._ends: dict[str, DatabaseId] = {}
        self._looks: dict[str, tuple[str, str]] = {}
        self.jobs, self.items = self._first()

    def _remember(self, survey: Survey) -> None:
        for fact in survey.remembered:
            if isinstance(fact, DatabaseLoaded) and fact.taken is not None:
                self._taken[fact.database] = fact.taken
            elif isinstance(fact, DatabaseSwitched):
                self._live[fact.database] = fact
                self._undone.discard(fact.database)
            elif isinstance(fact, DatabaseUndone):
                self._live.pop(fact.database, None)
                self._undone.add(fact.database)

    def _look_at(self) -> dict[tuple[str, str], _Progress]:
        return {
            (customer.server, customer.name): _Progress(customer)
            for customer in self._index.customers
            if self._wants_accounts_of(customer) or self._narrowing.wants_of(customer, "databases")
        }

    def _wants_accounts_of(self, customer: Customer) -> bool:
        """Whether this customer's accounts are wanted, at least those of a database that is named."""
        whose = (customer.server, customer.name)
        return self._narrowing.wants_of(customer, "accounts") or whose in self._named

    def _first(self) -> tuple[Sequence[Job], Sequence[ManualItem]]:
        mail = plan_mailboxes(self._incident, self._index, self._owners, self._settlement, self._narrowing)
        undecided = self._unowned.databases if self._customers else frozenset()
        dumps = tuple(dump for dump in self._index.dumps if dump.database not in undecided)
        loads, questions = self._loads_of(replace(self._index, dumps=dumps))
        looks = self._unowned.jobs if self._customers else ()
        logs = pop3_jobs(self._incident, self._narrowing)
        jobs = (*mail[0], *logs, *self._read_jobs(), *self._look_jobs(), *looks, *loads)
        return jobs, (*mail[1], *questions)

    def _loads_of(self, index: Index) -> tuple[tuple[Job, ...], tuple[ManualItem, ...]]:
        """The loads of the databases of an index, awaited from now on, and the questions about them."""
        loads, questions = plan_databases(
            self._incident,
            index,
            self._owners,
            self._settlement,
            self._narrowing,
            self.placement,
        )
        loads = tuple(job for job in loads if not self._is_undone(job) and not self._is_older(job))
        loads = tuple(map(self._judgements.told, loads))
        for job in loads:
            for step in job.steps:
                if isinstance(step.work, LoadDatabase):
                    self._await(step.key, step.work)
        return loads, questions

    def _read_jobs(self) -> tuple[Job, ...]:
        """The reading of hashes that survived; wanted where any site is looked at."""
        return self._proving.jobs if self._customers else ()

    def _is_undone(self, job: Job) -> bool:
        return any(
            isinstance(step.work, LoadDatabase) and step.work.dump.database in self._undone
            for step in job.steps
        )

    def _is_older(self, job: Job) -> bool:
        """Whether a newer dump of the database is live already, and nobody asked for this older one."""
        return any(
            isinstance(step.work, LoadDatabase)
            and self._narrowing.moment(step.work.dump.database) is None
            and step.work.dump.database in self._live
            and step.work.dump.taken < self._taken.get(step.work.dump.database, 0.0)
            and self._settlement.answer(databases.subject(step.work.dump.database), "dump") is None
            for step in job.steps
        )

    def _await(self, key: str, load: LoadDatabase) -> None:
        database = load.dump.database
        self._loads[key] = load
        self._ends[key] = database
        progress = self._customers.get((database.server, load.customer))
        if progress is not None:
            progress.waiting.add(database)

    def _at_home(self, customer: Customer) -> OldServer:
        """The customer's old server, as the copy that his home is taken from states it."""
        rank = self._homes.get((customer.server, customer.name), 0)
        return at_home(self._servers[customer.server], rank)

    def _look_jobs(self) -> tuple[Job, ...]:
        jobs = []
        for number, progress in enumerate(self._customers.values()):
            customer, server = progress.customer, self._at_home(progress.customer)
            rules = self._taught.rules_for(customer)
            key = f"look/{server.name}/{customer.name}{mark(rules)}"
            self._looks[key] = (customer.server, customer.name)
            work = LookSite(
                server.name,
                customer.name,
                server.source,
                home_path(server, customer),
                customer.domains,
                origin(server, server.source, server.kind, server.taken),
                rules,
            )
            step = Step(key, work, (f"source/{server.source}", "worker"))
            jobs.append(Job(key, "look", customer.name, (step,), rank=(1, 0, number)))
        return tuple(jobs)

    def learn(self, outcome: Outcome) -> Learned:
        """What this outcome made decidable (see model.plan.Plan)."""
        if outcome.key in self._looks:
            return self._site_looked(outcome)
        if outcome.key in self._ends:
            return self._database_moved(outcome)
        jobs, proven = self._proving.learn(outcome)
        self._unowned.learn(outcome)
        return _together(
            Learned(jobs), *(self._seen(self._customers[one]) for one in proven), self._settled()
        )

    def _settled(self) -> Learned:
        """Once every home and dump has been looked at: the owners they tell together, and who waited for them."""
        if not self._unowned.due(self._customers):
            return Learned()
        found = self._unowned.settle()
        self._index, rungs = with_owners(self._index, found)
        self._rungs = {**self._rungs, **rungs}
        self._owners = own(self._index, self._rungs)
        for customer in self._index.customers:
            if (customer.server, customer.name) in self._customers:
                self._customers[customer.server, customer.name].customer = customer
        dumps = tuple(dump for dump in self._index.dumps if dump.database in self._unowned.databases)
        loads, questions = self._loads_of(replace(self._index, customers=(), dumps=dumps))
        asked = tuple(self._with_reasons(item) for item in questions)
        held = [one for one in self._customers.values() if one.held]
        return _together(Learned(loads, asked), *map(self._decided, held))

    def _with_reasons(self, item: ManualItem) -> ManualItem:
        about = {databases.subject(one): one for one in self._unowned.databases}
        database = about.get(item.subject)
        why = self._unowned.why(database) if database is not None else ()
        return replace(item, evidence=(*item.evidence, *(safe(line, 1000) for line in why)))

    def _site_looked(self, outcome: Outcome) -> Learned:
        progress = self._customers[self._looks[outcome.key]]
        fact = fact_of(outcome)
        progress.fact = fact if isinstance(fact, SiteLooked) else None
        progress.unseen = isinstance(outcome, Abandoned) or (
            isinstance(outcome, Failed) and outcome.scope is Scope.SERVER
        )
        if progress.fact is not None:
            customer, server = progress.customer, self._at_home(progress.customer)
            home = Home(server.source, home_path(server, customer), customer.domains, customer.databases)
            waits, jobs = self._proving.begin(progress.fact, home, all_claims=not customer.listed)
            if waits:
                return Learned(jobs)
        return _together(self._seen(progress), self._settled())

    def _seen(self, progress: _Progress) -> Learned:
        """A customer's home was looked at, and his logins were proven where that is due."""
        whose = (progress.customer.server, progress.customer.name)
        self._unowned.saw(whose, progress.fact, self._proving.proven.get(whose))
        progress.held = self._unowned.holds(whose)
        return Learned() if progress.held else self._decided(progress)

    def _decided(self, progress: _Progress) -> Learned:
        """What is decided of a customer of whom all is known."""
        whose = (progress.customer.server, progress.customer.name)
        progress.looked, progress.held = True, False
        progress.logins, items = decide_logins(
            progress.customer,
            progress.fact,
            self._owners,
            self._held,
            self._settlement,
            verdicts(self._proving.proven.get(whose)),
        )
        switches = [
            self._switch(database) for database in sorted(progress.waiting) if database in self._loaded
        ]
        wanted = items if self._wants_accounts_of(progress.customer) else ()
        # Nobody is asked for a login that the next look may find.
        asked = tuple(item for item in wanted if not (progress.unseen and item.cause == accounts.NO_LOGIN))
        return Learned((*switches, *self._accounts(progress)), asked)

    def _database_moved(self, outcome: Outcome) -> Learned:
        database = self._ends[outcome.key]
        fact = fact_of(outcome)
        progress = self._progress_of(database)
        if isinstance(fact, DatabaseLoaded):
            self._loaded[database] = (outcome.key, fact)
            return Learned((self._switch(database),)) if progress.looked else Learned()
        if isinstance(fact, DatabaseSwitched):
            self._live[database] = fact
        progress.waiting.discard(database)
        gone = self._gone(outcome, database)
        return Learned(self._accounts(progress), gone=gone)

    def _gone(self, outcome: Outcome, database: DatabaseId) -> tuple[str, ...]:
        """The load whose staging database a switch found missing or altered: it is loaded afresh next time."""
        if isinstance(outcome, Failed) and outcome.code == STAGING_DIFFERS and database in self._loaded:
            return (self._loaded[database][0],)
        return ()

    def _progress_of(self, database: DatabaseId) -> _Progress:
        owner = self._owners.database(database)[0].customer
        return self._customers[owner.server, owner.name]

    def _switch(self, database: DatabaseId) -> Job:
        key, loaded = self._loaded[database]
        load = self._loads[key]
        answer = self._settlement.answer(databases.subject(database), "replace")
        definer = accounts.definer(self._progress_of(database).logins, database, self._targets[load.target])
        job = switch_job(load, key, loaded, definer, answer.value if answer else "")
        self._ends[job.key] = database
        return job

    def _accounts(self, progress: _Progress) -> tuple[Job, ...]:
        """The customer's accounts, once, when nothing of his is under way any more."""
        ready = progress.looked and not progress.waiting and not progress.accounts_planned
        if not ready or not self._wants_accounts_of(progress.customer):
            return ()
        progress.accounts_planned = True
        server = self._at_home(progress.customer)
        placed = self._places(progress.customer, progress.logins)
        return tuple(
            job
            for login in progress.logins
            if self._wants_login(progress.customer, login)
            for job in account_jobs(login, self._live, server, self._targets, placed)
        )

    def _wants_login(self, customer: Customer, login: Login) -> bool:
        if self._settlement.given_up(accounts.subject(customer.server, login.user)):
            return False
        named = not self._narrowing.databases.isdisjoint(login.databases)
        return named or self._narrowing.wants_of(customer, "accounts")

    def _places(self, customer: Customer, logins: Sequence[Login]) -> Mapping[DatabaseId, str]:
        """Where one customer's databases, and those of his logins, stand or go."""
        databases = {DatabaseId(customer.server, name) for name in customer.databases}
        databases.update(database for login in logins for database in login.databases)
        places = {database: self.placement.targets.get(database, "") for database in databases}
        return places | {one: self._live[one].target for one in databases if one in self._live}
