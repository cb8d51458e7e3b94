"""A whole small night in memory: two wrecked servers, live ones into which life has come already, one coordinator.

The wreck holds what a real night holds: mail of which copies are live already, a folder the live server has not,
sites whose login is plain, missing, another's or new; dumps with a trigger and a view, a damaged one with an older
one beside it, one with a function that is never made; one database name on both servers; a live database that
holds other data.
"""

from __future__ import annotations

import copy
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib import resources
from pathlib import Path
from random import Random

from detectors.finding import Secret
from restore.ledger.events import Answered, Dropped, Event, RunEnded, RunStarted, kind
from restore.ledger.ledger import Ledger
from restore.ledger.queue import ItemState, QueueItem
from restore.model.facts import Fact, SiteLooked
from restore.model.incident import Incident
from restore.model.mail import INBOX, NewMessage
from restore.model.message import canonical
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
from tests.memory.database import MemoryDatabaseServer, MemorySchema, MemoryTable
from tests.memory.desk import MemoryDesk, Office
from tests.memory.mail import MemoryMail
from tests.memory.source import File, MemorySource, Node
from tests.memory.systems import GivenSystems
from tests.plan.company import incident as company
from tests.systems.dumps import HEAD, dump

DAY = 1_600_000_000
OPERATOR = Operator("ada", "--operator", 0, 1, "host")
AT_ONCE = Patience(tries=2, first=0.0)
STAND_IN = "br_def_"
ADDRESS = "info@alice.test"

CUSTOMERS_1 = b"""customer,home,domains,mailboxes,databases,contact,phone
alice,,alice.test,info@alice.test,shop,alice@x.test,1
bob,,bob.test,bob@bob.test,bobsite,bob@x.test,2
carol,,carol.test,,carol,carol@x.test,3
dave,,dave.test,,davedb,dave@x.test,4
erin,,erin.test,,erindb,erin@x.test,5
gina,,gina.test,,wordpress,gina@x.test,6
hank,,hank.test,gone@hank.test,hankdb,hank@x.test,7
"""
CUSTOMERS_2 = b"""customer,home,domains,mailboxes,databases,contact,phone
frank,,frank.test,frank@frank.test,wordpress,frank@x.test,8
"""


def mail(number: int) -> bytes:
    """A mail as a Maildir keeps it."""
    return b"Message-ID: <%d@night.test>\nSubject: mail %d\n\nbody %d\n" % (number, number, number)


def table(name: str, *rows: str) -> bytes:
    """A table of a dump; each row is its second column."""
    values = ",\n".join(f"({number},'{row}')" for number, row in enumerate(rows, 1))
    return (
        f"DROP TABLE IF EXISTS `{name}`;\nCREATE TABLE `{name}` (\n  `id` int(11) NOT NULL,\n"
        f"  `text` varchar(200) NOT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n"
        f"INSERT INTO `{name}` VALUES\n{values};\n"
    ).encode()


def objects(name: str) -> bytes:
    """A trigger and a view on a table."""
    return (
        f"DELIMITER ;;\nCREATE DEFINER=`root`@`localhost` TRIGGER `stamp` BEFORE INSERT ON `{name}`\n"
        f"FOR EACH ROW BEGIN SET NEW.text = TRIM(NEW.text); END ;;\nDELIMITER ;\n"
        f"CREATE DEFINER=`root`@`localhost` VIEW `texts` AS select `text` from `{name}`;\n"
    ).encode()


REFUSED = b"CREATE FUNCTION `shell` RETURNS INTEGER SONAME 'lib_mysqludf_sys.so';\n"


def blog(user: str, *rows: str) -> bytes:
    """The dump of a WordPress database."""
    return dump(table("wp_options", f"of {user}"), table("wp_posts", *rows), objects("wp_posts"))


def wordpress(database: str, user: str) -> bytes:
    """A wp-config.php."""
    return (
        f"<?php\ndefine('DB_NAME', '{database}');\ndefine('DB_USER', '{user}');\n"
        f"define('DB_PASSWORD', 'pw of {user}');\ndefine('DB_HOST', 'localhost');\n$table_prefix = 'wp_';\n"
    ).encode()


JOOMLA = b"""<?php
class JConfig {
	public $dbtype = 'mysqli';
	public $host = 'localhost';
	public $user = 'bob_j';
	public $password = 'pw of bob_j';
	public $db = 'bobsite';
	public $dbprefix = 'jos_';
}
"""


def _wreck() -> dict[bytes, Node]:
    sites = {
        b"web1/home/alice/public_html/wp-config.php": wordpress("shop", "alice_wp"),
        b"web1/home/bob/public_html/configuration.php": JOOMLA,
        b"web1/home/bob/public_html/includes/defines.php": b"<?php\n",
        b"web1/home/bob/public_html/libraries/index.html": b"",
        b"web1/home/carol/public_html/index.php": b"<?php require 'secret.phar';\n",
        b"web1/home/dave/public_html/wp-config.php": wordpress("shop", "dave_wp"),
        b"web1/home/erin/public_html/wp-config.php": wordpress("erindb", "erin_wp"),
        b"web1/home/gina/public_html/wp-config.php": wordpress("wordpress", "wp"),
        b"web1/home/hank/public_html/wp-config.php": wordpress("hankdb", "hank_wp"),
        b"web2/home/frank/public_html/wp-config.php": wordpress("wordpress", "wp").replace(b"pw of", b"his"),
    }
    dumps = {
        b"web1/var/backups/mysql/shop.sql": blog("alice", "one", "two"),
        b"web1/var/backups/mysql/bobsite.sql": dump(table("jos_extensions", "x"), table("jos_content", "y")),
        b"web1/var/backups/mysql/carol.sql": dump(table("things", "a", "b", "c"), REFUSED, objects("things")),
        b"web1/var/backups/mysql/davedb.sql": blog("dave", "his own"),
        b"web1/var/backups/mysql/erindb.sql": HEAD + table("wp_options", "of erin") + table("wp_posts")[:60],
        b"web1/var/backups/mysql/wordpress.sql": blog("gina", "gina's".replace("'", "")),
        b"web1/var/backups/mysql/hankdb.sql": blog("hank", "old", "older"),
        b"web2/var/backups/mysql/wordpress.sql": blog("frank", "of frank"),
    }
    boxes = {
        b"web1/var/vmail/alice.test/info/Maildir/": (1, 2, 3, 3),
        b"web1/var/vmail/alice.test/info/Maildir/.Archive.2016/": (4, 5),
        b"web1/var/vmail/bob.test/bob/Maildir/": (6,),
        b"web1/var/vmail/hank.test/gone/Maildir/": (7,),
        b"web2/var/vmail/frank.test/frank/Maildir/": (8, 9),
        b"web2/var/vmail/frank.test/frank/Maildir/.Sent/": (9,),
    }
    files: dict[bytes, Node] = {path: File(data, DAY) for path, data in {**sites, **dumps}.items()}
    files[b"web1/var/backups/mysql/erindb.sql.gz"] = File(blog("erin", "from an older night"), DAY - 86_400)
    files[b"web1/customers.csv"] = File(CUSTOMERS_1, DAY)
    files[b"web2/customers.csv"] = File(CUSTOMERS_2, DAY)
    files[b"web1/var/vmail/alice.test/info/Maildir/subscriptions"] = File(b"Archive.2016\n", DAY)
    for folder, numbers in boxes.items():
        for place, number in enumerate(numbers):
            files[folder + b"cur/%d.%d.web:2,S" % (number, place)] = File(mail(number), DAY + number)
    files[b"web1/var/vmail/bob.test/bob/Maildir/cur/77.x.web:2,"] = File(b"lost", DAY, readable=False)
    return files


@cache
def wreck() -> MemorySource:
    """The backup; nothing ever changes in it."""
    return MemorySource("backup", _wreck())


@cache
def incident() -> Incident:
    """The incident file: the second server's databases may go to either target."""
    bare = company(web2=("db1", "db2"))
    return replace(bare, sources=tuple(replace(one, copies=2) for one in bare.sources), workers=3)


def _landed(number: int) -> NewMessage:
    """A mail that came in after the crash."""
    return NewMessage(canonical(mail(number)), DAY + 500_000, frozenset())


def _live_mail() -> MemoryMail:
    server = MemoryMail("mail1")
    landed = {ADDRESS: (2, 50), "bob@bob.test": (51,), "frank@frank.test": (9,)}
    for address, numbers in landed.items():
        inbox = server.box(address).folders[INBOX]
        for number in numbers:
            inbox.add(_landed(number))
    server.box("frank@frank.test").make(("Sent",))
    return server


def live_databases() -> dict[str, MemoryDatabaseServer]:
    """The new database servers: one customer has begun to work on one of them."""
    servers = {name: MemoryDatabaseServer(name) for name in ("db1", "db2")}
    orders = MemoryTable(
        "CREATE TABLE `orders` (`id` int)", [b"1,'since the crash'", b"2,'2026-01-03 10:00:00'"]
    )
    trigger = {("trigger", "count"): AccountName("hank", "localhost")}
    servers["db1"].schemas["hankdb"] = MemorySchema(tables={"orders": orders}, objects=trigger)
    return servers


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
    mail: MemoryMail = field(default_factory=_live_mail)
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
        self.mail.box(address).folders[INBOX].add(_landed(number))

    def settle(self, choices: dict[str, Answer | None]) -> None:
        """A person answers (or, with None, drops) the open questions about these subjects."""
        with self._ledger(Moments()) as ledger:
            for one in [item for item in ledger.queue if item.state is ItemState.OPEN]:
                about = one.item.subject
                if about in choices:
                    ledger.append_all([_settled(one, choices[about])])

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
