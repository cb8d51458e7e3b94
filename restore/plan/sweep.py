"""A whole run ends with one step on each target that drops the staging databases nothing needs any more.

Such are left where a person keeps the live database, where a dump is replaced by another, and where a run that did
everything again was cut. What a load or a switch-on of this run has not brought to its end is needed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from restore.model.facts import StagingSwept
from restore.model.outcome import Done, ManualItem, Outcome, Unchanged, fact_of
from restore.model.plan import Job, Learned, LoadDatabase, Plan, Step, SweepStaging, SwitchDatabase
from restore.plan.ours import LOAD, SWITCH, Traces

KEY = "sweep/"


class SweptPlan:
    """A plan that sweeps each target once all else has ended. `standing` are the keys of the steps that stand done,
    `traces` what the ledger knows of this incident's databases."""

    def __init__(self, plan: Plan, targets: Sequence[str], traces: Traces, standing: Collection[str]) -> None:
        self._plan = plan
        self._targets = tuple(targets)
        self._traces = traces
        self._standing = standing
        self._open: set[str] = set()
        self._needed: dict[str, str] = {}
        self._switches: dict[str, str] = {}
        self._swept = False
        self.items: Sequence[ManualItem] = plan.items
        self._expect(plan.jobs)
        self.jobs: Sequence[Job] = (*plan.jobs, *(() if self._open else self._sweeps()))

    def learn(self, outcome: Outcome) -> Learned:
        """As the plan itself; when nothing of it is left, the sweeps."""
        fact = fact_of(outcome)
        if isinstance(fact, StagingSwept):
            return Learned(gone=tuple(self._unswitched(fact.target)))
        if outcome.key in self._switches and isinstance(outcome, Done | Unchanged):
            self._needed.pop(self._switches[outcome.key], None)
        learned = self._plan.learn(outcome)
        self._expect(learned.jobs)
        self._open.discard(outcome.key)
        if self._open or self._swept:
            return learned
        return Learned((*learned.jobs, *self._sweeps()), learned.items, learned.gone)

    def _expect(self, jobs: Iterable[Job]) -> None:
        for job in jobs:
            for step in job.steps:
                self._open.add(step.key)
                if isinstance(step.work, LoadDatabase):
                    self._needed[step.work.staging] = step.work.target
                elif isinstance(step.work, SwitchDatabase):
                    self._switches[step.key] = step.work.staging

    def _sweeps(self) -> tuple[Job, ...]:
        self._swept = True
        needed: defaultdict[str, list[str]] = defaultdict(list)
        for staging, target in self._needed.items():
            needed[target].append(staging)
        return tuple(
            _job(target, self._traces.marks(target), tuple(sorted(needed[target])))
            for target in self._targets
            if self._traces.marks(target)
        )

    def _unswitched(self, target: str) -> Iterable[str]:
        """Loads that stand done, of which nothing went live and whose staging database is gone now: if it is wanted
        after all, it is loaded afresh."""
        switched = {key.removeprefix(SWITCH) for key in self._standing if key.startswith(SWITCH)}
        switched |= {key.rpartition("/")[0] for key in switched}
        for mark in self._traces.marks(target):
            key = self._traces.key(target, mark)
            needed = any(mark in staging for staging in self._needed)
            if key in self._standing and key.removeprefix(LOAD) not in switched and not needed:
                yield key


def _job(target: str, marks: tuple[str, ...], needed: tuple[str, ...]) -> Job:
    work = SweepStaging(target, marks, needed)
    step = Step(f"{KEY}{target}", work, (f"database/{target}", "worker"))
    return Job(step.key, "sweep", "", (step,), rank=(9,))
