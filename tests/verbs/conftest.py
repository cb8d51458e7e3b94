"""An incident with a ledger in which a night has left questions, and the command as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from restore.cli import main
from restore.ledger.events import Asked
from restore.ledger.ledger import Ledger
from restore.ledger.reading import Reading
from restore.model.facts import Claim, MailboxRestored, SiteLooked
from restore.model.mail import FolderAccount, MailboxId
from restore.model.operator import Operator
from restore.model.outcome import Candidate, Done, Failed, ManualItem, Scope
from restore.model.plan import Job, LookSite, RestoreMailbox, Step
from tests.test_incident import GOOD

ROBOT = Operator("night", "--operator", 0, 1, "crisis1")
LEAVE = (Candidate("leave the live account as it is", "keep"),)
CHOICES = (Candidate("keep the live one", "keep"), Candidate("set the live one aside", "replace", "d1"))
ITEMS = (
    ManualItem("aa11", "account-differs", "anna", "web1/account/anna", "Whose?", ("seen",), LEAVE, "555 01"),
    ManualItem("ab22", "account-differs", "bert", "web1/account/bert", "Whose?", ("seen",), LEAVE),
    ManualItem("ac33", "live-database-differs", "anna", "web1/database/shop", "Which?", ("2 rows",), CHOICES),
    ManualItem("ad44", "no-login", "anna", "web1/database/blog", "Which login?"),
)


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out.splitlines()[-1])


@dataclass
class Desk:
    """The command of one incident; `state` is its state folder."""

    incident: str
    state: Path
    capsys: pytest.CaptureFixture[str] = field(repr=False)

    def __call__(self, *words: str, operator: str = "ann") -> Ended:
        code = main([*words, "-i", self.incident, "--operator", operator])
        captured = self.capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    def states(self) -> dict[str, str]:
        """Where each question stands, by id."""
        with Reading.open(self.state) as reading:
            return {one.item.id: one.state.value for one in reading.queue()}

    def events(self, *kinds: str) -> list[tuple[str, str, str]]:
        """(kind, key, operator) of the ledger's events of these kinds."""
        with Reading.open(self.state) as reading:
            return [(one.kind, one.key, one.operator.name) for one in reading.events() if one.kind in kinds]


def write(state: Path, jobs: Sequence[Job], events: Sequence[Any]) -> None:
    """Let a coordinator of the past have written this."""
    state.mkdir(mode=0o700, exist_ok=True)
    with Ledger.open(state, ROBOT, 1) as ledger:
        for job in jobs:
            ledger.about(job)
        ledger.append_all(events)


def night() -> tuple[Sequence[Job], Sequence[Any]]:
    """One of anna's mailboxes came back, another failed, her site was looked at."""
    works = {
        "mail/1": RestoreMailbox(
            MailboxId("web1", "info@anna.example"), "anna", "night", b"m", "imap", "555 01"
        ),
        "mail/2": RestoreMailbox(
            MailboxId("web1", "shop@anna.example"), "anna", "night", b"m", "imap", "555 01"
        ),
    }
    jobs = [Job(key, "mail", "anna", (Step(key, work),)) for key, work in works.items()]
    look = LookSite("web1", "anna", "night", b"home/anna", ())
    jobs.append(Job("look/web1/anna", "look", "anna", (Step("look/web1/anna", look),)))
    claim = Claim(
        "web1", "anna", "wordpress", "www/wp-config.php", "exact",
        "localhost", None, None, "shop", "anna", "v1", "wp_", (),
    )  # fmt: skip
    account = FolderAccount(("INBOX",), 812, 812, 0, 0, 812)
    done = MailboxRestored(MailboxId("web1", "info@anna.example"), (account,), 9_000)
    return jobs, [
        Done("look/web1/anna", SiteLooked("web1", "anna", (claim,), (), (), ())),
        Done("mail/1", done),
        Failed("mail/2", "mail-refused", Scope.JOB, "the server said NO", "Read the words above."),
    ]


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "secret").chmod(0o600)
    path = tmp_path / "incident.toml"
    path.write_text(GOOD.format(folder=tmp_path))
    desk = Desk(str(path), tmp_path / "state", capsys)
    jobs, events = night()
    write(desk.state, jobs, [*events, *map(Asked, ITEMS)])
    return desk


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets somebody sit at a terminal who answers every question in that way."""

    def sit(answer: str) -> None:
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setattr("builtins.input", lambda question: answer)

    return sit
