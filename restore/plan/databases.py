"""Which dump goes where: one owner, one place, one dump; all else is a question."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from restore.model.facts import DatabaseLoaded
from restore.model.incident import ASK, PARTIAL, USE, Incident, OldServer
from restore.model.mysql import KEPT_PREFIX, STAGING_PREFIX, UNDONE_PREFIX, DatabaseId, DumpFile, Salvage
from restore.model.outcome import Candidate, ManualItem
from restore.model.plan import Definer, Job, LoadDatabase, LookDump, Step, SwitchDatabase
from restore.model.survey import Customer, Index, Narrowing
from restore.model.text import safe
from restore.plan.origin import day, limits, newest, origin, words
from restore.plan.ownership import Owners
from restore.plan.question import ask, item_id
from restore.plan.settled import Settlement

# What names of databases that are not a tenant's begin with.
OURS = (STAGING_PREFIX, KEPT_PREFIX, UNDONE_PREFIX)


# The effect of the answer that what can be read of a damaged dump goes live.
SALVAGE = "salvage"


def subject(database: DatabaseId) -> str:
    """What questions about a database are about."""
    return f"{database.server}/database/{database.name}"


@dataclass(frozen=True, slots=True)
class Placement:
    """Which target each database goes to, and the questions about those that have no free place."""

    targets: Mapping[DatabaseId, str]
    items: tuple[ManualItem, ...]


def place_databases(
    incident: Incident,
    index: Index,
    settlement: Settlement,
    placed: Mapping[DatabaseId, str],
) -> Placement:
    """A target for every database of the index: where it already went, where a person said, else the first of
    its server's `databases_to` where the name is free. Two of one name are placed apart or are a question."""
    servers = {server.name: server for server in incident.old_servers}
    known = {target.name for target in incident.database_targets}
    wanted = sorted(_databases(index), key=lambda one: (list(servers).index(one.server), one.name))
    targets: dict[DatabaseId, str] = {}
    taken: dict[tuple[str, str], DatabaseId] = {}
    items: list[ManualItem] = []

    def take(database: DatabaseId, target: str) -> None:
        targets[database] = target
        taken[target, database.name] = database

    for database in wanted:
        answer = settlement.answer(subject(database), "target")
        place = placed.get(database) or (answer.value if answer and answer.value in known else None)
        if place and (place, database.name) not in taken:
            take(database, place)
    for database in wanted:
        if database in targets:
            continue
        allowed = servers[database.server].databases_to
        free = [target for target in allowed if (target, database.name) not in taken]
        if free:
            take(database, free[0])
        elif allowed:
            items.append(_collision(database, allowed, taken, known))
    return Placement(targets, tuple(items))


def _databases(index: Index) -> set[DatabaseId]:
    return {dump.database for dump in index.dumps}


def _collision(
    database: DatabaseId,
    allowed: tuple[str, ...],
    taken: Mapping[tuple[str, str], DatabaseId],
    known: set[str],
) -> ManualItem:
    lines = [f"{target}: the name is taken by {taken[target, database.name]}" for target in allowed]
    free = sorted(target for target in known if (target, database.name) not in taken)
    return ask(
        "database-collision",
        subject(database),
        f"Two old servers hold a database {safe(database.name)}; no allowed target has that name free.",
        evidence=lines,
        candidates=[Candidate(f"restore it on {target}", "target", target) for target in free],
    )


def plan_databases(
    incident: Incident,
    index: Index,
    owners: Owners,
    settlement: Settlement,
    narrowing: Narrowing,
    placement: Placement,
) -> tuple[tuple[Job, ...], tuple[ManualItem, ...]]:
    """A load for each database that has one owner, one place and a dump; questions for all others."""
    if not narrowing.wants_kind("databases"):
        return (), ()
    dumps: defaultdict[DatabaseId, list[DumpFile]] = defaultdict(list)
    for dump in index.dumps:
        dumps[dump.database].append(dump)
    servers = {server.name: server for server in incident.old_servers}
    jobs: list[Job] = []
    items: list[ManualItem] = []
    for database, found in dumps.items():
        owner, item = _owner(database, owners)
        item = item or _reserved(database, owner)
        if not narrowing.wants_database(owner, database):
            continue
        if item is not None:
            items.append(item)
        elif (
            owner is not None and database in placement.targets and not settlement.given_up(subject(database))
        ):
            server = servers[database.server]
            chosen = _choose(database, found, settlement)
            if _may_be_older(chosen, server, index) and not settlement.answer(subject(database), "dump"):
                items.append(_older(chosen, found, server, owner))
            else:
                job = _load_job(chosen, found, owner, server, placement.targets[database])
                jobs.append(_as_answered(job, settlement))
    asked = {safe(subject(database)): database for database in dumps}
    items += [one for one in placement.items if _wanted(asked[one.subject], owners, narrowing)]
    items += _missing(index, set(dumps), narrowing)
    return tuple(jobs), tuple(item for item in items if settlement.open(item))


