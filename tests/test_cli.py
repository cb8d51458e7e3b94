"""What an operator meets at the command line before any server is asked."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path

import pytest

from restore.cli import ROOMS, main
from restore.errors import IncidentInvalid
from restore.incident import read_incident
from tests.test_incident import GOOD

VERBS = [name for names in ROOMS.values() for name in names]


@pytest.fixture
def incident(tmp_path: Path) -> str:
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "secret").chmod(0o600)
    path = tmp_path / "incident.toml"
    path.write_text(GOOD.format(folder=tmp_path))
    return str(path)


def test_init_writes_a_file_that_needs_only_its_capitals_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "incident.toml"

    assert main(["init", str(path)]) == 0

    tomllib.loads(path.read_text())
    with pytest.raises(IncidentInvalid) as caught:
        read_incident(str(path))
    assert {line.split(".")[-1].split(":")[0] for line in caught.value.mistakes} == {
        "key",
        "known_hosts",
        "master_password",
        "admin_password",
    }


def test_init_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "incident.toml"
    path.write_text("mine")

    assert main(["init", str(path)]) == 2

    assert path.read_text() == "mine"
    assert "was not written" in capsys.readouterr().err


def test_the_environment_names_the_incident_file(
    incident: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BULKRESTORE_INCIDENT", incident)

    assert main(["status"]) == 2

    assert "next:" in capsys.readouterr().err


def test_a_wrong_incident_file_is_bad_use_with_every_mistake(
    incident: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(incident).write_text("[incident]\nname = 1\n")

    assert main(["run", "-i", incident, "--json"]) == 2

    captured = capsys.readouterr()
    assert json.loads(captured.out)["error"] == "incident-invalid"
    assert "incident.name" in captured.err and "incident.state" in captured.err and "source" in captured.err


def test_an_answer_before_anything_was_asked_is_bad_use(
    incident: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["queue", "answer", "abc", "--choose", "1", "-i", incident]) == 2

    assert "ledger-missing" in capsys.readouterr().err


def test_an_undo_of_what_no_run_switched_is_bad_use(
    incident: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["undo", "shop", "-i", incident]) == 2

    assert "SERVER/DATABASE" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_json_and_states_its_exit_codes(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([*verb.split(), "--help"])

    shown = re.sub(r"\s+", " ", capsys.readouterr().out)
    assert caught.value.code == 0
    assert "--json" in shown and "0 done, 1 failures, 2 bad use, 3 questions left" in shown


def test_the_readme_names_every_verb() -> None:
    readme = (Path(__file__).parent.parent / "README.md").read_text()

    assert [verb for verb in VERBS if f"bulkrestore {verb}" not in readme] == []


@pytest.mark.parametrize(("verb", "code"), [("run", 1), ("undo web1/shop", 1), ("log", 0), ("queue list", 0)])
def test_a_restore_whose_output_was_closed_is_not_called_done(
    verb: str, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def closed(options: object, screen: object) -> int:
        raise BrokenPipeError

    monkeypatch.setattr("restore.cli._verb", lambda options: closed)
    monkeypatch.setattr("sys.stdout", sys.stdout)

    assert main(verb.split()) == code

    assert ("Run the same again" in capsys.readouterr().err) == bool(code)
