"""A worker on another host that falls silent is dead before anybody else may act in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from restore.errors import Fenced
from restore.ledger.journal import Journals
from restore.ledger.vault import Vault
from restore.run.desk import DeskServer
from restore.run.leases import Leases
from restore.run.strays import elsewhere_path

UNHEARD = """
import sys, time
from restore.errors import CoordinatorGone
from restore.run.presence import Presence
def beat(steps):
    raise CoordinatorGone("nobody listens")
with Presence(beat, 0.5).carrying("mail/1"):
    print("carrying", flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_a_worker_whose_coordinator_does_not_answer_is_killed_by_the_kernel_even_while_it_is_stopped(
    stopped: bool,
) -> None:
    with subprocess.Popen([sys.executable, "-c", UNHEARD], stdout=subprocess.PIPE) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"carrying\n"
        if stopped:
            os.kill(worker.pid, signal.SIGSTOP)

        assert worker.wait() == -signal.SIGKILL


def test_a_process_from_which_a_step_was_taken_is_not_let_live_on() -> None:
    leases = Leases(3)
    leases.allow(["mail/1", "mail/2"])
    leases.check(3, "mail/1", "77-ab.1")
    leases.present(3, ["mail/1", "mail/2"], "77-ab")
    leases.lose(["mail/1"])
    leases.allow(["mail/1"])

    leases.present(3, ["mail/1"], "78-cd")
    with pytest.raises(Fenced, match="taken from this worker"):
        leases.present(3, ["mail/2", "mail/1"], "77-ab")
    with pytest.raises(Fenced, match="epoch 3 has taken over"):
        leases.present(2, ["mail/2"], "78-cd")


def test_a_coordinator_whose_predecessor_left_workers_elsewhere_waits_until_their_leases_are_over(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"
    vault, journals = Vault.open(state, None), Journals(state)
    told: list[str] = []
    with DeskServer(state, 1, Leases(1), vault, journals) as dead:
        mark = elsewhere_path(dead.path, 1)
        mark.touch()

    begun = time.monotonic()
    with DeskServer(state, 2, Leases(2, 0.4), vault, journals, told.append):
        waited = time.monotonic() - begun

    assert waited >= 0.4
    assert not mark.exists()
    assert "waiting 0.4 s for their leases" in told[0]