def _wanted(database: DatabaseId, owners: Owners, narrowing: Narrowing) -> bool:
    """Whether a database is wanted, by any who says that it is his."""
    claimed: list[Customer | None] = [owner.customer for owner in owners.database(database)]
    return any(narrowing.wants_database(owner, database) for owner in claimed or [None])


def _owner(database: DatabaseId, owners: Owners) -> tuple[Customer | None, ManualItem | None]:
    found = owners.database(database)
    name = safe(database.name)
    if not found:
        return None, ask(
            "no-owner",
            subject(database),
            f"Whose is the database {name}? Name it in the customers file and run again, or drop this item.",
        )
    if len(found) > 1:
        names = [f"{owner.customer.name}: {owner.rung}" for owner in found]
        text = (
            f"Two customers claim the database {name}. Leave it to one in the customers file and run again."
        )
        return found[0].customer, ask("two-owners", subject(database), text, evidence=names)
    return found[0].customer, None


def _reserved(database: DatabaseId, owner: Customer | None) -> ManualItem | None:
    """A tenant's database may bear none of the names that this program drops and moves as its own."""
    if not database.name.lower().startswith(OURS):
        return None
    text = (
        f"The database {safe(database.name)} bears a name that bulkrestore keeps for databases of its own. Restore it"
        " by hand under another name and drop this item."
    )
    return ask("reserved-name", subject(database), text, customer=owner)


def _choose(database: DatabaseId, dumps: list[DumpFile], settlement: Settlement) -> DumpFile:
    answer = settlement.answer(subject(database), "dump")
    if answer is not None:
        for dump in dumps:
            if path_text(dump) == answer.value:
                return dump
    return newest(dumps)


def _may_be_older(chosen: DumpFile, server: OldServer, index: Index) -> bool:
    """Whether a more preferred copy, which cannot be read now, may hold a newer dump than this one and a person is
    to decide about that."""
    unread = any(name == server.name and rank < chosen.rank for name, rank in index.unread)
    return unread and server.older_dumps == ASK


def _older(chosen: DumpFile, found: list[DumpFile], server: OldServer, owner: Customer) -> ManualItem:
    name = safe(chosen.database.name)
    best = server.copies[0]
    text = (
        f"{words(best.source, best.kind, best.taken)}, cannot be read now. Is {name} restored from an older dump? Else"
        " mend that source and run again, or drop this item."
    )
    about = subject(chosen.database)
    ordered = sorted(found, key=lambda dump: (dump.rank, -dump.taken))
    candidates = [candidate(dump) for dump in ordered]
    lines = ("rows were not counted: what cannot be read has none to compare with",)
    item = ask("older-dump", about, text, customer=owner, evidence=lines, candidates=candidates)
    return replace(item, id=item_id("older-dump", about, path_text(chosen)))


def candidate(dump: DumpFile) -> Candidate:
    """A dump as an answer to which one shall be used."""
    stamp = dump.fingerprint
    label = f"the dump of {day(dump.taken)} on {stamp.source}, {dump.size:,} bytes"
    return Candidate(label, "dump", path_text(dump))


def path_text(dump: DumpFile) -> str:
    """A dump's source and path as text that a candidate's value can carry and that leads back to the same dump."""
    return f"{dump.fingerprint.source}:{dump.fingerprint.path.decode('utf-8', 'surrogateescape')}"


