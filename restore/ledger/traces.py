"""What the ledger knows of steps by the beginnings of their keys: every key there ever was, every fact."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence

from restore.ledger import store
from restore.ledger.events import (
    IN_PART,
    STANDING,
    Closed,
    Closing,
    Requested,
    RequestEnded,
    kind,
    read_event,
)
from restore.model.facts import Fact
from restore.model.operator import Operator
from restore.model.outcome import Outcome, fact_of
from restore.model.text import safe

ENDING = (kind(Closing), kind(Closed))
LAST = "\U0010ffff"


def step_keys(connection: sqlite3.Connection, beginning: str, kinds: Sequence[str] = ()) -> frozenset[str]:
    """The keys that begin so of all steps that were ever begun or planned; with `kinds`, of those that stand there."""
    query = "SELECT key FROM step WHERE key >= ? AND key < ?"
    values: list[str] = [beginning, beginning + LAST]
    if kinds:
        query += " AND kind IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(list(kinds)))
    return frozenset(store.original(key) for (key,) in connection.execute(query, values))


def facts_ever(connection: sqlite3.Connection, beginning: str) -> Iterator[Fact]:
    """The fact of every time that a step whose key begins so came through, oldest first."""
    rows = connection.execute(
        "SELECT body FROM event WHERE kind IN (?, ?, ?) AND key >= ? AND key < ? ORDER BY seq",
        (*STANDING, IN_PART, beginning, beginning + LAST),
    )
    for (body,) in rows:
        event = read_event(body)
        fact = fact_of(event) if isinstance(event, Outcome) else None
        if fact is not None:
            yield fact


def open_requests(connection: sqlite3.Connection) -> Iterator[tuple[Requested, Operator]]:
    """What was asked of runs and has not come to its end, with who asked, oldest first."""
    rows = connection.execute(
        "SELECT body, operator, origin, uid, pid, host FROM event AS asked WHERE kind = ? AND NOT EXISTS"
        " (SELECT 1 FROM event WHERE kind = ? AND key = asked.key AND seq > asked.seq) ORDER BY seq",
        (kind(Requested), kind(RequestEnded)),
    )
    for body, name, origin, uid, pid, host in rows:
        event = read_event(body)
        if isinstance(event, Requested):
            who = Operator(store.original(name), store.original(origin), uid, pid, store.original(host))
            yield event, who


def ending(connection: sqlite3.Connection) -> str:
    """Who closed the incident, or began to, and when; "" where nobody did."""
    row = connection.execute(
        "SELECT kind, at, operator, host FROM event WHERE kind IN (?, ?) ORDER BY seq DESC LIMIT 1", ENDING
    ).fetchone()
    if row is None:
        return ""
    done = "was closed" if row[0] == kind(Closed) else "is being closed, a `bulkrestore close` was begun"
    return (
        f"the incident {done} by {safe(store.original(row[2]))} on {safe(store.original(row[3]))} at {row[1]}"
    )
