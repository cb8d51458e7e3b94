"""What operators changed on a run and asked of it, as `status` shows it; the verbs that need a run, or a failure."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from restore.ledger.events import (
    LimitChanged,
    Paused,
    Requested,
    RequestEnded,
    Resumed,
    RunEnded,
    RunStarted,
)
from restore.ledger.ledger import Ledger
from restore.model.outcome import Failed, Scope
from restore.model.plan import LookSite
from restore.model.survey import Narrowing
from restore.run.lock import hold
from tests.report.conftest import Command
from tests.report.night import ANN, BOB, Night, job, mailbox

ASKED = Requested("r1.1", "run --customer anna", "on the phone", "anna")
CHANGES = (
    Paused("the \x1b[31mdisk"),
    LimitChanged("mail/mail1", 2, 8, "slow"),
    LimitChanged("mail/mail1", 1, 2, ""),
    ASKED,
    Requested("r1.2", "undo web1/shop"),
    RequestEnded("r1.2", "done"),
)


def test_status_says_who_paused_a_run_what_limits_hold_and_what_is_asked(
    command: Command, tmp_path: Path
) -> None:
    with hold(tmp_path / "state", ANN, "0" * 64) as holder:
        with Ledger.open(tmp_path / "state", ANN, holder.epoch) as ledger:
            ledger.append_all([RunStarted("0" * 64, "run")])
            ledger.append_all(CHANGES, by=BOB)
        shown = command("status")[1]
        said = json.loads(command("status", "--json")[1])

    assert "Paused by" in shown and "mail/mail1 has 1 slots" in shown
    assert "Asked: r1.1 run --customer anna" in shown and "r1.2" not in shown
    assert "\x1b" not in shown
    assert (said["paused"], said["draining"], said["limits"]) == (True, False, {"mail/mail1": 1})
    assert [one["reason"] for one in said["requests"]] == ["on the phone"]


def test_of_a_run_that_is_over_status_says_what_was_asked_in_vain(command: Command, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "state", ANN, 1) as ledger:
        ledger.append_all([RunStarted("0" * 64, "run"), *CHANGES, Resumed(""), RunEnded("drained")])

    shown = command("status")[1]

    assert "Paused" not in shown and "slots" not in shown
    assert "ask again: r1.1 run --customer anna" in shown


def test_the_log_of_a_customer_tells_who_asked_for_him_and_why(command: Command, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "state", ANN, 1) as ledger:
        ledger.append_all([ASKED, Paused("lunch")], by=BOB)

    assert "on the phone" in command("log", "--customer", "anna")[1]
    assert "lunch" in command("log", "--kind", "paused")[1]


@pytest.mark.parametrize("words", [("pause",), ("resume",), ("drain",), ("limit", "mail/mail1", "2")])
def test_what_steers_a_run_says_that_nobody_runs(
    command: Command, tmp_path: Path, words: tuple[str, ...]
) -> None:
    code, _, complained = command(*words)

    assert (code, "[nobody-runs]" in complained) == (2, True)
    assert not (tmp_path / "state" / "ledger.sqlite").exists()


@pytest.fixture
def retried(monkeypatch: pytest.MonkeyPatch) -> list[Narrowing]:
    """What would be run again."""
    found: list[Narrowing] = []

    def run(options: object, screen: object, narrowing: Narrowing, verb: str) -> int:
        found.append(narrowing)
        return 0

    monkeypatch.setattr("restore.verbs.steering.run_narrowed", run)
    return found


def failing(tmp_path: Path) -> tuple[str, str]:
    """A night in which a mailbox and a look at a site failed; their steps."""
    whole, key, _ = mailbox("anna", "A@anna.test")
    look = job("look", "bob", ("look/web1/bob", LookSite("web1", "bob", "backup", b"home/bob", ())))
    broken = [Failed(one, "broken", Scope.JOB, "broke", "Mend it.") for one in (key, "look/web1/bob")]
    Night(tmp_path / "state").run((whole, broken[:1]), (look, broken[1:]))
    return key, "look/web1/bob"


def test_what_failed_is_tried_again_with_all_that_hangs_on_it(
    command: Command, tmp_path: Path, retried: list[Narrowing]
) -> None:
    key, look = failing(tmp_path)

    assert command("retry", key)[0] == command("retry", look)[0] == command("retry", "--failed")[0] == 0

    site = Narrowing(frozenset({"web1/bob"}), frozenset({"databases", "accounts"}))
    both = Narrowing(site.customers, site.kinds, frozenset({"a@anna.test"}))
    assert retried == [Narrowing(mailboxes=frozenset({"a@anna.test"})), site, both]


@pytest.mark.parametrize("words", [(), ("load/web1/none/db1/1",), ("look/web1/bob", "--failed")])
def test_a_retry_of_nothing_that_failed_is_bad_use(
    command: Command, tmp_path: Path, retried: list[Narrowing], words: tuple[str, ...]
) -> None:
    failing(tmp_path)

    assert (command("retry", *words)[0], retried) == (2, [])


def test_where_nothing_failed_a_retry_has_nothing_to_do(
    command: Command, tmp_path: Path, retried: list[Narrowing]
) -> None:
    Night(tmp_path / "state").run()

    assert (command("retry", "--failed")[0], retried) == (0, [])