def _load_job(
    dump: DumpFile,
    found: list[DumpFile],
    owner: Customer,
    server: OldServer,
    target: str,
) -> Job:
    mark = _mark(dump, target)
    key = f"load/{dump.database}/{target}/{mark[:12]}"
    others = sorted((other for other in found if other != dump), key=lambda one: (one.rank, -one.taken))
    kind = server.copies[dump.rank].kind
    work = LoadDatabase(
        dump,
        owner.name,
        target,
        dump.database.name,
        staging_name(dump, target),
        tuple(others),
        safe(owner.reach),
        origin(server, dump.fingerprint.source, kind, dump.taken),
        server.older_dumps == USE,
        server.damaged_dumps == PARTIAL,
    )
    read = (dump, *others) if work.use_older else (dump,)
    sources = dict.fromkeys(f"source/{one.fingerprint.source}" for one in read)
    needs = (*sources, f"database/{target}", "worker")
    size = dump.size
    return Job(
        key,
        "database",
        owner.name,
        (Step(key, work, needs),),
        rank=(2, size),
        bytes=size,
    )


def _as_answered(job: Job, settlement: Settlement) -> Job:
    """The job with what a person said of this very dump: that what can be read of it shall go live."""
    steps = []
    for step in job.steps:
        work = step.work
        if isinstance(work, LoadDatabase):
            answer = settlement.answer(subject(work.dump.database), SALVAGE)
            if answer is not None and answer.value == path_text(work.dump):
                work = replace(work, partial=True, use_older=False)
        steps.append(replace(step, work=work))
    return replace(job, steps=tuple(steps))


def salvage_candidate(dump: DumpFile, salvage: Salvage) -> Candidate:
    """What can be read of a damaged dump as an answer to which one shall be used."""
    return Candidate(f"restore what can be read of this one: {salvage.words}", SALVAGE, path_text(dump))


def staging_name(dump: DumpFile, target: str) -> str:
    """The staging database that a dump is loaded into on that target."""
    return STAGING_PREFIX + _mark(dump, target)[:20]


def _mark(dump: DumpFile, target: str) -> str:
    stamp = dump.fingerprint
    text = repr(
        (
            dump.database.server,
            dump.database.name,
            target,
            stamp.source,
            stamp.path,
            stamp.size,
            stamp.mtime,
        )
    )
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def switch_job(
    load: LoadDatabase,
    key: str,
    loaded: DatabaseLoaded,
    definer: Definer | None,
    replace: str,
) -> Job:
    """The switch-on of a database loaded by step `key`; `replace` is what a person agreed to set aside."""
    work = SwitchDatabase(
        load.dump.database,
        load.customer,
        load.target,
        load.name,
        loaded.staging,
        loaded.tables,
        loaded.objects,
        loaded.charset,
        loaded.collation,
        load.contact,
        definer,
        replace or None,
    )
    step = key.replace("load/", "switch/", 1) + (f"/{replace[:12]}" if replace else "")
    needs = (f"database/{load.target}", "worker")
    thing = live_thing(load.target, load.name)
    return Job(step, "database", load.customer, (Step(step, work, needs),), rank=(1, 1), thing=thing)


def live_thing(target: str, name: str) -> str:
    """What a job changes that switches a live database, or puts it back."""
    return f"database/{target}/{name}"


def _missing(index: Index, present: set[DatabaseId], narrowing: Narrowing) -> Iterator[ManualItem]:
    for customer in index.customers:
        for name in customer.databases:
            database = DatabaseId(customer.server, name)
            if database not in present and narrowing.wants_database(customer, database):
                sought = limits(index, customer.server, narrowing.moment(database))
                text = (
                    f"No backup{sought} holds a dump of the database {safe(name)}. Is there another source?"
                )
                yield ask("not-in-backup", subject(database), text, customer=customer)


def look_dumps(jobs: tuple[Job, ...]) -> tuple[Job, ...]:
    """The read-only looks at the dumps that these jobs load."""
    looks = []
    for job in jobs:
        for step in job.steps:
            if isinstance(step.work, LoadDatabase):
                needs = (f"source/{step.work.dump.fingerprint.source}", "worker")
                look = Step(
                    f"look-{step.key}",
                    LookDump(step.work.dump, step.work.customer, step.work.origin),
                    needs,
                )
                looks.append(
                    Job(
                        look.key,
                        "look",
                        job.customer,
                        (look,),
                        rank=job.rank,
                        bytes=job.bytes,
                    )
                )
    return tuple(looks)
