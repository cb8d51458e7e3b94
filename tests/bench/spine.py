"""Steps per second through schedule, cluster and ledger, by steps that do nothing."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from restore.ledger.events import Event, Started
from restore.ledger.ledger import Ledger
from restore.model.operator import Operator
from restore.model.outcome import Done, Outcome
from restore.model.plan import Capacity, Job, Rest, Step
from restore.run.cluster import DaskCrew, Size
from restore.run.execute import execute
from restore.run.post import Factory
from tests.bench.report import Report
from tests.run.plans import FixedPlan

STEPS = 3000
WARM_UP = 300
SIZE = Size(processes=2, threads=16)
COMMIT_SECONDS = 0.004


@dataclass(frozen=True, slots=True)
class SlowPen:
    """A ledger on a disk whose every commit takes so many seconds more."""

    ledger: Ledger
    seconds: float

    def done(self) -> Mapping[str, Outcome]:
        return self.ledger.done()

    def about(self, job: Job) -> None:
        self.ledger.about(job)

    def append_all(self, events: Iterable[Event]) -> None:
        self.ledger.append_all(events)
        time.sleep(self.seconds)


def main(report: Report) -> None:
    """Two processes, every commit synced (PRAGMA synchronous = FULL), Started and outcome of every step recorded."""
    with tempfile.TemporaryDirectory(prefix="spine-") as name:
        folder = Path(name)
        crew = DaskCrew(folder / "cluster", Factory("tests.run.workplace:still_systems"), SIZE)
        try:
            measure(crew, folder / "warm", WARM_UP, 0.0)
            report.figure(
                "steps through the spine", measure(crew, folder / "a", STEPS, 0.0), "steps/s", goal=200
            )
            report.figure(
                "steps through the spine, 4 ms added to each commit",
                measure(crew, folder / "b", STEPS, COMMIT_SECONDS),
                "steps/s",
                goal=150,
            )
        finally:
            crew.close()
    report.note(
        f"{STEPS} steps, {SIZE.processes} processes of {SIZE.threads} threads, {os.cpu_count()} cores"
    )


def measure(crew: DaskCrew, state: Path, steps: int, seconds: float) -> float:
    """Steps per second from the first commit to the last; raises ValueError where the ledger lacks an event."""
    key = state.name
    jobs = [Job(f"{key}/{n}", "look", "", (Step(f"{key}/{n}", Rest(), ("worker",)),)) for n in range(steps)]
    capacity = Capacity({"worker": SIZE.processes * SIZE.threads})
    recorded: Counter[type] = Counter()
    with Ledger.open(state, Operator("bench", "login", os.getuid(), os.getpid(), "localhost"), 1) as ledger:
        began = time.monotonic()
        for event in execute(FixedPlan(jobs), SlowPen(ledger, seconds), crew, capacity):
            recorded[type(event)] += 1
        took = time.monotonic() - began
        if recorded != {Started: steps, Done: steps} or ledger.head.seq != 2 * steps:
            raise ValueError(f"the ledger holds {ledger.head.seq} events of {steps} steps: {recorded}")
    return steps / took
