"""Mail into live mailboxes against doveadm sync and mbsync: fill, nothing to do, journal lost, half full, memory.

Two clocks: bare (bytes sent and answered) and proven (from the first byte read to journal on disk, read-back and
comparison). The peers prove nothing. All run on one Dovecot with its default fsync, in turn; each run's mailboxes are
then compared with the backup message by message. Where a goal lies inside the spread of the runs, that is said.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

from tests.bench.report import Report
from tests.live.mailcorpus import DATE, MEAN_BYTES, Corpus, Held, Place, check, make_backup
from tests.live.mailcorpus import field as field_of
from tests.live.mailrace import (
    WORKERS,
    doveadm,
    grown,
    have_mbsync,
    mbsync,
    prepare_mbsync,
    restore,
    send_bare,
    server_seconds,
    spread,
    together,
    workers,
)

RUNS = 3
PEERS = (1, 2, 4, 8)
WHOLE = Corpus(boxes=20, folders=9, messages=500)
QUICK = Corpus(boxes=8, folders=9, messages=125)
WARM = Corpus(boxes=1, folders=2, messages=40)
LARGE_BYTES = 100_000_000
KINDS = ("proven", "bare", *(f"doveadm{count}" for count in PEERS), "mbsync")

Times = dict[str, list[float]]


@dataclass(slots=True)
class Race:
    """What was measured: walls in seconds by kind, processor milliseconds a message by kind."""

    fill: Times = field(default_factory=dict)
    again: Times = field(default_factory=dict)
    client: Times = field(default_factory=dict)
    server: Times = field(default_factory=dict)


def main(report: Report) -> None:
    """Medians of alternating runs; least and most are figures of their own. Installs isync where it is missing."""
    have_mbsync()
    corpus = QUICK if report.quick else WHOLE
    runs = [f"{kind}{run}" for kind in (*KINDS, "merge", "half") for run in range(RUNS)]
    users = [user for run in runs for user, _ in corpus.names(run)]
    ready = [f"{number}-ready-0@example.is" for number in range(WORKERS)]
    with field_of([*users, *ready, "large-0@example.is"]) as place:
        make_backup(place, "warm-0", WARM, range(WARM.messages), 4_000)
        right = {
            backup: make_backup(place, backup, corpus, range(corpus.messages))
            for _, backup in corpus.names("")
        }
        with workers(place, ("ready-0@example.is", "warm-0")) as pool:
            race = _race(place, pool, corpus, report)
            wrong = [
                f"{kind}{run}"
                for kind in KINDS
                for run in range(RUNS)
                if not check(place, corpus.names(f"{kind}{run}"), right)
            ]
            _fill_figures(report, race, corpus)
            _again_figures(report, race)
            wrong += _merge_figures(report, place, pool, corpus, right)
        report.figure("runs whose mailboxes differ", len(wrong), "runs", better="lower", goal=0)
        report.note(f"differing: {wrong or 'none'}")
        _large(report, place)


def _race(place: Place, pool: Pool, corpus: Corpus, report: Report) -> Race:
    race = Race()
    for run in range(RUNS):
        for kind in KINDS:
            names = corpus.names(f"{kind}{run}")
            if kind == "mbsync":
                prepare_mbsync(place, names)
            act = _act(kind, place, pool, names)
            wall = _measured(race, kind, place, corpus, act)
            race.fill.setdefault(kind, []).append(wall)
            report.note(f"{kind} {run + 1}: {corpus.all / wall:,.0f} messages/s")
            if kind != "bare":
                race.again.setdefault(kind, []).append(_measured(race, f"{kind} again", place, corpus, act))
        for folder in Path(place.state).glob(f"proven{run}-*"):
            shutil.rmtree(folder)
        act = _act("proven", place, pool, corpus.names(f"proven{run}"))
        race.again.setdefault("lost", []).append(_measured(race, "lost", place, corpus, act))
    return race


def _act(kind: str, place: Place, pool: Pool, names: Sequence[tuple[str, str]]) -> Callable[[], float]:
    if kind.startswith("doveadm"):
        return partial(doveadm, int(kind.removeprefix("doveadm")), place, names)
    if kind == "mbsync":
        return partial(mbsync, place, names)
    return partial(together, pool, send_bare if kind == "bare" else restore, place, names)


def _measured(race: Race, kind: str, place: Place, corpus: Corpus, act: Callable[[], float]) -> float:
    """Wall seconds; the server's processes have ended when its share is read."""
    server = server_seconds(place)
    begun = time.perf_counter()
    client = act()
    wall = time.perf_counter() - begun
    time.sleep(0.5)
    race.client.setdefault(kind, []).append(client / corpus.all * 1000)
    race.server.setdefault(kind, []).append((server_seconds(place) - server) / corpus.all * 1000)
    return wall


