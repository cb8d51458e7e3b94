"""Whole databases into one MariaDB, against `mariadb <` and Debian's myloader, and a dump cut into statements.

Thirty blogs and a shop, two workers, the largest database first. Two clocks: bare, every row and key on the server; and
proven, from the first byte read to checksums compared and the databases switched on. The stock programs prove nothing.
All runs alternate on one server with the same settings; each run's databases are then compared with the originals,
table by table, by rows, checksum and definition. The dumps are made once and kept in /var/tmp/bulkrestore-bench.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from fixtures.servers.daemon import plain_environment
from fixtures.servers.mariadb import PrivateMariadb
from restore.model.mysql import Loaded, Move, state_digest
from restore.systems import mysql_load
from restore.systems.dump import DumpReader
from restore.systems.mysql_load_state import Load
from tests.bench import slices
from tests.bench.corpus import NAMES, Corpus, cached, connect
from tests.bench.report import Report

RUNS = 3
WORKERS = 2
MEGABYTES, QUICK = 450, 43
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
    """One server, one corpus. Each way is given a run's name and the databases, and tells under which names it made
    them."""

    server: PrivateMariadb
    corpus: Corpus

    def proven(self, run: str, names: list[str]) -> list[str]:
        """Loaded, compared and switched on, by as many workers as there are cores."""
        self._ours(run, names, bare=False)
        return [f"{run}_{name}" for name in names]

    def bare(self, run: str, names: list[str]) -> list[str]:
        """Loaded into the databases in which they would be compared."""
        self._ours(run, names, bare=True)
        return [f"br_stage_{run}_{name}" for name in names]

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
        server = connect(self.server)
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

    def mariadb(self, run: str, names: list[str]) -> list[str]:
        """`mariadb <`, one database after the other."""
        for name in names:
            self.server.sql(f"CREATE DATABASE {run}_{name} CHARACTER SET utf8mb4")
            with self.corpus.dumps[name].open("rb") as dump:
                subprocess.run(
                    self.server.client(f"{run}_{name}"), stdin=dump, check=True, env=plain_environment()
                )
        return [f"{run}_{name}" for name in names]

    def myloader(self, run: str, names: list[str]) -> list[str]:
        """myloader with as many threads, all its tables at once."""
        command = self.server.client("--directory", str(self.corpus.folder), program="myloader")
        one = ("--source-db", names[0], "--database", names[0]) if len(names) == 1 else ()
        subprocess.run(
            [*command, f"--threads={WORKERS}", "--verbose=0", *one], check=True, env=plain_environment()
        )
        return names

    def cpu(self) -> float:
        """Seconds of processor time the server has taken."""
        fields = Path(f"/proc/{(self.server.folder / 'run' / 'pid').read_text().strip()}/stat").read_text()
        user, system = fields.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def wrong(self, made: list[str], originals: list[str]) -> int:
        """How many databases do not hold what their originals held; all of them are dropped."""
        server, wrong = connect(self.server), 0
        for database, original in zip(made, originals, strict=True):
            wrong += state_digest(server.tables(database)) != self.corpus.digests[original]
            self.server.sql(f"DROP DATABASE `{database}`")
        server.close()
        return wrong


def clients() -> float:
    """Seconds of processor time of the programs that loaded."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _not_read(*_: object) -> None:
    """Bare: nothing is read back."""


def _not_proven(load: Load, reader: DumpReader) -> Loaded:
    return Loaded((), (), (), "", "", reader.size)


KINDS: dict[str, Callable[[Field, str, list[str]], list[str]]] = {
    "mariadb": Field.mariadb,
    "myloader": Field.myloader,
    "bare": Field.bare,
    "proven": Field.proven,
}


def main(report: Report) -> None:
    """Alternating runs; medians; spread and both sides' processor seconds are said beside them."""
    corpus = cached(QUICK if report.quick else MEGABYTES, report.note)
    report.note(f"corpus: {corpus.plain / 1e6:,.0f} MB of dumps")
    with PrivateMariadb(settings=SETTINGS) as server:
        loads = Field(server, corpus)
        wrong = measure(report, loads, "whole corpus", list(NAMES), goals=(2.5, 1.3, 2.0))
        wrong += measure(report, loads, "one big dump", ["shop"], goals=(2.0, 0.0, 0.0))
    report.figure("databases that differ from their original", wrong, "databases", better="lower", goal=0)
    cut(report, corpus.dumps.values())
    slices.measure(report, corpus)


@dataclass(slots=True)
class Clock:
    """Seconds of each run: by the wall, and of the server's and the clients' processors."""

    walls: list[float] = field(default_factory=list)
    servers: list[float] = field(default_factory=list)
    clients: list[float] = field(default_factory=list)


def measure(
    report: Report, loads: Field, title: str, names: list[str], goals: tuple[float, float, float]
) -> int:
    """The four ways on these databases; the number of databases that differ from the original."""
    clocks = {kind: Clock() for kind in KINDS}
    wrong = 0
    for number in range(RUNS):
        for kind, act in KINDS.items():
            server, ours, begun = loads.cpu(), clients(), time.perf_counter()
            made = act(loads, f"r{number}_{kind}", names)
            clocks[kind].walls.append(time.perf_counter() - begun)
            clocks[kind].servers.append(loads.cpu() - server)
            clocks[kind].clients.append(clients() - ours)
            wrong += loads.wrong(made, names)
            report.note(f"{title}, run {number + 1}, {kind}: {clocks[kind].walls[-1]:.2f} s")
    say(report, title, clocks, goals)
    return wrong


def say(report: Report, title: str, clocks: dict[str, Clock], goals: tuple[float, float, float]) -> None:
    """The figures: seconds, and how many times as quick as the stock programs in the same run."""
    middle = {kind: statistics.median(clock.walls) for kind, clock in clocks.items()}
    servers = {kind: statistics.median(clock.servers) for kind, clock in clocks.items()}
    for kind, clock in clocks.items():
        peer = None if kind == "mariadb" else round(middle["mariadb"], 2)
        report.figure(f"{title}, {kind}", middle[kind], "s", better="lower", peer=peer)
        peer = None if kind == "mariadb" else round(servers["mariadb"], 2)
        report.figure(f"{title}, {kind}, server", servers[kind], "CPU s", better="lower", peer=peer)
        report.note(
            f"{title}, {kind}: median {middle[kind]:.2f} s, {min(clock.walls):.2f} to {max(clock.walls):.2f};"
            f" server {servers[kind]:.2f} CPU s, clients {statistics.median(clock.clients):.2f} CPU s"
        )
    ratios = (("bare", "mariadb"), ("bare", "myloader"), ("proven", "mariadb"))
    for (ours, peer_kind), goal in zip(ratios, goals, strict=True):
        name = f"{title}, {ours}, against {'mariadb <' if peer_kind == 'mariadb' else peer_kind}"
        report.figure(name, middle[peer_kind] / middle[ours], "times as quick", goal=goal or None)


def cut(report: Report, paths: Collection[Path]) -> None:
    """Cutting dumps of mariadb-dump into statements, exactly, beside `wc -l` on the same bytes."""
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
    speed, peer = statistics.median(ours), statistics.median(lines)
    report.figure("statements cut, exactly", speed, "MB/s", goal=400, peer=round(peer))
    report.figure("statements cut, mariadb-dump's own writing", speed, "MB/s", goal=800, peer=round(peer))
    report.figure("wc -l against statements cut", peer / speed, "times as quick", better="lower")
