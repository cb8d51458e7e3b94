"""How far one job is, and how far one kind of job. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from restore.model.plan import Job, Step
from restore.run.lanes import Place


@dataclass(slots=True)
class Counts:
    """How far one kind of job is: jobs, steps and expected bytes, in all and ended."""

    jobs: int = 0
    jobs_ended: int = 0
    steps: int = 0
    steps_ended: int = 0
    running: int = 0
    bytes: int = 0
    bytes_ended: int = 0


@dataclass(slots=True, eq=False)
class Track:
    """Where one job stands: `waits` counts the jobs it is after, `at` is the index of its next step."""

    job: Job
    rank: tuple[int, ...]
    arrival: int
    counts: Counts
    waits: int = 0
    at: int = 0
    place: Place[Track] | None = None
    ended: bool = False

    @property
    def step(self) -> Step:
        return self.job.steps[self.at]
