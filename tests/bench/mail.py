"""Mail into live mailboxes against doveadm sync and mbsync: fill, nothing to do, journal lost, half full, memory.

Two clocks: bare (bytes sent and answered) and proven (from the first byte read to journal on disk, read-back and
comparison). The peers prove nothing. All run on one Dovecot with its default fsync, in turn, eight mailboxes a run;
each run's mailboxes are then compared with the backup message by message.
"""

from __future__ import annotations

import multiprocessing
import resource
import shutil
import statistics
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.report import Report
from tests.live.mailrace import (
    BOXES,
    DATE,
    MESSAGES,
    Place,
    check,
    doveadm,
    field,
    grown,
    have_mbsync,
    make_backup,
    mbsync,
    names_of,
    prepare_mbsync,
    restore,
    seconds,
    send_bare,
    spread,
    text,
    together,
)

RUNS = 3
PEERS = (1, 2, 4, 8)
LARGE_BYTES = 100_000_000
ALL = BOXES * MESSAGES

Fill = Callable[[str], None]


def main(report: Report) -> None:
    """Medians of alternating runs; the spread is said beside them. Installs Debian's isync where mbsync is missing."""
    have_mbsync()
    kinds = ["proven", "bare", *(f"doveadm{count}" for count in PEERS), "mbsync"]
    runs = [f"{kind}{run}" for kind in kinds for run in range(RUNS)]
    halves = [f"{kind}{run}" for kind in ("merge", "half") for run in range(RUNS)]
    with field([*runs, *halves, "large"]) as place:
        body = text()
        right = {
            f"all-{box}": make_backup(place, f"all-{box}", range(MESSAGES), body) for box in range(BOXES)
        }
        rates, again, lost, cpu = _race(place, kinds, report)
        wrong = [run for run in runs if not check(place, names_of(run), right)]
        _fill_figures(report, rates, cpu)
        _again_figures(report, again, lost)
        wrong += _merge_figures(report, place, body, right)
        report.figure("runs whose mailboxes differ", len(wrong), "runs", better="lower", goal=0)
        report.note(f"differing: {wrong or 'none'}")
        _large(report, place)


Times = dict[str, list[float]]


def _race(place: Place, kinds: list[str], report: Report) -> tuple[Times, Times, list[float], list[float]]:
    rates: Times = {kind: [] for kind in kinds}
    again: Times = {kind: [] for kind in kinds if kind != "bare"}
    lost, cpu = [], []
    for run in range(RUNS):
        for kind in kinds:
            names = names_of(f"{kind}{run}")
            if kind == "mbsync":
                prepare_mbsync(place, names)
            act = _act(kind, place, f"{kind}{run}")
            before = _cpu()
            rates[kind].append(ALL / seconds(act))
            if kind == "proven":
                cpu.append((_cpu() - before) / ALL * 1000)
            if kind in again:
                again[kind].append(seconds(act))
            report.note(f"{kind} {run + 1}: {rates[kind][-1]:,.0f} messages/s")
        for folder in Path(place.state).glob(f"proven{run}-*"):
            shutil.rmtree(folder)
        lost.append(seconds(_act("proven", place, f"proven{run}")))
    return rates, again, lost, cpu


def _act(kind: str, place: Place, run: str) -> Callable[[], None]:
    names = names_of(run)
    if kind.startswith("doveadm"):
        return partial(doveadm, int(kind.removeprefix("doveadm")), place, names)
    if kind == "mbsync":
        return partial(mbsync, place, names)
    return partial(together, send_bare if kind == "bare" else restore, place, names)


def _cpu() -> float:
    """Processor seconds of the workers that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fill_figures(report: Report, rates: Times, cpu: list[float]) -> None:
    medians = {kind: statistics.median(values) for kind, values in rates.items()}
    best = max((f"doveadm{count}" for count in PEERS), key=medians.__getitem__)
    for kind, factor in (("bare", 1.35), ("proven", 1.1)):
        peer = medians[best]
        report.figure(
            f"fill, {kind}, against {best}", medians[kind], "messages/s", goal=factor * peer, peer=peer
        )
        inside = min(rates[kind]) < factor * max(rates[best]) and max(rates[kind]) > factor * min(rates[best])
        if inside:
            report.note(f"fill, {kind}: the goal lies inside the spread: not distinguishable")
    peer = medians["mbsync"]
    report.figure("fill, bare, against mbsync", medians["bare"], "messages/s", goal=3.5 * peer, peer=peer)
    report.figure("client CPU", statistics.median(cpu), "ms/message", better="lower", goal=0.25)
    for kind, values in rates.items():
        report.note(f"fill, {kind}: {spread(values)} messages/s")


def _again_figures(report: Report, again: Times, lost: list[float]) -> None:
    medians = {kind: statistics.median(values) for kind, values in again.items()}
    peer = min(value for kind, value in medians.items() if kind != "proven")
    report.figure("nothing to do", medians["proven"], "s", better="lower", goal=peer, peer=peer)
    report.figure(
        "nothing to do, journal lost",
        statistics.median(lost),
        "s",
        better="lower",
        goal=2.5 * peer,
        peer=peer,
    )
    for kind, values in [*again.items(), ("journal lost", lost)]:
        report.note(f"again, {kind}: {spread(values)} s")


def _merge_figures(report: Report, place: Place, body: bytes, right: dict[str, Counter[bytes]]) -> list[str]:
    """Half of each mailbox is live; the time for the other half, against that into an empty mailbox."""
    for part, numbers in (("old", range(0, MESSAGES, 2)), ("new", range(1, MESSAGES, 2))):
        held = {f"{part}-{box}": make_backup(place, f"{part}-{box}", numbers, body) for box in range(BOXES)}
        right.update(held)
    merge, half, wrong = [], [], []
    for run in range(RUNS):
        doveadm(2, place, names_of(f"merge{run}", "old"))
        merge.append(seconds(partial(together, restore, place, names_of(f"merge{run}"))))
        half.append(seconds(partial(together, restore, place, names_of(f"half{run}", "new"))))
        wrong += [] if check(place, names_of(f"merge{run}"), right) else [f"merge{run}"]
        wrong += [] if check(place, names_of(f"half{run}", "new"), right) else [f"half{run}"]
    alone = statistics.median(half)
    report.figure(
        "merge into half-full", statistics.median(merge), "s", better="lower", goal=1.3 * alone, peer=alone
    )
    report.note(f"merge: {spread(merge)} s; its missing half into empty mailboxes: {spread(half)} s")
    return wrong


def _large(report: Report, place: Place) -> None:
    """The largest a worker grows with one message of 100 MB among small ones."""
    make_backup(place, "large-0", range(50), text())
    line = b"x" * 70 + b"\n"
    name = Path(place.backups) / "large-0" / "Maildir" / "cur" / f"{DATE}.large.old:2,S"
    name.write_bytes(b"Subject: large\n\n" + line * (LARGE_BYTES // len(line)))
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    worker = context.Process(target=_measured, args=(place, told))
    worker.start()
    worker.join()
    report.figure("memory, a message of 100 MB", told.get(), "MB", better="lower", goal=200)


def _measured(place: Place, told: multiprocessing.SimpleQueue[float]) -> None:
    restore(place, names_of("large")[0][0], "large-0")
    told.put(grown())
