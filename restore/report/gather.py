"""The ledger's events, gathered into what came back and what did not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from restore.ledger.events import RunEnded, RunStarted, kind
from restore.ledger.queue import COMPLAINT, ItemState, QueueItem
from restore.ledger.reading import Filter, Mark, Reading, Record, Run
from restore.model.facts import SiteLooked
from restore.model.text import safe
from restore.report.expected import from_records
from restore.report.pop3 import restored
from restore.report.recovery import SERVICES, CustomerPart, Item, Recovery
from restore.report.things import fact_of_record, item_of, moment_of, question_item, server_of

SERVICE = {"mail": "mail", "database": "database", "account": "account", "undo": "database"}
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
            next((run.started for run in runs if run.event.command.split(" ")[0] == "run"), None),
            next((moment_of(run.event.lost) for run in reversed(runs) if run.event.lost is not None), None),
            newest.at if newest else None,
            from_records(_verified(reading, records, came)),
            restored(records),
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


def _verified(reading: Reading, records: Iterable[Record], came: Mapping[Key, datetime]) -> Iterator[Record]:
    """The newest end of each step of a verification; where its thing came back since then, the newest before that."""
    for record in records:
        if record.work != "verify":
            continue
        service = "mail" if "/mailbox/" in record.subject else "database"
        back = came.get((service, record.subject))
        before = Filter(key=record.key, kinds=("done", "partial", "failed"), until=back, limit=1)
        yield from reading.events(before) if back is not None and record.at >= back else (record,)


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
            sites[server_of(record.subject), safe(fact.customer)] = fact
        if record.customer and record.subject:
            names[server_of(record.subject), safe(record.customer)].add(record.customer)
    asked: defaultdict[str, list[QueueItem]] = defaultdict(list)
    for one in queue:
        if one.state is not ItemState.DONE or one.left:
            asked[safe(one.item.subject)].append(one)
    items: defaultdict[Key, list[Item]] = defaultdict(list)
    for thing, group in things.items():
        items[_owner(group)].append(item_of(thing, group, asked, came.get(thing)))
    shown = {id(one) for row in items.values() for item in row for one in item.questions}
    for one in queue:
        if one.state is not ItemState.DONE and one.item.cause != COMPLAINT and id(one) not in shown:
            items[server_of(one.item.subject), safe(one.item.customer)].append(question_item(one))
    contacts = {
        (server_of(one.item.subject), safe(one.item.customer)): safe(one.item.contact)
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
    ordered = tuple(sorted(items, key=lambda item: (item.here, SERVICES.index(item.service), item.name)))
    if site is None:
        return CustomerPart(*who, ordered, contact, names=frozenset(names))
    hosts = {claim.host for claim in site.claims if claim.host not in ("", "localhost", "127.0.0.1", "::1")}
    refused = (*site.refused, *(" ".join(lines) for lines in site.unclear))
    return CustomerPart(
        *who, ordered, contact, site.seen, refused, tuple(sorted(hosts)), frozenset({*names, site.customer})
    )


def _owner(group: Sequence[Record]) -> Key:
    newest = group[-1]
    return server_of(newest.subject), safe(newest.customer)
