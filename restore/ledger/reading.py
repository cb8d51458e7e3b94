"""The ledger read by everyone else while a run is on: status, log, the queue's lists, the report."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from restore.ledger import chain, store, traces
from restore.ledger.chain import Head
from restore.ledger.events import (
    ITEM_KINDS,
    Event,
    ItemEvent,
    RunEnded,
    RunStarted,
    kind,
    read_event,
)
from restore.ledger.queue import ItemState, Queue, QueueItem
from restore.model.facts import Fact
from restore.model.operator import Operator
from restore.model.outcome import Failed


@dataclass(frozen=True, slots=True)
class Record:
    """An event with its circumstances. `at` in UTC; `work` is the job's kind."""

    seq: int
    at: datetime
    epoch: int
    kind: str
    key: str
    job: str
    work: str
    customer: str
    subject: str
    operator: Operator
    event: Event


@dataclass(frozen=True, slots=True)
class Run:
    """The latest run. `ended` is None while it is on, or where it was killed (the lock tells which);
    `latest` is the time of the newest event."""

    epoch: int
    operator: Operator
    started: datetime
    event: RunStarted
    latest: datetime
    ended: datetime | None = None
    because: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """So many steps of that kind of work stand there: started (and not ended), done, unchanged, partial,
    failed, abandoned, manual or undone."""

    work: str
    kind: str
    steps: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A step whose latest end is a failure, with its code, words and hint."""

    record: Record
    failed: Failed


@dataclass(frozen=True, slots=True)
class Mark:
    """When a step began or ended, and how, without what it found."""

    key: str
    kind: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Hand:
    """How many events of a kind (about that kind of work) stand under one operator's name, and when."""

    operator: str
    host: str
    kind: str
    work: str
    events: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events: all that match everything stated. `kinds` as in the ledger ("failed"); `since` inclusive,
    `until` exclusive; with `limit` only the newest so many."""

    customer: str | None = None
    operator: str | None = None
    kinds: tuple[str, ...] = ()
    key: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    limit: int | None = None


EVERYTHING = Filter()


class Reading:
    """A read-only view of a state folder's ledger. Each call sees the ledger as of that moment, whole commits
    only, and never holds up the writer. One thread."""

    def __init__(self, connection: sqlite3.Connection, folder: Path) -> None:
        self._connection = connection
        self._path = folder / store.NAME

    @classmethod
    def open(cls, folder: Path) -> Reading:
        """Raises LedgerMissing, LedgerDamaged."""
        return cls(store.open_for_reading(folder), folder)

    def run(self) -> Run | None:
        """The latest run, None where there was none."""
        began = self._newest(Filter(kinds=(kind(RunStarted),)))
        newest = self._newest(EVERYTHING)
        if began is None or newest is None or not isinstance(began.event, RunStarted):
            return None
        end = self._newest(Filter(kinds=(kind(RunEnded),)))
        run = Run(began.epoch, began.operator, began.at, began.event, newest.at)
        if end is None or end.seq < began.seq or not isinstance(end.event, RunEnded):
            return run
        return replace(run, ended=end.at, because=end.event.because)

    def epoch(self) -> int:
        """The latest coordinator's epoch, 0 where none has written."""
        newest = self._newest(EVERYTHING)
        return newest.epoch if newest else 0

    def tallies(self) -> tuple[Tally, ...]:
        """Where all steps stand, per kind of work."""
        rows = self._select("SELECT work, kind, steps FROM tally WHERE steps > 0 ORDER BY work, kind")
        return tuple(Tally(str(work), str(kind), int(str(steps))) for work, kind, steps in rows)

    def failures(self, limit: int | None = None) -> tuple[Failure, ...]:
        """Steps that stand failed, the newest first."""
        rows = self._select(
            "SELECT * FROM event WHERE seq IN "
            "(SELECT seq FROM step WHERE kind = ? ORDER BY seq DESC LIMIT ?) ORDER BY seq DESC",
            kind(Failed),
            -1 if limit is None else limit,
        )
        return tuple(
            Failure(record, record.event) for record in map(_record, rows) if isinstance(record.event, Failed)
        )

    def events(self, which: Filter = EVERYTHING) -> Iterator[Record]:
        """Events that match, oldest first."""
        clauses, values = _where(which)
        query = f"SELECT * FROM event WHERE {clauses} ORDER BY seq"  # noqa: S608 -- clauses are _where's own
        if which.limit is not None:
            query = f"SELECT * FROM ({query} DESC LIMIT ?) ORDER BY seq"  # noqa: S608 -- the same
            values.append(which.limit)
        return map(_record, self._select(query, *values))

    def standing(self) -> Iterator[Record]:
        """The event that says where each step stands, oldest first."""
        query = "SELECT * FROM event WHERE seq IN (SELECT seq FROM step) ORDER BY seq"
        return map(_record, self._select(query))

    def marks(self, *kinds: str) -> Iterator[Mark]:
        """The steps' events of these kinds, oldest first."""
        query = (
            "SELECT key, kind, at FROM event WHERE kind IN (SELECT value FROM json_each(?)) AND key <> ''"
            " ORDER BY seq"
        )
        for key, name, at in self._select(query, json.dumps(kinds)):
            yield Mark(store.original(str(key)), str(name), datetime.fromisoformat(str(at)))

    def hands(self) -> tuple[Hand, ...]:
        """Who did how much of what, in the order they came."""
        query = (
            "SELECT operator, host, kind, work, count(*), min(at), max(at) FROM event"
            " GROUP BY operator, host, kind, work ORDER BY min(seq)"
        )
        return tuple(
            Hand(store.original(str(operator)), store.original(str(host)), str(name), str(work), int(str(count)),
                 datetime.fromisoformat(str(first)), datetime.fromisoformat(str(last)))
            for operator, host, name, work, count, first, last in self._select(query)
        )  # fmt: skip

    def step_keys(self, beginning: str, *kinds: str) -> frozenset[str]:
        """The keys that begin so of all steps; with `kinds`, of those that stand there."""
        with store.translated(self._path):
            return traces.step_keys(self._connection, beginning, kinds)

    def facts_ever(self, beginning: str) -> tuple[Fact, ...]:
        """The fact of every time that a step whose key begins so came through, oldest first."""
        with store.translated(self._path):
            return tuple(traces.facts_ever(self._connection, beginning))

    def ending(self) -> str:
        """Who closed the incident, or began to, and when; "" where nobody did."""
        with store.translated(self._path):
            return traces.ending(self._connection)

    @contextmanager
    def still(self) -> Iterator[None]:
        """All calls within see the ledger as of one moment, so that their sums agree."""
        with store.translated(self._path):
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("ROLLBACK")

    def queue(self) -> Queue:
        """The manual queue as it stands."""
        with store.translated(self._path):
            return load_queue(self._connection)

    def items(self, *states: ItemState) -> tuple[QueueItem, ...]:
        """The queue's items in these states (all where none is named), in the order they were first asked."""
        return tuple(item for item in self.queue() if not states or item.state in states)

    def history(self, item: str) -> tuple[Record, ...]:
        """All that happened to one item of the queue; raises ItemUnknown."""
        whole = self.queue().find(item).item.id
        return tuple(self.events(Filter(key=whole, kinds=ITEM_KINDS)))

    def verify_chain(self, *copies: Head) -> Head:
        """Recompute every hash, and the sums from the events; the head. Raises LedgerDamaged, naming the first
        event that is not what was recorded, or a copy of the head that the ledger does not contain."""
        with store.translated(self._path):
            return chain.verify(self._connection, self._path, copies)

    def close(self) -> None:
        """Close the view."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _select(self, query: str, *values: object) -> Iterator[tuple[object, ...]]:
        with store.translated(self._path):
            # Not `yield from`: that closes the cursor of a reader who stopped early, after the connection.
            for row in self._connection.execute(query, values):  # noqa: UP028
                yield row

    def _newest(self, which: Filter) -> Record | None:
        return next(self.events(replace(which, limit=1)), None)


def load_queue(connection: sqlite3.Connection) -> Queue:
    """The manual queue, told by the events in the ledger."""
    queue = Queue()
    rows = connection.execute(
        "SELECT body, operator FROM event WHERE kind IN (?, ?, ?, ?, ?, ?) ORDER BY seq", ITEM_KINDS
    )
    for body, operator in rows:
        event = read_event(body)
        if isinstance(event, ItemEvent):
            queue.apply(event, operator)
    return queue


def _record(row: tuple[object, ...]) -> Record:
    seq, at, epoch, name, *texts, uid, pid, host, body, _ = row
    key, job, work, customer, subject, operator, origin = (store.original(str(text)) for text in texts)
    who = Operator(operator, origin, int(str(uid)), int(str(pid)), store.original(str(host)))
    return Record(
        int(str(seq)),
        datetime.fromisoformat(str(at)),
        int(str(epoch)),
        str(name),
        key,
        job,
        work,
        customer,
        subject,
        who,
        read_event(str(body)),
    )


def _where(which: Filter) -> tuple[str, list[object]]:
    """The filter as SQL and its values."""
    stated: list[tuple[str, object]] = []
    if which.customer is not None:
        stated.append(("customer = ?", store.column(which.customer)))
    if which.operator is not None:
        stated.append(("operator = ?", store.column(which.operator)))
    if which.key is not None:
        stated.append(("key = ?", store.column(which.key)))
    if which.since is not None:
        stated.append(("at >= ?", store.stamp(which.since)))
    if which.until is not None:
        stated.append(("at < ?", store.stamp(which.until)))
    clauses = [clause for clause, _ in stated]
    if which.kinds:
        clauses.append(f"kind IN ({', '.join('?' * len(which.kinds))})")
    return " AND ".join(clauses) or "1", [*(value for _, value in stated), *which.kinds]
