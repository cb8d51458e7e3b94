"""What a verification found out about dumps, used by the run: one that was seen to be unusable is not fetched again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from restore.model.facts import DumpVerified, Fact
from restore.model.mysql import DatabaseId, Fingerprint
from restore.model.plan import Job, LoadDatabase, Step

UNUSABLE = ("dump-damaged", "dump-refused")


class Judgements:
    """The newest judgement of each dump, by its fingerprint: unchanged since, it is judged the same."""

    def __init__(self, remembered: Iterable[Fact]) -> None:
        found = (fact for fact in remembered if isinstance(fact, DumpVerified))
        self._by_dump: dict[tuple[Fingerprint, DatabaseId], DumpVerified] = {
            (fact.fingerprint, fact.database): fact for fact in found
        }

    def told(self, job: Job) -> Job:
        """The job, each load of a dump that was seen to be unusable told so."""
        return replace(job, steps=tuple(map(self._step, job.steps)))

    def _step(self, step: Step) -> Step:
        work = step.work
        if not isinstance(work, LoadDatabase):
            return step
        fact = self._by_dump.get((work.dump.fingerprint, work.dump.database))
        if fact is None or fact.code not in UNUSABLE:
            return step
        return replace(step, work=replace(work, judged=fact))
