"""An incident after a bad night, and the command an operator types about it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from restore.cli import main
from restore.ledger.reading import Reading
from restore.report.gather import gather
from restore.report.recovery import Recovery
from tests.report.night import Night, bad_night
from tests.test_incident import GOOD

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def night(tmp_path: Path) -> Night:
    return bad_night(tmp_path / "state")


@pytest.fixture
def recovery(night: Night) -> Recovery:
    return gathered(night)


def gathered(night: Night) -> Recovery:
    """What the report says after all that happened."""
    with Reading.open(night.state) as reading:
        return gather(reading)


@pytest.fixture
def command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Types a command; its exit code, what it said, what it complained of."""
    (tmp_path / "secret").write_text("hunter2\n")
    (tmp_path / "secret").chmod(0o600)
    incident = tmp_path / "incident.toml"
    incident.write_text(GOOD.format(folder=tmp_path))

    def typed(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*words, "-i", str(incident)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed
