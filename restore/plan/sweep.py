"""After a whole run, one step on each target drops the staging databases nothing needs any more.

Such are left where a person keeps the live database, where a dump is replaced by another, and where a run that did
everything again was cut. What a load that is still planned has not brought live is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from restore.model.facts import StagingSwept
from restore.model.outcome import ManualItem, Outcome, fact_of
from restore.model.plan import Job, Learned, LoadDatabase, Step, SweepStaging
from restore.plan.ours import LOAD, SWITCH, Traces

KEY = "sweep/"


class SweepPlan:
    """Sweeps these targets. `planned` are the jobs of a run as it would begin now, `traces` what the ledger knows of
    this incident's databases, `standing` the keys of the loads and switch-ons that stand done."""

    def __init__(
        self, planned: Iterable[Job], targets: Sequence[str], traces: Traces, standing: Collection[str]
    ) -> None:
        switched = {key.removeprefix(SWITCH) for key in standing if key.startswith(SWITCH)}
        # A switch-on that set live tables aside says so behind one slash more.
        switched |= {key.rpartition("/")[0] for key in switched}
        self._needed = _needed(planned, switched)
        self._unswitched = {
            key for key in standing if key.startswith(LOAD) and key.removeprefix(LOAD) not in switched
        }
        self._traces = traces
        self.items: Sequence[ManualItem] = ()
        self.jobs: Sequence[Job] = tuple(self._job(target) for target in targets if traces.marks(target))

    def learn(self, outcome: Outcome) -> Learned:
        """The loads whose staging database is gone by this: what is wanted after all is loaded afresh."""
        fact = fact_of(outcome)
        if not isinstance(fact, StagingSwept):
            return Learned()
        loads = {self._traces.key(fact.target, mark) for mark in self._traces.marks(fact.target)}
        return Learned(gone=tuple(sorted(loads & self._unswitched - self._needed.keys())))

    def _job(self, target: str) -> Job:
        needed = tuple(sorted(work.staging for work in self._needed.values() if work.target == target))
        work = SweepStaging(target, self._traces.marks(target), needed)
        step = Step(f"{KEY}{target}", work, (f"database/{target}", "worker"))
        return Job(step.key, "sweep", "", (step,))


def _needed(planned: Iterable[Job], switched: Collection[str]) -> dict[str, LoadDatabase]:
    """The loads that have not brought their database live, by key."""
    return {
        step.key: step.work
        for job in planned
        for step in job.steps
        if isinstance(step.work, LoadDatabase) and step.key.removeprefix(LOAD) not in switched
    }
