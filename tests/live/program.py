"""The program as an operator runs it: a process, its children in a process group of its own, its words and its end."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

REPOSITORY = Path(__file__).parents[2]
OPERATOR = "night-shift"
POLL_SECONDS = 0.01
# After so long something hangs; a test then says what it waited for instead of hanging with it.
GIVE_UP_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How the program ended: its exit code (negative: the signal) and its words."""

    code: int
    out: str
    err: str

    @property
    def documents(self) -> list[Any]:
        """With --json: every line, parsed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def document(self) -> Any:
        """With --json: the only, or the last, line."""
        return self.documents[-1]


class Running:
    """The program while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, err: Path) -> None:
        self.process = process
        self._out, self._err = out, err

    @property
    def over(self) -> bool:
        """Whether the coordinator has ended."""
        return self.process.poll() is not None

    @property
    def err(self) -> str:
        """What stands on standard error by now."""
        return self._err.read_text(errors="replace")

    def until(self, condition: Callable[[], object], what: str = "") -> bool:
        """Wait for a condition or the end of the program; whether the condition came true."""
        wait_for(lambda: condition() or self.over, what)
        return bool(condition())

    def workers(self) -> list[int]:
        """Its worker processes, oldest first: the children of its fork server."""
        born = [one for one in self._children() if "forkserver" in " ".join(_command(one))]
        servers = {one.pid for one in born}
        return [one.pid for one in born if _parent(one) in servers]

    def _children(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children(recursive=True)
        return []

    def interrupt(self) -> None:
        """^C, as a terminal sends it: to the whole process group."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL of the process group, and wait until nothing of it is left."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        wait_for(lambda: not group(self.process.pid), "the killed process group to be gone")

    def end(self) -> Ended:
        """Wait for its end."""
        self.process.wait()
        return Ended(self.process.returncode, self._out.read_text(errors="replace"), self.err)


class Program:
    """The command for one incident file. `impatient`: with a test's pauses (impatient.py)."""

    def __init__(self, incident: Path, *, impatient: bool = False) -> None:
        self.incident = incident
        self.impatient = impatient

    def _command(self, words: Sequence[str]) -> list[str]:
        module = "tests.live.impatient" if self.impatient else "restore.cli"
        return [sys.executable, "-m", module, *words, "-i", str(self.incident)]

    def __call__(self, *words: str, feed: str = "", operator: str = OPERATOR) -> Ended:
        """Run a verb to its end."""
        with self.running(*words, feed=feed, operator=operator) as running:
            return running.end()

    @contextmanager
    def running(self, *words: str, feed: str = "", operator: str = OPERATOR) -> Iterator[Running]:
        """A verb while it runs; what is left of it at the end is killed."""
        with tempfile.TemporaryDirectory() as folder:
            out, err, stdin = (Path(folder) / name for name in ("out", "err", "in"))
            stdin.write_text(feed, encoding="utf-8")
            with (
                stdin.open("rb") as standard_in,
                out.open("wb") as standard_out,
                err.open("wb") as standard_err,
            ):
                process = subprocess.Popen(
                    self._command(words),
                    stdin=standard_in,
                    stdout=standard_out,
                    stderr=standard_err,
                    cwd=REPOSITORY,
                    env={**os.environ, "BULKRESTORE_OPERATOR": operator, "PYTHONUTF8": "1"},
                    start_new_session=True,
                )
            running = Running(process, out, err)
            try:
                yield running
            finally:
                running.kill()


def wait_for(condition: Callable[[], object], what: str = "") -> None:
    """Poll until it is true."""
    deadline = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what or 'a condition'}")
        time.sleep(POLL_SECONDS)


def group(leader: int) -> list[int]:
    """The processes of a group or session that still run (zombies do not)."""
    found = []
    for one in psutil.process_iter(["pid", "status"]):
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            ours = leader in (os.getpgid(one.pid), os.getsid(one.pid))
            if ours and one.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(one.pid)
    return found


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
        return []


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.NoSuchProcess:
        return None


def events(state: Path, kind: str = "", key: str = "%") -> list[str]:
    """The step keys of the ledger's events of a kind (or all), oldest first; read as any reader may meanwhile."""
    path = state / "ledger.sqlite"
    if not path.exists():
        return []
    query = "SELECT key FROM event WHERE (kind = ? OR ? = '') AND key LIKE ? ORDER BY seq"
    with (
        suppress(sqlite3.OperationalError),  # its tables are being made
        closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as ledger,
    ):
        return [row[0] for row in ledger.execute(query, (kind, kind, key))]
    return []


def questions(program: Program) -> dict[str, dict[str, Any]]:
    """The open questions by customer."""
    return {
        one["customer"]: one for one in program("queue", "list", "--json").document if one["state"] == "open"
    }
