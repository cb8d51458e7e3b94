"""The verbs `report` and `log --verify` as an operator types them."""

from __future__ import annotations

import json
import sqlite3
import stat
from pathlib import Path

from restore.ledger.chain import keep_copy
from restore.ledger.events import Started
from restore.ledger.ledger import Ledger
from restore.ledger.store import NAME
from tests.report.conftest import Command
from tests.report.night import ANN, Night, whole_mailbox


def test_a_report_is_written_whole_and_for_its_owner_alone(
    night: Night, command: Command, tmp_path: Path
) -> None:
    page, table = tmp_path / "report.html", tmp_path / "report.csv"

    assert command("report", "--html", str(page), "--csv", str(table))[0] == 0
    assert command("report", "--html", str(page), "--csv", str(table))[0] == 0

    assert page.read_text().startswith("<!doctype html>") and page.read_text().rstrip().endswith("</html>")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (page, table)] == [0o600, 0o600]
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_a_report_replaces_nothing_but_an_older_report(
    night: Night, command: Command, tmp_path: Path
) -> None:
    incident = tmp_path / "incident.toml"
    before = incident.read_text()

    code, _, complained = command("report", "--html", str(incident))

    assert code == 2 and "is no report" in complained
    assert incident.read_text() == before


def test_a_report_that_cannot_be_written_is_bad_use(night: Night, command: Command, tmp_path: Path) -> None:
    code, _, complained = command("report", "--html", str(tmp_path / "nowhere" / "report.html"))

    assert code == 2 and "No such file" in complained


def test_a_customer_of_whom_nothing_is_known_is_bad_use(night: Night, command: Command) -> None:
    code, _, complained = command("report", "--customer", "nobody")

    assert code == 2 and "the ledger knows no customer nobody" in complained


def test_of_two_customers_of_one_name_neither_is_shown_for_the_other(
    command: Command, tmp_path: Path
) -> None:
    night = Night(tmp_path / "state")
    night.run(whole_mailbox("anna", "a@example.is"), whole_mailbox("anna", "b@example.is", server="web2"))

    code, said, complained = command("report", "--letter", "--customer", "anna")
    assert (code, said) == (2, "") and "web1/anna, web2/anna" in complained

    code, said, _ = command("report", "--letter", "--customer", "web2/anna")
    assert code == 0 and "b@example.is" in said and "a@example.is" not in said


def test_two_customers_whose_names_look_alike_are_not_taken_for_one(command: Command, tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(whole_mailbox("a\u202e", "a@example.is"), whole_mailbox("a\\u202e", "b@example.is"))

    code, said, complained = command("report", "--letter", "--customer", "a\u202e")

    assert (code, said) == (2, "") and "2 customers" in complained


def test_everybodys_letters_leave_out_nobody(night: Night, command: Command) -> None:
    _, said, _ = command("report", "--letter", "--json")

    assert [json.loads(line)["customer"] for line in said.splitlines()][2:] == ["anna", "bob"]
    assert len(said.splitlines()) == 4


def test_a_letter_is_no_page(night: Night, command: Command, tmp_path: Path) -> None:
    assert command("report", "--letter", "--html", str(tmp_path / "letter.html"))[0] == 2


def test_a_sound_ledger_holds_and_gives_its_head(night: Night, command: Command, tmp_path: Path) -> None:
    code, said, _ = command("log", "--verify")
    assert code == 0 and "holds" in said

    heads = tmp_path / "heads"
    heads.write_text(said.splitlines()[-1] + "\n")
    code, said, _ = command("log", "--verify", "--head", str(heads), "--json")
    assert code == 0 and json.loads(said)["copies"] == 1


def test_a_ledger_that_was_written_anew_does_not_hold_against_a_copy_of_its_head(
    night: Night, command: Command, tmp_path: Path
) -> None:
    with Ledger.open(night.state, ANN, 9) as ledger:
        ledger.append_all([Started("one")])
        keep_copy(tmp_path / "heads", ledger.head)
    for path in night.state.glob(f"{NAME}*"):
        path.unlink()
    night.run(whole_mailbox("anna", "a@example.is"))

    assert command("log", "--verify")[0] == 0
    code, said, complained = command("log", "--verify", "--head", str(tmp_path / "heads"))
    assert (code, said) == (1, "") and "[ledger-damaged]" in complained


def test_an_altered_event_does_not_hold(night: Night, command: Command) -> None:
    with sqlite3.connect(night.state / NAME) as connection:
        connection.execute("DROP TRIGGER event_never_changed")
        connection.execute("UPDATE event SET operator = 'somebody' WHERE seq = 3")

    code, _, complained = command("log", "--verify")

    assert code == 1 and "event 3" in complained


def test_an_emptied_copy_of_the_head_is_not_taken_for_a_proof(
    night: Night, command: Command, tmp_path: Path
) -> None:
    (tmp_path / "heads").write_text("")

    assert command("log", "--verify", "--head", str(tmp_path / "heads"))[0] == 2
    assert command("log", "--verify", "--head", str(tmp_path / "missing"))[0] == 2


def test_a_log_is_narrowed_by_time_and_kind(night: Night, command: Command) -> None:
    _, said, _ = command("log", "--kind", "failed", "--kind", "dropped", "--json")
    assert [json.loads(line)["kind"] for line in said.splitlines()] == ["failed", "failed", "dropped"]

    assert command("log", "--until", "2000-01-01")[1] == ""
    assert command("log", "--since", "2000-01-01T03:00+02:00")[1] == command("log")[1]


def test_a_kind_of_event_that_does_not_exist_is_bad_use(night: Night, command: Command) -> None:
    code, _, complained = command("log", "--kind", "fialed")

    assert code == 2 and "failed" in complained
