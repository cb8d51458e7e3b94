"""A whole small night in memory: a wrecked company, one coordinator, and every moment at which it can be killed."""

from __future__ import annotations

import copy
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from random import Random

from detectors.finding import Secret
from restore.ledger.events import Answered, Dropped, Event, RunEnded, RunStarted, kind
from restore.ledger.ledger import Ledger
from restore.ledger.queue import ItemState, QueueItem
from restore.model.facts import Fact, SiteLooked
from restore.model.mail import INBOX
from restore.model.mysql import AccountName, DatabaseId
from restore.model.operator import Operator
from restore.model.outcome import Answer, Outcome, fact_of
from restore.model.plan import Plan, Step
from restore.model.ports import Systems
from restore.model.text import safe
from restore.plan.bulk import BulkPlan, capacity
from restore.plan.undo import UndoPlan
from restore.run.apply import Patience, apply
from restore.run.crew import InlineCrew
from restore.run.execute import execute
from restore.systems.staging import StagingFolder
from restore.wiring import Office as Coordinator
from tests.memory.cut import Cut
from tests.memory.database import MemoryDatabaseServer
from tests.memory.desk import MemoryDesk, Office
from tests.memory.mail import MemoryMail
from tests.memory.systems import GivenSystems
from tests.run.wreck import incident, landed, live_databases, live_mail, wreck

OPERATOR = Operator("ada", "--operator", 0, 1, "host")
AT_ONCE = Patience(tries=2, first=0.0)
STAND_IN = "br_def_"


def _nothing() -> None:
    """Watch nothing."""


@dataclass(slots=True)
class Moments:
    """Every moment of a run at which its process can be killed, by name; it is killed at the `cut_at`th (0: never)."""

    cut_at: int = 0
    watch: Callable[[], None] = _nothing
    names: list[str] = field(default_factory=list)

    def one(self, *words: str) -> None:
        """A moment passes; `watch` is told of each."""
        self.names.append(" ".join(words))
        self.watch()
        if len(self.names) == self.cut_at:
            raise Cut(self.names[-1])


