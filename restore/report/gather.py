"""The ledger's events, gathered into what came back and what did not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from restore.ledger.events import RunEnded, RunStarted, kind
from restore.ledger.queue import ItemState, QueueItem
from restore.ledger.reading import Filter, Mark, Reading, Record, Run
from restore.model.facts import (
    AccountReady,
    DatabaseLoaded,
    DatabaseSwitched,
    DatabaseUndone,
    Fact,
    MailboxRestored,
    SiteLooked,
)
from restore.model.outcome import Abandoned, Done, Failed, Manual, Partial, Unchanged, fact_of
from restore.model.text import safe
from restore.report.recovery import CustomerPart, Item, Recovery, State
from restore.report.status import fact_text

SERVICE = {"mail": "mail", "database": "database", "account": "account", "undo": "database"}
LOGIN_CAUSES = frozenset({
    "no-login", "login-unclear", "two-passwords", "account-differs",
    "foreign-database", "unowned-database", "unknown-database",
})  # fmt: skip
LIVE = (MailboxRestored, DatabaseSwitched, AccountReady)
Key = tuple[str, str]


def gather(reading: Reading) -> Recovery:
    """All that the report says, as of one moment."""
    with reading.still():
        records = list(reading.standing())
        queue = tuple(reading.queue())
        runs = _runs(reading)
        came = _came_back(records, reading.marks("done", "unchanged", "partial", "undone"))
        newest = next(reading.events(Filter(limit=1)), None)
        return Recovery(
            _customers(records, queue, came),
            runs,
            reading.tallies(),
            reading.failures(),
            queue,
            reading.hands(),
            f"{newest.seq:,} events" if newest else "no event",
            next((run.started for run in runs if run.event.command == "run"), None),
            newest.at if newest else None,
        )


def _runs(reading: Reading) -> tuple[Run, ...]:
    """Every command that coordinated, oldest first."""
    runs: dict[int, Run] = {}
    for record in reading.events(Filter(kinds=(kind(RunStarted), kind(RunEnded)))):
        event = record.event
        if isinstance(event, RunStarted):
            runs[record.epoch] = Run(record.epoch, record.operator, record.at, event, record.at)
        elif isinstance(event, RunEnded) and record.epoch in runs:
            begun = runs[record.epoch]
            runs[record.epoch] = Run(begun.epoch, begun.operator, begun.started, begun.event, record.at, record.at,
                                     event.because)  # fmt: skip
    return tuple(runs.values())


def _thing(record: Record) -> Key | None:
    """Service and identity of the thing that a step works on; None for looks and what is no thing's."""
    service = SERVICE.get(record.work)
    if service is None:
        return None
    return service, record.key if service == "account" else record.subject or record.key


def _came_back(records: Iterable[Record], marks: Iterable[Mark]) -> dict[Key, datetime]:
    """When each thing came to be back; one that was put back and restored again counts from then."""
    things = {record.key: _thing(record) for record in records}
    came: dict[Key, datetime] = {}
    for mark in marks:
        thing = things.get(mark.key)
        if thing is None or mark.key.startswith("load/"):
            continue
        if mark.kind == "undone" or mark.key.startswith("undo/"):
            came.pop(thing, None)
        else:
            came.setdefault(thing, mark.at)
    return came


def _customers(
    records: Sequence[Record], queue: Sequence[QueueItem], came: Mapping[Key, datetime]
) -> tuple[CustomerPart, ...]:
    things: defaultdict[Key, list[Record]] = defaultdict(list)
    names: defaultdict[Key, set[str]] = defaultdict(set)
    sites: dict[Key, SiteLooked] = {}
    for record in records:
        thing, fact = _thing(record), fact_of_record(record)
        if thing is not None:
            things[thing].append(record)
        if isinstance(fact, SiteLooked):
            sites[_server(record.subject), safe(fact.customer)] = fact
        if record.customer and record.subject:
            names[_server(record.subject), safe(record.customer)].add(record.customer)
    asked: defaultdict[str, list[QueueItem]] = defaultdict(list)
    for one in queue:
        if one.state is not ItemState.DONE:
            asked[safe(one.item.subject)].append(one)
    items: defaultdict[Key, list[Item]] = defaultdict(list)
    for thing, group in things.items():
        items[_owner(group)].append(_item(thing, group, asked, came.get(thing)))
    shown = {id(one) for row in items.values() for item in row for one in item.questions}
    for one in queue:
        if one.state is not ItemState.DONE and id(one) not in shown:
            items[_server(one.item.subject), safe(one.item.customer)].append(_question(one))
    contacts = {
        (_server(one.item.subject), safe(one.item.customer)): safe(one.item.contact)
        for one in queue
        if one.item.contact
    }
    return tuple(
        _customer(who, items.get(who, ()), contacts.get(who, ""), sites.get(who), names.get(who, set()))
        for who in sorted(items.keys() | sites.keys())
    )


