"""One coordinator per incident, each later one above its predecessors, and everyone is told who it is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from restore.errors import RunInProgress, StateUnwritable
from restore.ledger.events import Started
from restore.ledger.ledger import Ledger
from restore.ledger.store import NAME
from restore.model.operator import Operator
from restore.request import identify
from restore.run.lock import EPOCH, hold, holder

ANN = Operator("ann", "--operator", 0, 4711, "crisis1")

HOLDER = """
import sys
from pathlib import Path
from restore.model.operator import Operator
from restore.run.lock import hold
with hold(Path(sys.argv[1]), Operator("bob", "SUDO_USER", 0, 99, "crisis2"), "cafe") as mine:
    print(mine.started, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def test_a_second_command_that_writes_is_refused_with_the_name_of_the_first(state: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        started = other.stdout.readline().strip()
        with pytest.raises(RunInProgress) as refused, hold(state, ANN, "beef"):
            pass
        other.communicate("")

    assert f"bob on crisis2 (pid 99) since {started}" in refused.value.message


def test_who_coordinates_can_be_asked_without_taking_anything(state: Path) -> None:
    before = holder(state)
    with hold(state, ANN, "beef") as mine:
        during = holder(state)

    assert (before, during, holder(state)) == (None, mine, None)
    assert (mine.operator, mine.incident) == (ANN, "beef")


def test_the_lock_goes_with_a_killed_coordinator(state: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

    assert holder(state) is None
    with hold(state, ANN, "beef") as mine:
        assert mine.epoch == 2


def test_every_take_over_has_an_epoch_above_all_before_it(state: Path) -> None:
    epochs = []
    for _ in range(3):
        with hold(state, ANN, "beef") as mine:
            epochs.append(mine.epoch)

    assert epochs == [1, 2, 3]


def test_an_epoch_file_that_was_lost_does_not_bring_an_epoch_back(state: Path) -> None:
    with Ledger.open(state, ANN, 41) as ledger:
        ledger.append_all([Started("s")])

    with hold(state, ANN, "beef") as mine:
        assert mine.epoch == 42
    (state / EPOCH).unlink()
    with hold(state, ANN, "beef") as mine:
        assert mine.epoch == 42


def test_a_run_killed_while_it_made_the_ledger_does_not_keep_the_next_one_out(state: Path) -> None:
    state.mkdir(mode=0o700)
    (state / NAME).touch(mode=0o600)

    with hold(state, ANN, "beef") as mine, Ledger.open(state, ANN, mine.epoch) as ledger:
        ledger.append_all([Started("s")])


def test_a_full_disk_is_said_before_anything_is_begun(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", state], check=True)
    try:
        with pytest.raises(OSError, match="No space"), (state / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(bytes(4096))
        with pytest.raises(StateUnwritable), hold(state, ANN, "beef"):
            pass
        (state / "filler").unlink()
        with hold(state, ANN, "beef") as mine:
            assert mine.epoch == 1
    finally:
        subprocess.run(["umount", state], check=True)


@pytest.mark.parametrize(
    ("stated", "environment", "named"),
    [
        ("ann\x1b[2J", {}, ("ann\\x1b[2J", "--operator")),
        ("ann", {"BULKRESTORE_OPERATOR": "bob", "SUDO_USER": "cyd"}, ("ann", "--operator")),
        (None, {"BULKRESTORE_OPERATOR": "bob", "SUDO_USER": "cyd"}, ("bob", "BULKRESTORE_OPERATOR")),
        ("", {"BULKRESTORE_OPERATOR": "", "SUDO_USER": "cyd"}, ("cyd", "SUDO_USER")),
    ],
)
def test_the_operator_is_named_by_the_first_that_states_it(
    stated: str | None, environment: dict[str, str], named: tuple[str, str]
) -> None:
    operator = identify(stated, environment)

    assert (operator.name, operator.origin) == named
    assert (operator.uid, operator.pid) == (os.getuid(), os.getpid())


def test_an_operator_whom_nothing_names_is_the_login_name() -> None:
    operator = identify(None, {})

    assert operator.name and operator.origin == "login"
