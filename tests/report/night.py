"""A ledger as a bad night leaves it: every end a step can have, on customers whose names are attacks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from detectors.finding import Secret
from restore.ledger.events import Answered, Asked, Dropped, Event, RunEnded, RunStarted, Started
from restore.ledger.ledger import Ledger
from restore.ledger.vault import Vault
from restore.model.facts import (
    AccountReady,
    DatabaseLoaded,
    DatabaseSwitched,
    DatabaseUndone,
    MailboxRestored,
    SiteLooked,
)
from restore.model.mail import FolderAccount, MailboxId
from restore.model.mysql import AccountName, DatabaseId, DumpFile, Fingerprint, RefusedStatement, TableState
from restore.model.operator import Operator
from restore.model.outcome import Abandoned, Answer, Done, Failed, Manual, ManualItem, Partial, Scope
from restore.model.plan import (
    CreateAccount,
    Job,
    LoadDatabase,
    LookSite,
    RestoreMailbox,
    Step,
    SwitchDatabase,
    UndoSwitch,
    Work,
)
from restore.model.text import safe

EVIL = "<script>alert(1)</script>\x1b[2J\u202e\"'><img src=x onerror=alert(2)>"
FORMULA = "=cmd|'/C calc'!A0"
PASSWORD = "correct horse battery staple"
ANN = Operator("ann", "--operator", 0, 4711, "crisis1")
BOB = Operator(EVIL, "SUDO_USER", 1000, 4712, FORMULA)
TABLES = (TableState("posts", 20, "aa", "bb"), TableState("users", 3, "cc", "dd"))


class Night:
    """Writes what happened; the ledger is closed between two happenings, so that any reader may look."""

    def __init__(self, state: Path, lost: float | None = None) -> None:
        self.state = state
        self.lost = lost
        self.epoch = 0

    def run(self, *happenings: tuple[Job, Iterable[Event]], by: Operator = ANN, command: str = "run") -> None:
        """One command that coordinates, from its start to its end."""
        self.epoch += 1
        with Ledger.open(self.state, by, self.epoch) as ledger:
            ledger.append_all([RunStarted("0" * 64, command, self.lost)])
            for job, events in happenings:
                ledger.about(job)
                for event in events:
                    ledger.append_all([event])
            ledger.append_all([RunEnded("all done")])

    def says(self, *events: Event, by: Operator = ANN) -> None:
        """What a person decides between two runs."""
        self.epoch += 1
        with Ledger.open(self.state, by, self.epoch) as ledger:
            ledger.append_all(events)

    def keeps(self, password: str) -> str:
        """The vault id of an answered password."""
        return Vault.open(self.state, None).put("answered password", Secret(password.encode()))


def job(kind: str, customer: str, *steps: tuple[str, Work]) -> Job:
    """A job of such steps."""
    return Job(steps[0][0], kind, customer, tuple(Step(*step) for step in steps))


def mailbox(customer: str, address: str, server: str = "web1") -> tuple[Job, str, MailboxId]:
    """The job that restores a mailbox, its one step's key, the mailbox."""
    it = MailboxId(server, address)
    key = f"mail/{server}/{address}/mail1"
    return job("mail", customer, (key, RestoreMailbox(it, customer, "night", b"mail", "mail1"))), key, it


def whole_mailbox(
    customer: str, address: str, messages: int = 5, server: str = "web1", newest: float | None = None
) -> tuple[Job, list[Event]]:
    """A mailbox that came back."""
    work, key, it = mailbox(customer, address, server)
    folder = FolderAccount(("INBOX",), messages, messages, 0, 0, messages, newest=newest)
    fact = MailboxRestored(it, (folder,), 100)
    return work, [Started(key), Done(key, fact)]


def torn_mailbox(customer: str, address: str, unreadable: tuple[str, ...]) -> tuple[Job, list[Event]]:
    """A mailbox that came back but for these messages."""
    work, key, it = mailbox(customer, address)
    folder = FolderAccount(("INBOX",), 2 + len(unreadable), 2, 0, 0, 2, unreadable=unreadable)
    return work, [Started(key), Partial(key, MailboxRestored(it, (folder,), 100), unreadable)]


def failed_mailbox(customer: str, address: str, message: str) -> tuple[Job, list[Event]]:
    """A mailbox that the server refused."""
    work, key, _ = mailbox(customer, address)
    return work, [
        Started(key),
        Failed(key, "mail-refused", Scope.JOB, message, "Read the words.", kept="a folder"),
    ]


def database_job(customer: str, name: str, server: str = "web1") -> tuple[Job, str, str, DatabaseId]:
    """The job that restores a database, the keys of its two steps, the database."""
    it = DatabaseId(server, name)
    load, switch = (f"{step}/{server}/{name}/db1/0123" for step in ("load", "switch"))
    dump = DumpFile(it, Fingerprint("night", b"dump.sql", 1, 1.0))
    works: tuple[tuple[str, Work], ...] = (
        (load, LoadDatabase(dump, customer, "db1", name, "br_stage_1")),
        (
            switch,
            SwitchDatabase(it, customer, "db1", name, "br_stage_1", TABLES, (), "utf8mb4", "utf8mb4_bin"),
        ),
    )
    return job("database", customer, *works), load, switch, it


