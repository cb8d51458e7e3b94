"""The demo, as a newcomer runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def test_the_demo_restores_everything_once_in_any_locale_and_leaves_nothing_running() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "fixtures.demo", "--messages", "4", "--rows", "5"],
        capture_output=True,
        check=False,
        cwd=REPOSITORY,
        env={**os.environ, "LC_ALL": "C"},
    )
    lines = done.stdout.decode().splitlines()
    left = subprocess.run(["ps", "-eo", "ppid=,args="], capture_output=True, text=True, check=True).stdout

    assert (done.returncode, lines[-1:]) == (
        0,
        [
            "demo: mailboxes 17/17, messages 566/566, databases 14/14, accounts 12/12, manual 5, lost 0, doubled 0"
        ],
    ), done.stdout.decode() + done.stderr.decode()
    assert not [line for line in left.splitlines() if "-company-" in line and line.split()[0] == "1"]
