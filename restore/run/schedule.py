"""Which steps may begin now: the one place that holds every limit of the whole cluster.

Pure: no clock, no I/O; outcomes in, steps out. A Resource is named "KIND/SERVER" ("source/backup1",
"mail/mail1") or, where it belongs to no server, "KIND" ("worker"): what follows the slash is the server's
name in the incident file, so that a failure of Scope.SERVER reaches its Resource. Who goes first: lanes.py;
what becomes of a server that fails: servers.py.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from restore.model.outcome import (
    Abandoned,
    Done,
    Failed,
    Manual,
    Outcome,
    Partial,
    Scope,
    Unchanged,
)
from restore.model.plan import Capacity, Job, Step
from restore.run.lanes import Lanes, Needs, Place
from restore.run.servers import Servers, server_of

GOES_ON = (Done, Unchanged, Partial)


class PlanBroken(ValueError):
    """A plan that can never be carried out as it stands: a bug of the planner, not an operator's."""


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
class _Track:
    """Where one job stands: `waits` counts the jobs it is after, `at` is the index of its next step."""

    job: Job
    rank: tuple[int, ...]
    arrival: int
    counts: Counts
    waits: int = 0
    at: int = 0
    place: Place[_Track] | None = None
    ended: bool = False

    @property
    def step(self) -> Step:
        return self.job.steps[self.at]