def _fill_figures(report: Report, race: Race, corpus: Corpus) -> None:
    rates = {kind: [corpus.all / wall for wall in walls] for kind, walls in race.fill.items()}
    best = max((f"doveadm{count}" for count in PEERS), key=lambda kind: statistics.median(rates[kind]))
    for kind, factor, peer in (("bare", 1.35, best), ("proven", 1.1, best), ("bare", 3.5, "mbsync")):
        report.spread(
            f"fill, {kind}, against {peer}", rates[kind], "messages/s", peers=rates[peer], factor=factor
        )
    for kind, values in rates.items():
        report.note(
            f"fill, {kind}: {spread(values)} messages/s; ms of CPU a message: "
            f"client {spread(race.client[kind])}, server {spread(race.server[kind])}"
        )
    report.spread("client CPU", race.client["proven"], "ms/message", better="lower", goal=0.25)
    report.figure("client CPU, SHA-256 alone", _hashing(), "ms/message", better="lower")
    report.spread("server CPU", race.server["proven"], "ms/message", better="lower")


def _hashing() -> float:
    """Of 67 kB, in ms."""
    content = bytes(MEAN_BYTES)
    begun = time.process_time()
    for _ in range(2_000):
        hashlib.sha256(content).hexdigest()
    return (time.process_time() - begun) / 2


def _again_figures(report: Report, race: Race) -> None:
    peers = [kind for kind in race.again if kind not in ("proven", "lost")]
    best = min(peers, key=lambda kind: statistics.median(race.again[kind]))
    for kind, name, factor in (("proven", "nothing to do", 1), ("lost", "nothing to do, journal lost", 2.5)):
        report.spread(
            f"{name}, against {best}",
            race.again[kind],
            "s",
            better="lower",
            peers=race.again[best],
            factor=factor,
        )
    for kind, values in race.again.items():
        report.note(f"again, {kind}: {spread(values)} s")


def _merge_figures(
    report: Report, place: Place, pool: Pool, corpus: Corpus, right: dict[str, Held]
) -> list[str]:
    """Half of each mailbox is live; the time for the other half, against that into an empty mailbox."""
    for part, first in (("old", 0), ("new", 1)):
        numbers = [number for number in range(corpus.messages) if number // 2 % 2 == first]
        for _, backup in corpus.names("", part):
            right[backup] = make_backup(place, backup, corpus, numbers)
    merge, half, wrong = [], [], []
    for run in range(RUNS):
        whole, missing = corpus.names(f"merge{run}"), corpus.names(f"half{run}", "new")
        doveadm(2, place, corpus.names(f"merge{run}", "old"))
        merge.append(_measured(Race(), "merge", place, corpus, _act("merge", place, pool, whole)))
        half.append(_measured(Race(), "half", place, corpus, _act("half", place, pool, missing)))
        wrong += [] if check(place, whole, right) else [f"merge{run}"]
        wrong += [] if check(place, missing, right) else [f"half{run}"]
    report.spread("merge into half-full", merge, "s", better="lower", peers=half, factor=1.3)
    report.note(f"merge: {spread(merge)} s; its missing half into empty mailboxes: {spread(half)} s")
    return wrong


def _large(report: Report, place: Place) -> None:
    """The largest a worker grows with one message of 100 MB among small ones."""
    make_backup(place, "large-0", WARM, range(WARM.messages))
    add_large(place, "large-0")
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    worker = context.Process(target=_grown, args=(place, told))
    worker.start()
    worker.join()
    report.figure("memory, a message of 100 MB", told.get(), "MB", better="lower", goal=200)


def add_large(place: Place, backup: str) -> None:
    """A message of 100 MB more in a backup."""
    lines = (b"x" * 70 + b"\n") * 1_000
    with open(f"{place.backups}/{backup}/Maildir/cur/{DATE}.large.old:2,S", "wb") as file:
        file.write(b"Subject: large\n\n")
        for _ in range(LARGE_BYTES // len(lines)):
            file.write(lines)


def _grown(place: Place, told: multiprocessing.SimpleQueue[float]) -> None:
    restore(place, "large-0@example.is", "large-0")
    told.put(grown())
