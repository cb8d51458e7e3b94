"""A company that kept mail in mbox files, in mdbox and on a server that serves again, restored by the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.mailkinds import served
from fixtures.servers.folder import fresh_folder


def ran(incident: Path, *words: str) -> tuple[int, list[str]]:
    """Exit code of a command, and the first two words of each of its lines."""
    command = [sys.executable, "-m", "restore.cli", *words, "-i", str(incident)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, [" ".join(line.split()[:3:2]) for line in done.stdout.splitlines()]


@pytest.mark.long
def test_mail_of_every_kind_comes_back_once_and_the_damage_is_named() -> None:
    with fresh_folder("kinds") as folder, served(folder / "incident") as incident:
        verified, _ = ran(incident, "verify")
        code, lines = ran(incident, "run", "--yes")
        _, again = ran(incident, "run", "--yes", "--again")

    ends = {"done 25", "partial 22", "done 20", "done 13"}
    assert (verified, code) == (1, 1)
    assert ends <= set(lines), lines
    assert {one.replace("done", "unchanged") for one in ends} <= set(again), again