class Schedule:
    """Jobs in, steps out when they may begin, outcomes in, consequences out.

    `done` holds the ledger's outcomes by step, read as they are needed; a step that is done there is passed
    by, see `recorded`.
    """

    def __init__(self, jobs: Iterable[Job], done: Mapping[str, Outcome], capacity: Capacity) -> None:
        self._slots = capacity.slots
        self._lanes: Lanes[_Track] = Lanes(capacity.slots)
        self._done = done
        self._tracks: dict[str, _Track] = {}
        self._keys: set[str] = set()
        self._running: dict[str, _Track] = {}
        self._dependants: dict[str, list[_Track]] = {}
        self._due: deque[_Track] = deque()
        self._recorded: list[Outcome] = []
        self._servers = Servers()
        self._stopped = ""
        self._draining = False
        self._open_jobs = 0
        self._counts: dict[str, Counts] = {}
        self.add(jobs)

    @property
    def idle(self) -> bool:
        """Nothing runs, and nothing will begin unless jobs are added."""
        return not self._running and (self._draining or not self._open_jobs)

    @property
    def counts(self) -> Mapping[str, Counts]:
        """How far each kind of job is, always up to date."""
        return self._counts

    def add(self, jobs: Iterable[Job]) -> tuple[Outcome, ...]:
        """Take in jobs; returns the outcomes of steps abandoned at once (a closed server, a stopped run).

        A job whose key is known is the same job; a smaller rank moves it forward. Raises PlanBroken for a
        Resource without slots, a step key used twice, or a known job with other steps.
        """
        for job in jobs:
            known = self._tracks.get(job.key)
            if known is None:
                self._take_in(job)
            else:
                self._meet_again(known, job)
        return self._settle()

    def begin(self) -> tuple[Step, ...]:
        """The steps that begin now, each in its slots until `end`."""
        if self._draining:
            return ()
        begun = []
        for track in self._lanes.take(self._may_begin):
            step = track.step
            track.place = None
            track.counts.running += 1
            self._running[step.key] = track
            self._servers.begun(step)
            begun.append(step)
        return tuple(begun)

    def pause(self, step: Step) -> int:
        """How many tries in a row have failed on the servers of a step that has just begun; 0 for none."""
        return self._servers.failures(step)

    def end(self, outcome: Outcome) -> tuple[Outcome, ...]:
        """Free a running step's slots; returns the outcomes that follow from its own, each step's once."""
        track = self._running.pop(outcome.key, None)
        if track is None:
            raise PlanBroken(f"step {outcome.key} ended but was not running")
        step = track.step
        self._lanes.release(_needs(step))
        track.at += 1
        track.counts.running -= 1
        track.counts.steps_ended += 1
        consequences: list[Outcome] = []
        if isinstance(outcome, GOES_ON):
            self._due.append(track)
        else:
            self._abandon(track, _because(outcome), consequences)
        closed, because = self._servers.heard(step, outcome)
        if closed:
            for waiting in self._lanes.leave(lambda name: server_of(name) == closed):
                self._abandon(waiting, because, consequences)
        if isinstance(outcome, Failed) and outcome.scope is Scope.RUN:
            self._stop(_because(outcome))
        return (*consequences, *self._settle())

    def recorded(self) -> tuple[Outcome, ...]:
        """The ledger's outcomes of the steps passed by since the last call, for the plan to learn."""
        recorded = tuple(self._recorded)
        self._recorded.clear()
        return recorded

    def drain(self) -> None:
        """Begin nothing more; what waits stays for the next run."""
        self._draining = True

    def check_end(self) -> None:
        """To be called when nothing runs and nothing has begun. Raises PlanBroken where jobs are left: they
        wait for jobs that were never added, or for each other."""
        if not self.idle:
            raise PlanBroken(self._stuck())

    def _take_in(self, job: Job) -> None:
        self._check(job)
        counts = self._counts.setdefault(job.kind, Counts())
        track = _Track(job, job.rank, len(self._tracks), counts)
        self._tracks[job.key] = track
        self._keys.update(step.key for step in job.steps)
        self._open_jobs += 1
        counts.jobs += 1
        counts.steps += len(job.steps)
        counts.bytes += job.bytes
        for key in dict.fromkeys(job.after):
            other = self._tracks.get(key)
            if other is None or not other.ended:
                self._dependants.setdefault(key, []).append(track)
                track.waits += 1
        self._due.append(track)

    def _check(self, job: Job) -> None:
        keys: set[str] = set()
        for step in job.steps:
            if step.key in keys or step.key in self._keys:
                raise PlanBroken(f"job {job.key}: two steps have the key {step.key}")
            keys.add(step.key)
            for name in step.needs:
                if self._slots.get(name, 0) < 1:
                    raise PlanBroken(f"step {step.key} needs {name!r}: it has no slots")

    def _meet_again(self, known: _Track, job: Job) -> None:
        if job.steps != known.job.steps:
            raise PlanBroken(f"job {job.key} was added twice, with different steps")
        if job.rank < known.rank:
            known.rank = job.rank
            if known.place is not None:
                known.place.left = True
                self._wait(known)

    def _settle(self) -> tuple[Outcome, ...]:
        consequences: list[Outcome] = []
        while self._due:
            track = self._due.popleft()
            if not track.ended:
                self._advance(track, consequences)
        return tuple(consequences)

    def _advance(self, track: _Track, consequences: list[Outcome]) -> None:
        while track.at < len(track.job.steps) and self._pass_by(track):
            pass
        if track.at == len(track.job.steps):
            self._finish(track)
        elif self._stopped:
            self._abandon(track, self._stopped, consequences)
        elif not track.waits and track.place is None:
            closed = self._servers.closed(track.step)
            if closed:
                self._abandon(track, closed, consequences)
            else:
                self._wait(track)

    def _wait(self, track: _Track) -> None:
        order = (track.rank, track.arrival)
        track.place = self._lanes.put(track, order, _needs(track.step))

    def _may_begin(self, track: _Track) -> bool:
        return self._servers.may_begin(track.step)

    def _stop(self, because: str) -> None:
        self._stopped = because
        busy = {track.job.key for track in self._running.values()}
        self._due.extend(track for key, track in self._tracks.items() if key not in busy)

    def _abandon(self, track: _Track, because: str, consequences: list[Outcome]) -> None:
        while track.at < len(track.job.steps):
            if not self._pass_by(track):
                consequences.append(Abandoned(track.step.key, because))
                track.at += 1
                track.counts.steps_ended += 1
        self._finish(track)

    def _pass_by(self, track: _Track) -> bool:
        known = self._done.get(track.step.key)
        if not isinstance(known, GOES_ON):
            return False
        self._recorded.append(known)
        track.at += 1
        track.counts.steps_ended += 1
        return True

    def _finish(self, track: _Track) -> None:
        track.ended = True
        if track.place is not None:
            track.place.left = True
        self._open_jobs -= 1
        track.counts.jobs_ended += 1
        track.counts.bytes_ended += track.job.bytes
        for other in self._dependants.pop(track.job.key, ()):
            other.waits -= 1
            if not other.waits:
                self._due.append(other)

    def _stuck(self) -> str:
        stuck = [track.job for track in self._tracks.values() if not track.ended]
        waits = [
            f"{job.key} waits for {', '.join(key for key in job.after if key in self._dependants)}"
            for job in stuck[:3]
        ]
        return f"{len(stuck)} job(s) can never begin: {'; '.join(waits)}"


def _needs(step: Step) -> Needs:
    return tuple(sorted(set(step.needs)))


def _because(outcome: Outcome) -> str:
    match outcome:
        case Failed():
            return f"{outcome.key} failed: {outcome.message}"
        case Manual():
            return f"{outcome.key} waits for a person's answer"
        case Abandoned():
            return outcome.because
        case _:
            return ""
