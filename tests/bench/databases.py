"""Whole databases into one MariaDB, against `mariadb <` and Debian's myloader, and a dump cut into statements.

Thirty blogs and a shop, two workers, the largest database first. Two clocks: bare, every row and key on the server; and
proven, from the first byte read to checksums compared and the databases switched on. The stock programs prove nothing.
All runs alternate on one server with the same settings; each run's databases are then compared with the originals,
table by table, by rows, checksum and definition.
"""

from __future__ import annotations

import multiprocessing
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from detectors.finding import Secret
from fixtures.servers.daemon import plain_environment
from fixtures.servers.folder import fresh_folder
from fixtures.servers.mariadb import PrivateMariadb
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import Loaded, Move, state_digest
from restore.systems import mysql_load
from restore.systems.dump import DumpReader
from restore.systems.mysql import MysqlServer
from restore.systems.mysql_load_state import Load
from tests.bench.corpus import Corpus, make
from tests.bench.report import Report

RUNS = 3
WORKERS = 2
MEGABYTES, QUICK = 420, 40
SETTINGS = {
    "innodb-buffer-pool-size": "1G",
    "innodb-log-file-size": "512M",
    "innodb-flush-log-at-trx-commit": "0",
    "max-allowed-packet": "64M",
}


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump's bytes, from the start at each iteration."""

    path: Path

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                yield chunk


@dataclass(frozen=True, slots=True)
class Field:
    """One server, one corpus."""

    server: PrivateMariadb
    corpus: Corpus

    def connect(self) -> MysqlServer:
        """Our side of the server."""
        target = DatabaseTarget(
            "live", self.server.admin_user, SecretRef("env", "X"), socket=str(self.server.socket)
        )
        return MysqlServer(target, Secret(self.server.admin_password.encode()))

    def proven(self, run: str, names: list[str]) -> None:
        """Loaded, compared and switched on, by as many workers as there are cores."""
        self._ours(run, names, bare=False)

    def bare(self, run: str, names: list[str]) -> None:
        """Loaded into the databases in which they would be compared."""
        self._ours(run, names, bare=True)

    def _ours(self, run: str, names: list[str], *, bare: bool) -> None:
        queue: multiprocessing.Queue[str] = multiprocessing.Queue()
        for name in sorted(names, key=lambda name: -self.corpus.dumps[name].stat().st_size):
            queue.put(name)
        for _ in range(WORKERS):
            queue.put("")
        work = [multiprocessing.Process(target=self._work, args=(run, queue, bare)) for _ in range(WORKERS)]
        for worker in work:
            worker.start()
        for worker in work:
            worker.join()

    def _work(self, run: str, queue: multiprocessing.Queue[str], bare: bool) -> None:
        server = self.connect()
        if bare:
            setattr(mysql_load, "read_back", _not_read)  # noqa: B010 - mypy asks for exported names
            setattr(mysql_load, "proven", _not_proven)  # noqa: B010
        while name := queue.get():
            staging = f"br_stage_{run}_{name}"
            loaded = server.load(staging, Dump(self.corpus.dumps[name]))
            if not bare:
                made = (loaded.tables, loaded.charset, loaded.collation)
                server.switch(Move(staging, f"{run}_{name}", f"br_kept_{run}_{name}", *made))
        server.close()

    def mariadb(self, run: str, names: list[str]) -> None:
        """`mariadb <`, one database after the other."""
        for name in names:
            self.server.sql(f"CREATE DATABASE {run}_{name} CHARACTER SET utf8mb4")
            with self.corpus.dumps[name].open("rb") as dump:
                subprocess.run(
                    self.server.client(f"{run}_{name}"), stdin=dump, check=True, env=plain_environment()
                )

    def myloader(self, run: str, names: list[str]) -> None:
        """myloader with as many threads, one database after the other."""
        for name in names:
            folder = str(self.corpus.folders[name])
            command = self.server.client(
                "--directory", folder, "--database", f"{run}_{name}", program="myloader"
            )
            subprocess.run([*command, f"--threads={WORKERS}"], check=True, env=plain_environment())

    def cpu(self) -> float:
        """Seconds of processor time the server has taken."""
        fields = Path(f"/proc/{(self.server.folder / 'run' / 'pid').read_text().strip()}/stat").read_text()
        user, system = fields.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def equal(self, database: str, original: str) -> bool:
        """Whether two databases hold the same."""
        server = self.connect()
        same = state_digest(server.tables(database)) == state_digest(server.tables(original))
        server.close()
        return same


