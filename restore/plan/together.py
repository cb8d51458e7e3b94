"""Several plans as one: the run's own, and those decided since for what somebody asked while it was on. Pure.

Each step is decided on by one plan, the latest whose part it is. What an older plan has decided of that part and is
not begun yet is withdrawn; what runs goes on, and the newer plan learns how it ended where it wants the same step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from restore.model.outcome import Abandoned, Failed, Manual, ManualItem, Outcome
from restore.model.plan import Job, Learned, Plan, Work
from restore.plan.wanted import Wish

AHEAD = -1


@dataclass(eq=False, slots=True)
class Asked:
    """One request's share of the work: all of its own part, and what `wish` wants of others. Which steps are open,
    which were ever its own, which questions came up. `ahead`: its jobs go before all others. What `again` wants of its
    own part is done though it stands done."""

    wish: Wish | None
    ahead: bool = True
    again: Wish | None = None
    open: set[str] = field(default_factory=set)
    steps: set[str] = field(default_factory=set)
    items: set[str] = field(default_factory=set)


class Together:
    """The plan of a coordinator. `covers` is what the run itself was asked for; None where it restores nothing."""

    def __init__(self, first: Plan, covers: Wish | None) -> None:
        self._first = first
        self._covers = [covers] if covers else []
        self.own = Asked(covers, ahead=False)
        self._plans: dict[str, Plan | None] = {}
        self._open: dict[str, Job] = {}
        self._ends: dict[str, Outcome] = {}
        self._asked: list[tuple[Asked, Plan]] = [(self.own, first)]
        self._broken: dict[str, Job] = {}
        self.dead: set[str] = set()
        self.again: set[str] = set()
        self.items: Sequence[ManualItem] = first.items
        self.jobs: Sequence[Job] = self._hand_out(first, Learned(tuple(first.jobs))).jobs

    @property
    def covers(self) -> Sequence[Wish]:
        """All that is being restored by this run."""
        return self._covers

    def learn(self, outcome: Outcome) -> Learned:
        """What the plan whose step it is makes of it."""
        self.again.discard(outcome.key)
        job = self._open.pop(outcome.key, None)
        if isinstance(outcome, Failed | Manual | Abandoned):
            self._ends[outcome.key] = outcome
            self._broken.update({outcome.key: job} if job else {})
        else:
            self._ends.pop(outcome.key, None)
            self._broken.pop(outcome.key, None)
        plan = self._plans.get(outcome.key)
        learned = self._hand_out(plan, plan.learn(outcome)) if plan else Learned()
        for asked, _ in self._asked:
            asked.open.discard(outcome.key)
            if isinstance(outcome, Manual) and outcome.key in asked.steps:
                asked.items.update(item.id for item in outcome.items)
        return learned

    def take_in(self, asked: Asked, part: Plan, covers: Wish | None) -> Learned:
        """Let `part`, decided now, decide on all that `covers` wants, for what was `asked`."""
        self._asked.append((asked, part))
        if covers is not None and covers not in self._covers and self._adds(covers):
            self._covers.append(covers)
        mine = {key: job for key, job in self._open.items() if covers and covers.wants(_work(job))}
        learned = self._hand_out(part, Learned(tuple(part.jobs), tuple(part.items)))
        kept = {step.key for job in learned.jobs for step in job.steps}
        for key in mine.keys() - kept:
            self._plans[key] = None
            self._open.pop(key)
            for other, _ in self._asked:
                other.open.discard(key)
        withdrawn = {job.key for key, job in mine.items() if key not in kept}
        return replace(learned, withdrawn=tuple(sorted(withdrawn)))

    def broken_by(self, source: str) -> tuple[Job, ...]:
        """The jobs that ended badly because this source was given up, each told once; none of them is begun again as
        it was."""
        self.dead.add(source)
        told = {
            key: job for key, job in self._broken.items() if _needs(job, {source}) and self._by_death(key)
        }
        for key in told:
            del self._broken[key]
        return tuple(told.values())

    def _by_death(self, key: str) -> bool:
        end = self._ends.get(key)
        return isinstance(end, Abandoned) or (isinstance(end, Failed) and end.server in self.dead)

    def close(self, asked: Asked) -> None:
        """Nobody waits for this any more."""
        self._asked = [one for one in self._asked if one[0] is not asked]

    def _adds(self, covers: Wish) -> bool:
        """Whether it says more than what is covered already, be it of which time."""
        return covers.narrowing.as_of is not None or not self._everything()

    def _everything(self) -> bool:
        return any(one.narrowing.nothing_named and not one.narrowing.kinds for one in self._covers)

    def _hand_out(self, plan: Plan, learned: Learned) -> Learned:
        """Jobs on their way to the schedule. Of a part, those that ended badly and that nobody asks for again are not
        done once more: the part learns how they ended."""
        items, gone = list(learned.items), list(learned.gone)
        jobs: list[Job] = []
        waiting = deque(learned.jobs)
        while waiting:
            job = waiting.popleft()
            wishes = [one for one, part in self._asked if _is_of(job, one, part is plan)]
            again = plan is self._first or any(one is not self.own for one in wishes)
            again = again or (self._by_death(job.steps[0].key) and not _needs(job, self.dead))
            end = None if again else self._ends.get(job.steps[0].key)
            if end is not None:
                more = plan.learn(end)
                waiting += more.jobs
                items += more.items
                gone += more.gone
                continue
            jobs.append(self._note(plan, job, wishes))
            asked_again = (one.again for one, part in self._asked if part is plan and one.again)
            if any(wish.wants(_work(job)) for wish in asked_again):
                self.again.update(step.key for step in job.steps)
        for asked, part in self._asked:
            if part is plan:
                asked.items.update(item.id for item in items)
        return Learned(tuple(jobs), tuple(items), tuple(gone), anew=plan is not self._first)

    def _note(self, plan: Plan, job: Job, wishes: Iterable[Asked]) -> Job:
        keys = [step.key for step in job.steps]
        self._plans.update(dict.fromkeys(keys, plan))
        self._open.update(dict.fromkeys(keys, job))
        for asked in wishes:
            asked.open.update(keys)
            asked.steps.update(keys)
        ahead = any(asked.ahead for asked in wishes)
        return replace(job, rank=(AHEAD, *job.rank)) if ahead else job


def _is_of(job: Job, asked: Asked, own_part: bool) -> bool:
    return own_part or (asked.wish is not None and asked.wish.wants(_work(job)))


def _needs(job: Job, sources: Collection[str]) -> bool:
    return any(name == f"source/{one}" for one in sources for step in job.steps for name in step.needs)


def _work(job: Job) -> Work:
    return job.steps[0].work
