"""A cluster as an operator starts it, each piece a process of its own; and a coordinator's desk for its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from fixtures.servers.daemon import free_port
from restore.ledger.journal import Journals
from restore.ledger.vault import Vault
from restore.run.certificates import certificates_of, issue_cluster
from restore.run.desk import DeskServer
from restore.run.desk_tls import TlsDesk, open_tls
from restore.run.desk_tls_client import DeskAddress
from restore.run.flights import Pauses
from restore.run.leases import LEASE_SECONDS, Leases
from restore.run.post import Factory
from restore.run.remote_cluster import Joining, RemoteCrew

REPOSITORY = Path(__file__).parents[2]
GIVE_UP_SECONDS = 300.0


def until(true: Callable[[], object], what: str) -> None:
    """Poll until it is true; after minutes something hangs, and the test says what it waited for."""
    end = time.monotonic() + GIVE_UP_SECONDS
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


@dataclass(slots=True)
class OwnCluster:
    """Its certificates lie in `folder`/tls; `at` is where its scheduler listens, `inside` the words before a command
    that is to run in a network namespace."""

    folder: Path
    at: str = field(default_factory=lambda: f"tls://127.0.0.1:{free_port()}")
    pieces: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    def start(self, workers: int, *, steps: int = 2) -> None:
        """A scheduler and workers on loopback, all of them joined."""
        issue_cluster(self.tls)
        self.scheduler()
        self.worker("w", steps, processes=workers)
        self.await_said("w", "at once is at", workers)

    def scheduler(self, inside: Sequence[str] = ()) -> None:
        """Start it, and wait until it listens."""
        host, _, port = self.at.removeprefix("tls://").rpartition(":")
        self._piece("scheduler", inside, "scheduler", "--host", host, "--port", port)
        self.await_said("scheduler", "scheduler: tls://")

    def worker(self, name: str, steps: int, inside: Sequence[str] = (), processes: int = 1) -> None:
        """Start workers that carry so many steps at once each, in a folder of that name."""
        words = ("--folder", str(self.folder / name), "--steps", str(steps), "--processes", str(processes))
        self._piece(name, inside, "worker", self.at, *words)

    def await_said(self, name: str, words: str, times: int = 1) -> None:
        """Wait until a piece has printed these words so often."""

        def done() -> bool:
            return self.said(name).count(words) >= times

        until(lambda: done() or any(piece.poll() is not None for piece in self.pieces), f"{name}: {words}")
        assert done(), self.said(name)

    def said(self, name: str) -> str:
        """What a piece has printed."""
        return (self.folder / f"{name}.out").read_text()

    def worker_pids(self) -> list[int]:
        """The processes that carry steps: those that have imported Dask's worker, not the nannies."""
        found = []
        for piece in self.pieces[1:]:
            for one in psutil.Process(piece.pid).children(recursive=True):
                if "spawn_main" in " ".join(one.cmdline()):
                    found.append(one.pid)
        return found

    def ports(self) -> set[int]:
        """All TCP ports on which a piece or a worker listens."""
        pids = [piece.pid for piece in self.pieces] + self.worker_pids()
        return {
            one.laddr.port
            for pid in pids
            for one in psutil.Process(pid).net_connections("tcp")
            if one.status == psutil.CONN_LISTEN
        }

    def close(self) -> None:
        """Kill what was started."""
        for piece in self.pieces:
            os.killpg(piece.pid, signal.SIGKILL)
            piece.wait()

    def _piece(self, name: str, inside: Sequence[str], *words: str) -> None:
        command = [*inside, sys.executable, "-m", "restore.cli", "cluster", *words]
        with (self.folder / f"{name}.out").open("wb") as out:
            self.pieces.append(
                subprocess.Popen(
                    [*command, "--certificates", str(self.tls)],
                    cwd=REPOSITORY,
                    stdout=out,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )


@contextmanager
def own_cluster(folder: Path, workers: int, *, steps: int = 2) -> Iterator[OwnCluster]:
    """A cluster on loopback with so many workers."""
    made = OwnCluster(folder)
    try:
        made.start(workers, steps=steps)
        yield made
    finally:
        made.close()


@dataclass(slots=True)
class Hired:
    """A coordinator with a crew of such workers."""

    crew: RemoteCrew
    desk: DeskServer
    port: int


@contextmanager
def hired(
    cluster: OwnCluster,
    state: Path,
    factory: Factory,
    *,
    lease: float = LEASE_SECONDS,
    lost: tuple[float, ...] = (0.1,) * 3,
    told: Callable[[str, int], None] = lambda key, amount: None,
) -> Iterator[Hired]:
    """A coordinator of that state folder at work; `lost` as in Pauses."""
    files = certificates_of(cluster.tls, "coordinator")
    with ExitStack() as stack:
        vault, journals = Vault.open(state, None), Journals(state)
        desk = stack.enter_context(DeskServer(state, 1, Leases(1, lease), vault, journals))
        port = stack.enter_context(open_tls(desk, 1, TlsDesk("127.0.0.1", 0, files, dict)))
        joining = Joining(cluster.at, files, state.name, DeskAddress("127.0.0.1", port, 1, lease), factory)
        crew = RemoteCrew(joining, state / "cluster", desk, told, Pauses((0.1, 0.2), lost))
        stack.callback(crew.close)
        yield Hired(crew, desk, port)