def _not_read(*_: object) -> None:
    """Bare: nothing is read back."""


def _not_proven(load: Load, reader: DumpReader) -> Loaded:
    return Loaded((), (), (), "", "", reader.size)


KINDS: dict[str, Callable[[Field, str, list[str]], None]] = {
    "mariadb": Field.mariadb,
    "myloader": Field.myloader,
    "bare": Field.bare,
    "proven": Field.proven,
}


def main(report: Report) -> None:
    """Alternating runs; medians; spread and the server's own seconds are said beside them."""
    with fresh_folder("bench") as folder, PrivateMariadb(settings=SETTINGS) as server:
        field = Field(server, make(server, folder, QUICK if report.quick else MEGABYTES))
        report.note(f"corpus: {field.corpus.plain / 1e6:,.0f} MB of dumps")
        wrong = measure(report, field, "whole corpus", list(field.corpus.dumps), goals=(2.5, 1.3, 2.0))
        wrong += measure(report, field, "one big dump", ["shop"], goals=(2.0, 0.0, 0.0))
        report.figure("databases that differ from their original", wrong, "databases", better="lower", goal=0)
        cut(report, field.corpus.dumps.values())


def measure(
    report: Report, field: Field, title: str, names: list[str], goals: tuple[float, float, float]
) -> int:
    """The four ways on these databases; the number of databases that differ from the original."""
    walls: dict[str, list[float]] = {kind: [] for kind in KINDS}
    cpus: dict[str, list[float]] = {kind: [] for kind in KINDS}
    wrong = 0
    for number in range(RUNS):
        for kind, act in KINDS.items():
            run = f"r{number}_{kind}"
            cpu, begun = field.cpu(), time.perf_counter()
            act(field, run, names)
            walls[kind].append(time.perf_counter() - begun)
            cpus[kind].append(field.cpu() - cpu)
            for name in names:
                made = f"br_stage_{run}_{name}" if kind == "bare" else f"{run}_{name}"
                wrong += not field.equal(made, name)
                field.server.sql(f"DROP DATABASE `{made}`")
    say(report, title, walls, cpus, goals)
    return wrong


def say(
    report: Report,
    title: str,
    walls: dict[str, list[float]],
    cpus: dict[str, list[float]],
    goals: tuple[float, float, float],
) -> None:
    """The figures: seconds, and how many times as quick as the stock programs in the same run."""
    middle = {kind: statistics.median(wall) for kind, wall in walls.items()}
    for kind in ("bare", "proven"):
        report.figure(f"{title}, {kind}", middle[kind], "s", better="lower", peer=round(middle["mariadb"], 2))
    ratios = (("bare", "mariadb"), ("bare", "myloader"), ("proven", "mariadb"))
    for (ours, peer), goal in zip(ratios, goals, strict=True):
        name = f"{title}, {ours}, against {'mariadb <' if peer == 'mariadb' else peer}"
        report.figure(name, middle[peer] / middle[ours], "times as quick", goal=goal or None)
    for kind, wall in walls.items():
        report.note(
            f"{title}, {kind}: median {middle[kind]:.2f} s, {min(wall):.2f} to {max(wall):.2f};"
            f" server {statistics.median(cpus[kind]):.2f} CPU s"
        )


def cut(report: Report, paths: Collection[Path]) -> None:
    """Cutting dumps into statements, beside `wc -l` on the same bytes."""
    size = sum(path.stat().st_size for path in paths) / 1e6
    ours, lines = [], []
    for _ in range(RUNS):
        begun = time.perf_counter()
        subprocess.run(["wc", "-l", *map(str, paths)], check=True, stdout=subprocess.DEVNULL)
        lines.append(size / (time.perf_counter() - begun))
        begun = time.perf_counter()
        for path in paths:
            for _ in DumpReader(iter(Dump(path))):
                pass
        ours.append(size / (time.perf_counter() - begun))
    peer = statistics.median(lines)
    report.figure("statements cut, exact", statistics.median(ours), "MB/s", goal=400, peer=round(peer))