class CutLedger(Ledger):
    """The real ledger, with a moment before each event of a commit and one after the commit."""

    moments = Moments()

    def append_all(self, events: Iterable[Event], by: Operator | None = None) -> None:
        super().append_all(self._each(events), by)
        self.moments.one("after the commit")

    def _each(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            self.moments.one("before recording", kind(event), str(getattr(event, "key", "")))
            yield event


class NightCoordinator(Coordinator):
    """The real coordinator's reading, remembering and surveying, on systems in memory."""

    def __init__(self, ledger: Ledger, systems: GivenSystems) -> None:
        self.incident = incident()
        self.ledger = ledger
        self._systems = systems  # type: ignore[assignment]
        self._index = None


PlanOf = Callable[[Coordinator], Plan]


def bulk(office: Coordinator) -> Plan:
    """What `run` does."""
    return BulkPlan(office.incident, office.survey())


def bulk_again(office: Coordinator) -> Plan:
    """What `run --again` does."""
    return BulkPlan(office.incident, office.survey(again=True))


def undo(*names: DatabaseId) -> PlanOf:
    """What `undo` does; what a cut undo has put back already is left out."""
    return lambda office: UndoPlan(names, office.remembered(), office.owners())


@dataclass(slots=True)
class Night:
    """All that outlives a killed process. `folder` holds staging and, where `disk`, the ledger."""

    folder: Path
    disk: bool = False
    mail: MemoryMail = field(default_factory=live_mail)
    databases: dict[str, MemoryDatabaseServer] = field(default_factory=live_databases)
    office: Office = field(default_factory=Office)
    memory: sqlite3.Connection | None = None
    epoch: int = 0

    def __post_init__(self) -> None:
        if self.memory is None:
            self.memory = _connection()
            self.memory.executescript(
                resources.files("restore.ledger").joinpath("schema.sql").read_text("utf-8")
            )

    def copy(self, folder: Path, *, disk: bool = False) -> Night:
        """The same state once more; with `disk`, its ledger begins empty in a file."""
        assert self.memory is not None
        memory = _connection()
        self.memory.backup(memory)
        self._watch(Moments())
        mail, databases, office = copy.deepcopy((self.mail, self.databases, self.office))
        return Night(folder, disk, mail, databases, office, memory, self.epoch)

    def run(
        self,
        plan_of: PlanOf = bulk,
        moments: Moments | None = None,
        *,
        chance: Random | None = None,
        again: bool = False,
    ) -> dict[str, Outcome]:
        """One process: to its end, or to the moment at which it is killed. How its steps ended."""
        moments = moments or Moments()
        ends: dict[str, Outcome] = {}
        with self._ledger(moments) as ledger:
            try:
                self._work(ledger, moments, plan_of, chance, again, ends)
            except Cut:
                assert moments.cut_at
        return ends

    def _work(
        self,
        ledger: Ledger,
        moments: Moments,
        plan_of: PlanOf,
        chance: Random | None,
        again: bool,
        ends: dict[str, Outcome],
    ) -> None:
        systems = self._watch(moments)
        office = NightCoordinator(ledger, systems)
        ledger.append_all([RunStarted(incident().digest, "run")])
        plan = plan_of(office)
        crew = InlineCrew(_act, systems, chance)
        for event in execute(plan, office.pen(again=again), crew, capacity(incident())):
            if isinstance(event, Outcome):
                ends[event.key] = event
        ledger.append_all([RunEnded("ended")])

    def deliver(self, address: str, number: int) -> None:
        """New mail comes in."""
        self.mail.box(address).folders[INBOX].add(landed(number))

    def settle(self, choices: dict[str, Answer | None]) -> None:
        """A person answers (or, with None, drops) the open questions about these subjects."""
        with self._ledger(Moments()) as ledger:
            for one in [item for item in ledger.queue if item.state is ItemState.OPEN]:
                about = one.item.subject
                if about in choices:
                    ledger.append_all([_settled(one, choices[about])])

    def decide(self, item: str, answer: Answer) -> None:
        """A person answers a question, settled already or not."""
        with self._ledger(Moments()) as ledger:
            ledger.append_all([Answered(replace(answer, item=item))])

    def password(self, secret: bytes) -> str:
        """Keep a person's password in the vault; its id."""
        return MemoryDesk(self.office).put_secret("queue answer", "answered password", Secret(secret))

    def queue(self) -> Sequence[QueueItem]:
        """Every question of the manual queue."""
        with self._ledger(Moments()) as ledger:
            return tuple(ledger.queue)

    def open(self) -> Sequence[tuple[str, str]]:
        """What waits for a person: cause and subject."""
        items = [one.item for one in self.queue() if one.state is ItemState.OPEN]
        return sorted((item.cause, item.subject) for item in items)

    def left(self) -> object:
        """All that the next process would find, but for UIDs and times; None within a commit, which would be taken
        back."""
        assert self.memory is not None
        if self.memory.in_transaction:
            return None
        with self._ledger(Moments()) as ledger:
            seq = ledger.head.seq
        return seq, copy.deepcopy(self.office.journals), self.end()

    def end(self) -> dict[str, object]:
        """All that a person could see: servers, manual queue, standing steps, vault and what lies in staging."""
        with self._ledger(Moments()) as ledger:
            queue = {
                item.item.id: (item.item, item.state, self._plain(item.answer), item.reason)
                for item in ledger.queue
            }
            standing = {key: self._shown(fact_of(one)) for key, one in ledger.done().items()}
        return {
            "mail": {
                (address, path): Counter(folder.messages.values())
                for address, box in self.mail.boxes.items()
                for path, folder in box.folders.items()
            },
            "subscribed": {address: frozenset(box.subscribed) for address, box in self.mail.boxes.items()},
            "databases": {
                (server.name, name): (server.tables(name), dict(schema.objects), dict(schema.aside))
                for server in self.databases.values()
                for name, schema in server.schemas.items()
            },
            "accounts": {
                (server.name, account): (
                    state.locked,
                    frozenset(state.databases),
                    _verifier(account, state.verifier),
                )
                for server in self.databases.values()
                for account, state in server.accounts.items()
            },
            "queue": queue,
            "standing": standing,
            "vault": Counter(self.office.secrets.values()),
            "staging": sorted(path.stat().st_size for path in self.folder.glob("staging/*")),
        }

    def _ledger(self, moments: Moments) -> Ledger:
        """The ledger as the next process finds it."""
        self.epoch += 1
        if self.disk:
            ledger: Ledger = CutLedger.open(self.folder / "state", OPERATOR, self.epoch)
        else:
            assert self.memory is not None
            ledger = _Kept(self.memory, self.folder, OPERATOR, self.epoch)
        ledger.moments = moments  # type: ignore[attr-defined]
        return ledger

    def _watch(self, moments: Moments) -> GivenSystems:
        """All systems, every act of which is a moment."""
        source = wreck()
        source.hook = lambda operation, path: (
            moments.one(operation, safe(path)) if operation == "stream" else None
        )
        self.mail.hook = moments.one
        for server in self.databases.values():
            server.hook = moments.one
        desk = MemoryDesk(self.office, hook=moments.one)
        staging = StagingFolder(self.folder / "staging")
        return GivenSystems(desk, {"backup": source}, {"mail1": self.mail}, self.databases, staging)

    def _shown(self, fact: Fact | None) -> object:
        """A fact with the secrets that its random ids mean."""
        if not isinstance(fact, SiteLooked):
            return fact
        claims = [
            (replace(one, verifier_id=""), self.office.secrets.get(one.verifier_id)) for one in fact.claims
        ]
        return replace(fact, claims=()), claims

    def _plain(self, answer: Answer | None) -> object:
        return answer and (replace(answer, password_id=""), self.office.secrets.get(answer.password_id))


class _Kept(CutLedger):
    """A ledger in memory: its connection outlives the process."""

    def close(self) -> None:
        """Nothing of it is given back."""


def _connection() -> sqlite3.Connection:
    return sqlite3.connect(":memory:", isolation_level=None)


def _act(step: Step, systems: Systems) -> Outcome:
    return apply(step, systems, AT_ONCE)


def _settled(one: QueueItem, answer: Answer | None) -> Event:
    if answer is None:
        return Dropped(one.item.id, "not wanted")
    return Answered(replace(answer, item=one.item.id, subject=one.item.subject))


def _verifier(account: AccountName, verifier: bytes) -> bytes:
    return b"random" if account.user.startswith(STAND_IN) else verifier