def database(customer: str, name: str, view: str = "", taken: float | None = None) -> tuple[Job, list[Event]]:
    """A database that came back, but for a view where one is named; its dump was made at `taken`, if that is told."""
    work, load, switch, it = database_job(customer, name)
    refused = (RefusedStatement(7, f"CREATE VIEW {view}", "it names another database"),) if view else ()
    loaded = DatabaseLoaded(
        it, "db1", "br_stage_1", TABLES, (), refused, "utf8mb4", "utf8mb4_bin", 100, taken=taken
    )
    came = Partial(load, loaded, (f"view {view}",)) if view else Done(load, loaded)
    return work, [
        Started(load),
        came,
        Started(switch),
        Done(switch, DatabaseSwitched(it, "db1", name, TABLES, (), "br_kept_1")),
    ]


def undo(customer: str, name: str) -> tuple[Job, list[Event]]:
    """A restored database that was put back to what stood there."""
    it = DatabaseId("web1", name)
    key = f"undo/{it}/db1/br_kept_1"
    work = job("undo", customer, (key, UndoSwitch(it, customer, "db1", name, "br_kept_1", TABLES)))
    return work, [Started(key), Done(key, DatabaseUndone(it, "db1", name, "br_undone_1"))]


def damaged_dump(customer: str, name: str, evidence: str) -> tuple[Job, list[Event]]:
    """A database whose dump is cut: a question."""
    work, load, _, _ = database_job(customer, name)
    item = ManualItem(f"dd{name}", "dump-damaged", safe(customer), f"web1/database/{name}",
                      f"The dump of {name} is damaged. Which dump shall be used?", (evidence,), (),
                      "Anna, 555 0101")  # fmt: skip
    return work, [Started(load), Manual(load, (item,))]


def account(customer: str, user: str, database: str) -> tuple[Job, list[Event]]:
    """An account that came back."""
    name = AccountName(user, "localhost")
    key = f"account/web1/{name}/db1/{database}"
    work = CreateAccount(
        "web1", customer, name, "db1", (database,), None, "night", b"home", (), "customers file"
    )
    fact = AccountReady("web1", customer, name, "db1", (database,), "login", "posts")
    return job("account", customer, (key, work)), [Started(key), Done(key, fact)]


def site(customer: str, *seen: str) -> tuple[Job, list[Event]]:
    """A look at a customer's home."""
    key = f"look/web1/{customer}"
    fact = SiteLooked("web1", customer, (), (), (), seen)
    return job("look", customer, (key, LookSite("web1", customer, "night", b"home", ()))), [Done(key, fact)]


def cut_short(customer: str, address: str) -> tuple[Job, list[Event]]:
    """A step that was killed."""
    work, key, _ = mailbox(customer, address)
    return work, [Started(key)]


def abandoned(customer: str, address: str) -> tuple[Job, list[Event]]:
    """A step that was never begun."""
    work, key, _ = mailbox(customer, address)
    return work, [Abandoned(key, "mail1 is unreachable")]


def bad_night(state: Path) -> Night:
    """Two customers and an attacker: of everything one."""
    night = Night(state)
    night.run(
        site("anna", ".forward"),
        whole_mailbox("anna", "anna@example.is"),
        torn_mailbox("anna", "info@example.is", ("new/1: unreadable sector", "new/2: not a message")),
        failed_mailbox("anna", "sala@example.is", "the server said NO to anna"),
        database("anna", "shop"),
        database("anna", "blog", view="monthly"),
        damaged_dump("anna", "old", "ends at byte 12 inside INSERT"),
        account("anna", "shop", "shop"),
        cut_short("bob", "bob@example.is"),
        abandoned("bob", "late@example.is"),
    )
    night.run(
        site(EVIL, EVIL),
        whole_mailbox(EVIL, EVIL),
        failed_mailbox(EVIL, f"x{EVIL}", EVIL),
        torn_mailbox(EVIL, f"y{EVIL}", (EVIL, FORMULA)),
        account(EVIL, EVIL, EVIL),
        whole_mailbox(FORMULA, FORMULA),
        by=BOB,
    )
    night.says(
        Asked(_question("login", "no-login", "web1/database/shop", "Which login does shop use?", "anna")),
        Asked(
            _question("gone", "not-in-backup", "web1/mailbox/lost@example.is", "No backup holds it.", "bob")
        ),
        Asked(_question("left", "two-owners", "web1/database/both", "Two claim it.", "bob")),
        Asked(_question("evil", "no-owner", f"web1/database/{safe(EVIL)}", safe(EVIL), safe(EVIL))),
        Answered(Answer("login", "web1/database/shop", "login", user="u", password_id=night.keeps(PASSWORD))),
        Dropped("left", "bob wants neither"),
    )
    return night


def _question(name: str, cause: str, subject: str, question: str, customer: str) -> ManualItem:
    return ManualItem(name, cause, customer, subject, question, ("seen in the index",))