def _customer(
    who: Key, items: Iterable[Item], contact: str, site: SiteLooked | None, names: Iterable[str]
) -> CustomerPart:
    ordered = tuple(sorted(items, key=lambda item: (item.here, item.service, item.name)))
    if site is None:
        return CustomerPart(*who, ordered, contact, names=frozenset(names))
    hosts = {claim.host for claim in site.claims if claim.host not in ("", "localhost", "127.0.0.1", "::1")}
    refused = (*site.refused, *(" ".join(lines) for lines in site.unclear))
    return CustomerPart(
        *who, ordered, contact, site.seen, refused, tuple(sorted(hosts)), frozenset({*names, site.customer})
    )


def fact_of_record(record: Record) -> Fact | None:
    """What a step that came through, wholly or in part, read back; what stands although a question is left too."""
    event = record.event
    if isinstance(event, Manual):
        return event.fact
    return fact_of(event) if isinstance(event, Done | Unchanged | Partial) else None


def _server(subject: str) -> str:
    return safe(subject.partition("/")[0])


def _owner(group: Sequence[Record]) -> Key:
    newest = group[-1]
    return _server(newest.subject), safe(newest.customer)


def _item(
    thing: Key, group: Sequence[Record], asked: Mapping[str, Sequence[QueueItem]], at: datetime | None
) -> Item:
    service, ident = thing
    decided = _decided(group)
    parts = ident.split("/", 2)
    server = _server(decided.subject)
    name = safe(parts[2] if len(parts) == 3 else ident)
    fact = fact_of_record(decided)
    if isinstance(fact, LIVE):
        return _back(Item(service, server, name, State.BACK, at, fact_text(fact)), decided, group, asked)
    return _gone(Item(service, server, name, State.UNFINISHED), decided, asked)


def _decided(group: Sequence[Record]) -> Record:
    """The event that says where a thing stands: the newest by which it is live, if nothing put it back since."""
    live = None
    for record in group:
        fact = fact_of_record(record)
        if isinstance(fact, LIVE):
            live = record
        elif isinstance(fact, DatabaseUndone):
            live = None
    return live or group[-1]


def _back(
    item: Item, decided: Record, group: Sequence[Record], asked: Mapping[str, Sequence[QueueItem]]
) -> Item:
    """A live thing with each part of it that is not there."""
    events = [decided.event]
    rest = decided.key.partition("/")[2]
    events += [one.event for one in group if one.key == f"load/{rest}" and one is not decided]
    missing: dict[str, None] = {}
    notes: dict[str, None] = {}
    for event in events:
        if isinstance(event, Partial):
            missing |= dict.fromkeys(event.missing)
        if isinstance(event, Done | Unchanged | Partial | Manual) and event.fact is not None:
            missing |= dict.fromkeys(_left_out(event.fact))
            notes |= dict.fromkeys(_notes(event.fact))
    later = [one.event for one in group if one.seq > decided.seq and isinstance(one.event, Failed)]
    notes |= {f"a later attempt failed: {one.message} [{one.code}]": None for one in later}
    questions = tuple(asked.get(safe(decided.subject), ())) if isinstance(decided.event, Manual) else ()
    whole = not missing and not questions
    return Item(
        item.service, item.server, item.name, State.BACK if whole else State.PART, item.at, item.what,
        (*missing, *(one.item.question for one in questions if not missing)), tuple(notes),
        cause=questions[0].item.cause if questions else "", questions=questions,
    )  # fmt: skip


