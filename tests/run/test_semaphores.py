"""What a killed process group leaves in memory is removed by a later run, and nothing that is in use."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from restore.run.semaphores import SHM, sweep_semaphores

LEAVES = """
import multiprocessing, time
lock = multiprocessing.get_context("spawn").Lock()
print(lock._semlock.name, flush=True)
time.sleep(600)
"""


def test_semaphores_of_a_killed_process_group_are_removed_and_those_in_use_are_kept() -> None:
    kept = multiprocessing.get_context("spawn").Lock()
    with subprocess.Popen(
        [sys.executable, "-c", LEAVES], stdout=subprocess.PIPE, start_new_session=True
    ) as killed:
        assert killed.stdout is not None
        left = _file(killed.stdout.readline().decode().strip())
        os.killpg(killed.pid, signal.SIGKILL)
    used = _file(kept._semlock.name)  # type: ignore[attr-defined]
    for path in (left, used):
        os.utime(path, (time.time() - 700, time.time() - 700))

    sweep_semaphores()

    assert (left.exists(), used.exists()) == (False, True)


def _file(name: str) -> Path:
    return SHM / f"sem.{name.lstrip('/')}"
