"""Which steps may begin now: the one place that holds every limit of the whole cluster.

Pure: no clock, no I/O; outcomes in, steps out. A Resource is named "KIND/SERVER" ("source/backup1",
"mail/mail1") or, where it belongs to no server, "KIND" ("worker"): what follows the slash is the server's
name in the incident file, so that a failure of Scope.SERVER reaches its Resource. Who goes first: lanes.py;
what becomes of a server that fails: servers.py. Longer than other modules because a job's way from its arrival
to its end is one state machine.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

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
from restore.run.lanes import Lanes, Needs
from restore.run.servers import Servers, server_of
from restore.run.smothered import Smothered
from restore.run.tracks import Counts, Track

GOES_ON = (Done, Unchanged, Partial)


class PlanBroken(ValueError):
    """A plan that can never be carried out as it stands: a bug of the planner, not an operator's."""


class Schedule:
    """Jobs in, steps out when they may begin, outcomes in, consequences out.

    `done` holds the ledger's outcomes by step, read as they are needed; a step that is done there is passed
    by, see `recorded`.
    """

    def __init__(self, jobs: Iterable[Job], done: Mapping[str, Outcome], capacity: Capacity) -> None:
        self._slots = dict(capacity.slots)
        self._lanes: Lanes[Track] = Lanes(capacity.slots)
        self._done = done
        self._tracks: dict[str, Track] = {}
        self._keys: set[str] = set()
        self._running: dict[str, Track] = {}
        self._dependants: dict[str, list[Track]] = {}
        self._due: deque[Track] = deque()
        self._things: dict[str, list[Track]] = {}
        self._recorded: list[Outcome] = []
        self._servers = Servers()
        self._smothered = Smothered()
        self._stopped = ""
        self._draining = False
        self._paused = False
        self._arrivals = 0
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

    @property
    def limits(self) -> Mapping[str, int]:
        """How many slots each Resource has now."""
        return self._slots

    @property
    def given_up(self) -> Mapping[str, str]:
        """The servers that no step is begun on any more, and why."""
        return self._servers.given_up()

    def occupied(self, resource: str) -> bool:
        """Whether a step under way uses it."""
        return any(resource in track.step.needs for track in self._running.values())

    @property
    def paused(self) -> bool:
        """Nothing begins until `resume`."""
        return self._paused

    def add(self, jobs: Iterable[Job], *, anew: bool = False) -> tuple[Outcome, ...]:
        """Take in jobs; returns the outcomes of steps abandoned at once (a closed server, a stopped run).

        A job whose key is known is the same job; a smaller rank moves it forward. Decided `anew`, one that has
        ended is taken in once more (what stands done is passed by), one that has not begun is replaced where its
        steps are others, one that runs is left to run, and the servers they need are trusted again.
        Raises PlanBroken for a Resource without slots, a step key used twice, or a known job with other steps.
        """
        for job in jobs:
            known = self._tracks.get(job.key)
            if known is not None and anew:
                known = self._renew(known, job)
            if known is None:
                self._take_in(job)
            elif anew or known.job.steps == job.steps:
                self._move_forward(known, job.rank)
            else:
                raise PlanBroken(f"job {job.key} was added twice, with different steps")
        return self._settle()

    def withdraw(self, jobs: Iterable[str]) -> tuple[Outcome, ...]:
        """Forget these jobs, by their keys, unless a step of theirs runs or they have ended."""
        for key in jobs:
            track = self._tracks.get(key)
            if track is not None and not track.ended and not self._is_running(track):
                self._leave(track)
        return self._settle()

    def know(self, done: Mapping[str, Outcome]) -> None:
        """The ledger's outcomes as they stand now."""
        self._done = done

    def suspend(self) -> None:
        """Begin nothing until `resume`; what runs goes on."""
        self._paused = True

    def resume(self) -> None:
        """Begin again what waits."""
        self._paused = False

    def limit(self, resource: str, slots: int) -> int:
        """Give a Resource another number of slots (1 or more) from now on; the number it had. What runs goes on: a
        lower limit holds for all as soon as so many have ended. Raises PlanBroken for a Resource that is not known."""
        before = self._slots.get(resource, 0)
        if not before or slots < 1:
            raise PlanBroken(f"{resource!r} cannot have {slots} slots; it has {before}")
        self._slots[resource] = slots
        self._lanes.grow(resource, slots - before + self._smothered.leave_one(resource, slots))
        return before

    def begin(self) -> tuple[Step, ...]:
        """The steps that begin now, each in its slots until `end`."""
        if self._draining or self._paused:
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

    def put_back(self, outcome: Outcome) -> Outcome | None:
        """Where a step ended because its backup server is smothered: let it wait again, with fewer slots for that
        server, and say so. None for any other outcome, which goes to `end`."""
        track = self._running.get(outcome.key)
        name = "" if track is None else self._smothered.puts_back(track.step, outcome)
        if track is None or not name or not isinstance(outcome, Failed) or self._servers.closed(track.step):
            return None
        del self._running[outcome.key]
        self._lanes.release(_needs(track.step))
        self._servers.heard(track.step, outcome)
        track.counts.running -= 1
        self._lanes.grow(name, -self._smothered.shrink(name, self._slots[name]))
        self._wait(track)
        left = self._smothered.left(name, self._slots[name])
        return Abandoned(
            outcome.key, f"put back, {server_of(name)} now has {left} slot(s): {outcome.message}"
        )

    def end(self, outcome: Outcome) -> tuple[Outcome, ...]:
        """Free a running step's slots; returns the outcomes that follow from its own, each step's once."""
        track = self._running.pop(outcome.key, None)
        if track is None:
            raise PlanBroken(f"step {outcome.key} ended but was not running")
        step = track.step
        self._lanes.release(_needs(step))
        for name in _needs(step):
            self._lanes.grow(name, self._smothered.creep(step, outcome, name, self._slots[name]))
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
        self._arrivals += 1
        track = Track(job, job.rank, self._arrivals, counts)
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
        if job.thing:
            self._queue_up(track)
        self._due.append(track)

    def _queue_up(self, track: Track) -> None:
        """Jobs of one thing go one after the other: what has begun first, then by their ranks."""
        others = self._things.setdefault(track.job.thing, [])
        for other in others:
            if track.rank < other.rank and not other.at and not self._is_running(other):
                if other.place is not None:
                    other.place.left, other.place = True, None
                self._await(other, track)
            else:
                self._await(track, other)
        others.append(track)

    def _await(self, track: Track, other: Track) -> None:
        self._dependants.setdefault(other.job.key, []).append(track)
        track.waits += 1

    def _check(self, job: Job) -> None:
        keys: set[str] = set()
        for step in job.steps:
            if step.key in keys or step.key in self._keys:
                raise PlanBroken(f"job {job.key}: two steps have the key {step.key}")
            keys.add(step.key)
            for name in step.needs:
                if self._slots.get(name, 0) < 1:
                    raise PlanBroken(f"step {step.key} needs {name!r}: it has no slots")

    def _move_forward(self, known: Track, rank: tuple[int, ...]) -> None:
        if rank < known.rank:
            known.rank = rank
            if known.place is not None and not known.ended:
                known.place.left = True
                self._wait(known)

    def _is_running(self, track: Track) -> bool:
        return track.at < len(track.job.steps) and self._running.get(track.step.key) is track

    def _renew(self, known: Track, job: Job) -> Track | None:
        """What is left of a known job that was decided anew: itself while it runs or is the same, else nothing."""
        for step in job.steps:
            self._servers.trust(step)
        if self._is_running(known):
            return known
        if known.ended or known.job.steps != job.steps:
            self._leave(known)
            return None
        return known

    def _leave(self, track: Track) -> None:
        """Let a job that does not run be as if it had never come."""
        if not track.ended:
            track.counts.steps_ended += len(track.job.steps) - track.at
            self._finish(track)
        counts, steps = track.counts, len(track.job.steps)
        counts.jobs, counts.jobs_ended = counts.jobs - 1, counts.jobs_ended - 1
        counts.steps, counts.steps_ended = counts.steps - steps, counts.steps_ended - steps
        counts.bytes, counts.bytes_ended = (
            counts.bytes - track.job.bytes,
            counts.bytes_ended - track.job.bytes,
        )
        del self._tracks[track.job.key]
        self._keys.difference_update(step.key for step in track.job.steps)

    def _settle(self) -> tuple[Outcome, ...]:
        consequences: list[Outcome] = []
        while self._due:
            track = self._due.popleft()
            if not track.ended:
                self._advance(track, consequences)
        return tuple(consequences)

    def _advance(self, track: Track, consequences: list[Outcome]) -> None:
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

    def _wait(self, track: Track) -> None:
        order = (track.rank, track.arrival)
        track.place = self._lanes.put(track, order, _needs(track.step))

    def _may_begin(self, track: Track) -> bool:
        return self._servers.may_begin(track.step)

    def _stop(self, because: str) -> None:
        self._stopped = because
        busy = {track.job.key for track in self._running.values()}
        self._due.extend(track for key, track in self._tracks.items() if key not in busy)

    def _abandon(self, track: Track, because: str, consequences: list[Outcome]) -> None:
        while track.at < len(track.job.steps):
            if not self._pass_by(track):
                consequences.append(Abandoned(track.step.key, because))
                track.at += 1
                track.counts.steps_ended += 1
        self._finish(track)

    def _pass_by(self, track: Track) -> bool:
        known = self._done.get(track.step.key)
        if not isinstance(known, GOES_ON):
            return False
        self._recorded.append(known)
        track.at += 1
        track.counts.steps_ended += 1
        return True

    def _finish(self, track: Track) -> None:
        track.ended = True
        if track.place is not None:
            track.place.left = True
        if track.job.thing:
            self._things[track.job.thing].remove(track)
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