def _left_out(fact: Fact) -> list[str]:
    """What a read-back itself says did not come back."""
    if isinstance(fact, MailboxRestored):
        return [line for folder in fact.folders for line in (*folder.unreadable, *folder.refused)]
    return []


def _notes(fact: Fact) -> list[str]:
    match fact:
        case MailboxRestored(folders=folders, notes=notes):
            deleted = sum(folder.deleted_since for folder in folders)
            double = [line for folder in folders for line in folder.duplicates]
            told = [f"{deleted:,} messages were deleted again by their owner and stay deleted"] if deleted else []
            return [*notes, *told, *(f"kept once: {line}" for line in double)]
        case DatabaseLoaded(refused=refused, notes=notes):
            return [*notes, *(f"not executed: byte {one.offset:,}: {one.head}: {one.reason}" for one in refused)]
        case DatabaseSwitched(kept=kept, notes=notes):
            return [*notes, *([f"what stood there before is kept in {kept}"] if kept else [])]
        case AccountReady(hosts_needed=hosts, notes=notes):
            return [*notes, *(f"{host} must resolve to the new server" for host in hosts)]
        case _:
            return []


def _gone(item: Item, decided: Record, asked: Mapping[str, Sequence[QueueItem]]) -> Item:
    """A thing that is not live, with the reason."""

    def told(state: State, *lines: str, cause: str = "", hint: str = "", kept: str = "") -> Item:
        return Item(item.service, item.server, item.name, state, missing=lines, cause=cause, hint=hint, kept=kept)

    match decided.event:
        case Failed(code=code, message=message, hint=hint, kept=kept):
            return told(State.FAILED, message, cause=code, hint=hint, kept=kept)
        case Manual(items=items):
            mine = {one.id for one in items}
            questions = [one for one in asked.get(safe(decided.subject), ()) if one.item.id in mine]
            return _questioned(item, questions or [QueueItem(one) for one in items])
        case Abandoned(because=because):
            return told(State.UNFINISHED, f"not begun, or stopped: {because}", cause="abandoned")
        case Done(fact=fact) | Unchanged(fact=fact) if isinstance(fact, DatabaseUndone):
            return told(State.UNDONE, fact_text(fact), cause="undone")
        case Done() | Unchanged() | Partial():
            return told(State.UNFINISHED, "loaded and compared, not yet switched on", cause="not-finished")
        case _ if decided.kind == "undone":
            return told(State.UNFINISHED, "found gone from its server since; the next run does it again",
                        cause="undone")  # fmt: skip
        case _:
            return told(State.UNFINISHED, f"begun at {decided.at:%Y-%m-%d %H:%M:%S} UTC; the ledger knows no end",
                        cause="not-finished")  # fmt: skip


def _questioned(item: Item, questions: Sequence[QueueItem]) -> Item:
    lines = tuple(question_line(one) for one in questions)
    states = {one.state for one in questions}
    state = next(
        (_STATES[one] for one in (ItemState.OPEN, ItemState.ANSWERED, ItemState.DROPPED) if one in states),
        State.UNFINISHED,
    )
    return Item(item.service, item.server, item.name, state, missing=lines, cause=questions[0].item.cause,
                questions=tuple(questions))  # fmt: skip


_STATES = {ItemState.OPEN: State.QUESTION, ItemState.ANSWERED: State.ANSWERED, ItemState.DROPPED: State.LEFT}


def question_line(one: QueueItem) -> str:
    """A question and what became of it."""
    if one.state is ItemState.DROPPED:
        return f"{one.item.question} Dropped: {one.reason}"
    if one.state is ItemState.ANSWERED:
        return f"{one.item.question} Answered; the next run acts on it."
    return one.item.question


def _question(one: QueueItem) -> Item:
    """A question about which no step has begun, as the thing it holds up."""
    server, _, rest = one.item.subject.partition("/")
    sort, _, name = rest.partition("/")
    service = "mail" if sort == "mailbox" else "database"
    if sort in ("account", "site") or one.item.cause in LOGIN_CAUSES:
        service = "account"
        name = f"login of {name}" if sort == "database" else name
    return _questioned(Item(service, safe(server), safe(name), State.QUESTION), [one])
