"""One database out of a dump of all, at three sizes, plain and as .gz, against `sed` that reads to that database.

The index is made once (its speed is a figure of its own); a pull then seeks. The peers print the database's section and
stop right behind it.
"""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from fixtures.servers.folder import fresh_folder
from restore.systems.slices import sliced
from tests.bench.corpus import Corpus, cached
from tests.bench.report import Report

RUNS = 3
SIZES, QUICK_SIZES = (50, 150, 500), (10, 30, 90)
MEGABYTES, QUICK = 450, 43
WANTED = "wanted"
PLAIN_GOAL, PULL_GOAL, RATIO_GOAL = 500.0, 0.25, 20.0


def main(report: Report) -> None:
    """By itself, on the corpus of `databases`."""
    measure(report, cached(QUICK if report.quick else MEGABYTES, report.note))


def measure(report: Report, corpus: Corpus) -> None:
    """Index and pull at each size; the goals of a .gz count at the largest."""
    sizes = QUICK_SIZES if report.quick else SIZES
    for size in sizes:
        with fresh_folder("slices") as folder:
            plain = folder / "all.sql"
            _write(plain, corpus, size)
            subprocess.run(["gzip", "--keep", "-3", str(plain)], check=True)
            last = size == sizes[-1]
            _one(report, plain, "cat", goals=last)
            _one(report, plain.with_suffix(".sql.gz"), "zcat", goals=last)


def _write(path: Path, corpus: Corpus, megabytes: int) -> None:
    """Databases one behind the other until it is so large; the wanted one, of 5 MB or what the largest blog has, is the
    last but one."""
    blogs = [dump for name, dump in corpus.dumps.items() if name != "shop"]
    wanted, size, number = b"", 0, 0
    while len(wanted) < 5_000_000 and number < len(blogs):
        wanted += blogs[number].read_bytes()
        number += 1
    with path.open("wb") as out:
        number = 0
        while size < megabytes * 1_000_000 - len(wanted):
            size += out.write(_section(f"db{number}", blogs[number % len(blogs)].read_bytes()))
            number += 1
        out.write(_section(WANTED, wanted))
        out.write(_section("last", blogs[0].read_bytes()))


def _section(name: str, dump: bytes) -> bytes:
    head = f"--\n-- Current Database: `{name}`\n--\n\nCREATE DATABASE `{name}`;\n\nUSE `{name}`;\n\n"
    return head.encode() + dump


def _one(report: Report, path: Path, reader: str, *, goals: bool) -> None:
    size = path.with_suffix("").stat().st_size if path.suffix == ".gz" else path.stat().st_size
    what = f"{size / 1e6:,.0f} MB {'as .gz' if path.suffix == '.gz' else 'plain'}"
    folder = path.parent / "indexes"
    seconds = _timed(lambda: sliced(path, folder), 1)
    goal = PLAIN_GOAL if path.suffix != ".gz" and goals else None
    report.figure(f"index, {what}", size / 1e6 / seconds, "MB/s", goal=goal)
    pull = _timed(lambda: _pull(path, folder), RUNS)
    begin, end = rf"/^-- Current Database: `{WANTED}`/", r"/^-- Current Database: `last`/"
    script = f"{reader} {path} | sed -n -e '{begin},{end}p' -e '{end}q' > /dev/null"
    peer = _timed(lambda: subprocess.run(["sh", "-c", script], check=True), RUNS)
    report.figure(f"pull, {what}", pull, "s", better="lower", goal=PULL_GOAL, peer=round(peer, 3))
    ratio = RATIO_GOAL if goals and path.suffix == ".gz" else None
    report.figure(f"pull, {what}, against {reader} | sed", peer / pull, "times as quick", goal=ratio)


def _pull(path: Path, folder: Path) -> int:
    return sum(map(len, sliced(path, folder).read(WANTED)))


def _timed(act: Callable[[], object], runs: int) -> float:
    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds)
