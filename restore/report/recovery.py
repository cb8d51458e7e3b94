"""What came back and what did not, as nouns and sums: what every form of the report is written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from restore.ledger.queue import QueueItem
from restore.ledger.reading import Failure, Hand, Run, Tally
from restore.model.facts import Fact
from restore.model.text import safe
from restore.report.hope import Expected
from restore.report.pop3 import Downloader

SERVICES = ("mail", "database", "account")
TITLES = {"mail": "Mailboxes", "database": "Databases", "account": "MySQL accounts"}
SINGULAR = {"mail": "mailbox", "database": "database", "account": "MySQL account"}


class State(Enum):
    """Where a thing stands. BACK was read back and compared; PART is back but for the lines in `missing`."""

    BACK = "came back"
    PART = "came back in part"
    QUESTION = "waits for a person"
    ANSWERED = "answered, the next run acts on it"
    FAILED = "failed"
    UNFINISHED = "not finished"
    UNDONE = "put back as it was"
    LEFT = "left, as a person decided"


HERE = (State.BACK, State.PART)


@dataclass(frozen=True, slots=True)
class Item:
    """One mailbox, database or account. `at` is when it came back (UTC); `what` says in words what was read back,
    `fact` as it was recorded; `missing` each thing of it that did not come back, or why none of it did; `cause` a
    code of docs/errors.md or of a question; `taken` of what time a database's dump, or the newest message of a
    mailbox in the backup, is, where the ledger knows (UTC)."""

    service: str
    server: str
    name: str
    state: State
    at: datetime | None = None
    what: str = ""
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    cause: str = ""
    hint: str = ""
    kept: str = ""
    questions: tuple[QueueItem, ...] = ()
    fact: Fact | None = None
    taken: datetime | None = None

    @property
    def as_of(self) -> str:
        """What `taken` is the time of."""
        return "newest message in the backup of" if self.service == "mail" else "backup of"

    @property
    def here(self) -> bool:
        """Whether it, or part of it, is back."""
        return self.state in HERE


@dataclass(frozen=True, slots=True)
class CustomerPart:
    """All that the ledger knows of one customer, whose name is safe to show. `seen` is what lies in his home and is
    not restored yet, `refused` links not followed, `hosts` database host names his configs need. `names` holds
    every name of the ledger that is shown like this one."""

    server: str
    name: str
    items: tuple[Item, ...]
    contact: str = ""
    seen: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return f"{self.server}/{self.name}" if self.name else f"{self.server or '-'} (nobody's)"

    @property
    def back(self) -> tuple[Item, ...]:
        """What came back, wholly or in part."""
        return tuple(item for item in self.items if item.here)

    @property
    def gone(self) -> tuple[Item, ...]:
        """What did not come back."""
        return tuple(item for item in self.items if not item.here)

    @property
    def whole(self) -> bool:
        """Whether everything the ledger knows of him is back."""
        return all(item.state is State.BACK for item in self.items)


@dataclass(frozen=True, slots=True)
class Recovery:
    """The whole incident as one moment of the ledger tells it. `began` is the start of the first run, `lost` when the
    old servers were lost, as the incident file of the newest command states it; `forecast` what verifications let
    expect of each thing before it came back; `pop3` are the restored mailboxes that are read by POP3."""

    customers: tuple[CustomerPart, ...]
    runs: tuple[Run, ...]
    tallies: tuple[Tally, ...]
    failures: tuple[Failure, ...]
    queue: tuple[QueueItem, ...]
    hands: tuple[Hand, ...]
    head: str
    began: datetime | None = None
    lost: datetime | None = None
    latest: datetime | None = None
    forecast: tuple[Expected, ...] = ()
    pop3: tuple[Downloader, ...] = ()

    @property
    def items(self) -> tuple[Item, ...]:
        """Everything known, customer by customer."""
        return tuple(item for customer in self.customers for item in customer.items)


def pop3_of(recovery: Recovery, customer: CustomerPart) -> tuple[Downloader, ...]:
    """This customer's mailboxes that are read by POP3."""
    mine = {item.name for item in customer.items if item.service == "mail"}
    return tuple(
        one
        for one in recovery.pop3
        if safe(one.mailbox.server) == customer.server and safe(one.mailbox.address) in mine
    )


def sums(items: Iterable[Item]) -> dict[str, Counter[State]]:
    """How many things of each service stand where."""
    counted: dict[str, Counter[State]] = {service: Counter() for service in SERVICES}
    for item in items:
        counted[item.service][item.state] += 1
    return counted


@dataclass(frozen=True, slots=True)
class Spread:
    """Seconds, of so many things: the median, the 95th percentile, the longest."""

    count: int
    p50: float
    p95: float
    longest: float


def recovery_times(recovery: Recovery, service: str, lost: datetime | None = None) -> Spread | None:
    """The recovery time (RTO as it turned out) of what is wholly back, from the loss of the servers, or from the first
    run's start where no loss is stated; None where nothing is back."""
    before = (recovery.began - lost).total_seconds() if lost and recovery.began else 0.0
    seconds = [before + moment for moment in moments(recovery, service)]
    if not seconds:
        return None
    return Spread(len(seconds), rank(seconds, 50), rank(seconds, 95), seconds[-1])


def recovery_points(recovery: Recovery, lost: datetime, service: str = "database") -> Spread | None:
    """Seconds of each restored thing's life that its backup lacks (RPO as it turned out), where the servers were
    lost at `lost`; None where no backup's time is known. For mail it is the most that can be missing: the time since
    the newest message the backup holds."""
    seconds = sorted(
        max(0.0, (lost - item.taken).total_seconds())
        for item in recovery.items
        if item.here and item.taken is not None and item.service == service
    )
    return Spread(len(seconds), rank(seconds, 50), rank(seconds, 95), seconds[-1]) if seconds else None


def moments(recovery: Recovery, service: str) -> list[float]:
    """Seconds after the first run's start at which each wholly restored thing of a service was back, in order."""
    if recovery.began is None:
        return []
    return sorted(
        (item.at - recovery.began).total_seconds()
        for item in recovery.items
        if item.service == service and item.state is State.BACK and item.at is not None
    )


def rank(ordered: Sequence[float], percent: int) -> float:
    """The nearest-rank percentile of a sorted row that is not empty."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def by_cause(failures: Iterable[Failure]) -> list[tuple[str, str, list[Failure]]]:
    """Failures under their code and hint, the most frequent first."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        groups.setdefault((failure.failed.code, failure.failed.hint), []).append(failure)
    return [
        (code, hint, group) for (code, hint), group in sorted(groups.items(), key=lambda one: -len(one[1]))
    ]
