"""The ledger: what was done, when, by whom; only ever added to, on disk before anything follows from it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from restore.errors import Fenced, LedgerDamaged
from restore.ledger import chain, codec, store, traces
from restore.ledger.chain import Head
from restore.ledger.events import (
    IN_PART,
    NO_CONTEXT,
    STANDING,
    Answered,
    Asked,
    Claimed,
    Context,
    Dropped,
    Event,
    ItemEvent,
    LimitChanged,
    Released,
    Requested,
    RequestEnded,
    Settled,
    StepEvent,
    contexts,
    kind,
    read_event,
    replaces,
)
from restore.ledger.queue import Queue
from restore.ledger.reading import load_queue
from restore.ledger.store import Row, column, original
from restore.model.facts import Fact
from restore.model.operator import Operator
from restore.model.outcome import Answer, Done, Outcome, Partial, Unchanged
from restore.model.plan import Job
from restore.model.survey import Decision
from restore.model.text import safe

_INSERT = "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Ledger:
    """The one pen of an incident. Opened by the coordinator that holds the state folder's lock; one thread.

    Events are stamped with this coordinator's epoch and, unless `by` says otherwise, its operator. Tell
    about() each job before its first step begins, so that its events say of which job, customer and thing
    they are.
    """

    def __init__(self, connection: sqlite3.Connection, folder: Path, operator: Operator, epoch: int) -> None:
        self._connection = connection
        self._path = folder / store.NAME
        self._operator = operator
        self._epoch = epoch
        self._contexts: dict[str, Context] = {}
        self._queue = load_queue(connection)
        self._head = _head(connection)
        self.committed: Callable[[], None] = _nothing

    @classmethod
    def open(cls, folder: Path, operator: Operator, epoch: int) -> Ledger:
        """The ledger in the state folder, made (0600) if there is none.

        Raises StateUnsafe, StateUnwritable, LedgerDamaged, RecordUnreadable, and Fenced where a later epoch
        has already written."""
        connection = store.open_for_writing(folder)
        with store.translated(folder / store.NAME):
            latest = connection.execute("SELECT epoch FROM event ORDER BY seq DESC LIMIT 1").fetchone()
            if latest is not None and latest[0] > epoch:
                connection.close()
                raise Fenced(f"epoch {latest[0]} has written to the ledger; epoch {epoch} is over")
            return cls(connection, folder, operator, epoch)

    def about(self, job: Job) -> None:
        """Learn what the job's steps belong to."""
        self._contexts.update(contexts(job))

    def append_all(self, events: Iterable[Event], by: Operator | None = None) -> None:
        """Record all events in one commit, on disk when this returns; `by` is the asker of a request.

        A question that is known with the same evidence is left out. Raises ItemUnknown (nothing is recorded),
        StateUnwritable, Fenced where another coordinator has taken over."""
        with store.translated(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            committed = False
            try:
                for event in events:
                    for news in self._queue.news(event, self._context(event)):
                        self._append(news, by or self._operator)
                self._connection.execute("COMMIT")
                committed = True
            finally:
                if not committed:
                    self._take_back()
        self.committed()

    def done(self, in_part: tuple[str, ...] = ()) -> Mapping[str, Outcome]:
        """Every step key that stands done: its latest Done or Unchanged, unless it was undone or ended
        otherwise since; of the keys that begin like one of `in_part` the latest Partial too. A step that was only
        abandoned since stays done. Facts are read as asked for."""
        return Standing(self._connection, self._path, in_part)

    def facts(self, beginnings: Sequence[str]) -> tuple[Fact, ...]:
        """The facts of the steps that came through, wholly or in part, and whose keys begin like one of these,
        oldest first."""
        query = (
            "SELECT body FROM event WHERE seq IN (SELECT seq FROM step WHERE kind IN (?, ?, ?) AND EXISTS"
            " (SELECT 1 FROM json_each(?) WHERE substr(step.key, 1, length(value)) = value)) ORDER BY seq"
        )
        with store.translated(self._path):
            wanted = (*STANDING, IN_PART, json.dumps(list(beginnings)))
            rows = self._connection.execute(query, wanted).fetchall()
        outcomes = (read_event(body) for (body,) in rows)
        return tuple(outcome.fact for outcome in outcomes if isinstance(outcome, Done | Unchanged | Partial))

    def step_keys(self, beginning: str, *kinds: str) -> frozenset[str]:
        """The keys that begin so of all steps; with `kinds`, of those that stand there."""
        with store.translated(self._path):
            return traces.step_keys(self._connection, beginning, kinds)

    def open_requests(self) -> tuple[tuple[Requested, Operator], ...]:
        """What was asked of earlier runs and has not come to its end, with who asked, oldest first."""
        with store.translated(self._path):
            return tuple(traces.open_requests(self._connection))

    def ending(self) -> str:
        """Who closed the incident, or began to, and when; "" where nobody did."""
        with store.translated(self._path):
            return traces.ending(self._connection)

    def answers(self) -> Mapping[str, Answer]:
        """What persons settled, by item id: evidence for the next survey."""
        return self._queue.answers()

    def drops(self) -> Mapping[str, str]:
        """What persons decided to leave, by item id, with their reasons."""
        return self._queue.drops()

    def decisions(self) -> tuple[Decision, ...]:
        """Answers and drops together, in the order they were made: what the survey hands to the plan."""
        return self._queue.decisions()

    @property
    def queue(self) -> Queue:
        """The manual queue as it stands."""
        return self._queue

    @property
    def head(self) -> Head:
        """The end of the chain, to be copied elsewhere."""
        return Head(self._head[0], self._head[1].hex())

    def close(self) -> None:
        """Close the file; everything recorded is on disk already."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _context(self, event: Event) -> Context:
        match event:
            case Asked(step=step):
                return self._contexts.get(step, NO_CONTEXT)
            case _ if isinstance(event, StepEvent):
                return self._contexts.get(event.key, NO_CONTEXT)
            case _:
                return NO_CONTEXT

    def _append(self, event: Event, by: Operator) -> None:
        context = self._context(event)
        key, customer, subject = self._named(event, context)
        row: Row = (
            self._head[0] + 1,
            store.stamp(datetime.now(UTC)),
            self._epoch,
            kind(event),
            column(key),
            column(context.job),
            column(context.work),
            column(customer),
            column(subject),
            column(by.name),
            column(by.origin),
            by.uid,
            by.pid,
            column(by.host),
            codec.encode(event),
        )
        digest = chain.link(self._head[1], row)
        self._connection.execute(_INSERT, (*row, digest))
        self._head = (row[0], digest)
        if isinstance(event, ItemEvent):
            self._queue.apply(event, by.name)
        elif isinstance(event, StepEvent):
            self._stand(row)

    def _named(self, event: Event, context: Context) -> tuple[str, str, str]:
        """Key, customer and subject of an event."""
        match event:
            case Asked(item=item):
                return item.id, item.customer, item.subject
            case Answered(answer=Answer(item=name)):
                pass
            case Dropped(item=name) | Settled(item=name) | Claimed(item=name) | Released(item=name):
                pass
            case _ if isinstance(event, StepEvent):
                return event.key, context.customer, context.subject
            case Requested(id=name, customer=customer):
                return name, customer, ""
            case RequestEnded(id=name):
                return name, "", ""
            case LimitChanged(resource=name):
                return "", "", name
            case _:
                return "", "", ""
        asked = self._queue.get(name).item
        return asked.id, asked.customer, asked.subject

    def _stand(self, row: Row) -> None:
        """Keep the sums: where the step stands now, and how many stand where."""
        seq, new, key, work = row[0], row[3], row[4], row[6]
        old = self._connection.execute("SELECT kind, work FROM step WHERE key = ?", (key,)).fetchone()
        if old is not None:
            if not replaces(new, old[0]):
                return
            self._connection.execute(
                "UPDATE tally SET steps = steps - 1 WHERE work = ? AND kind = ?", (old[1], old[0])
            )
        self._connection.execute("INSERT OR REPLACE INTO step VALUES (?, ?, ?, ?)", (key, seq, new, work))
        self._connection.execute(
            "INSERT INTO tally VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET steps = steps + 1", (work, new)
        )

    def _take_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._queue = load_queue(self._connection)
        self._head = _head(self._connection)


def _nothing() -> None:
    """Nobody wants to hear of commits."""


class Standing(Mapping[str, Outcome]):
    """Steps that stand done. Keys are held, facts are read from the ledger as they are asked for."""

    def __init__(self, connection: sqlite3.Connection, path: Path, in_part: tuple[str, ...] = ()) -> None:
        self._connection = connection
        self._path = path
        query = (
            "SELECT key, seq FROM step WHERE kind IN (?, ?) OR kind = ? AND EXISTS"
            " (SELECT 1 FROM json_each(?) WHERE substr(step.key, 1, length(value)) = value)"
        )
        wanted = (*STANDING, IN_PART, json.dumps(in_part))
        with store.translated(path):
            self._seqs: dict[str, int] = dict(connection.execute(query, wanted))

    def __getitem__(self, key: str) -> Outcome:
        seq = self._seqs[column(key)]
        with store.translated(self._path):
            (body,) = self._connection.execute("SELECT body FROM event WHERE seq = ?", (seq,)).fetchone()
        outcome = read_event(body)
        if not isinstance(outcome, Outcome):
            raise LedgerDamaged(f"{self._path}: event {seq:,} is not how step {safe(key)} ended")
        return outcome

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and column(key) in self._seqs

    def __iter__(self) -> Iterator[str]:
        return map(original, self._seqs)

    def __len__(self) -> int:
        return len(self._seqs)


def _head(connection: sqlite3.Connection) -> tuple[int, bytes]:
    found = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
    return (0, chain.GENESIS) if found is None else found
