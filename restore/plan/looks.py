"""The read-only half of the work: every look, none of the doing."""

from __future__ import annotations

from collections.abc import Sequence

from restore.model.outcome import ManualItem, Outcome
from restore.model.plan import Job, Learned, LookDump, LookSite, ReadPop3Logs
from restore.plan.bulk import BulkPlan
from restore.plan.databases import look_dumps
from restore.plan.mailboxes import look_mailboxes


class LookPlan:
    """Looks at every home, Maildir and dump a plan would work on; keeps what was seen by step key."""

    def __init__(self, plan: BulkPlan) -> None:
        jobs = tuple(plan.jobs)
        sites = tuple(
            job
            for job in jobs
            if any(isinstance(step.work, LookSite | LookDump | ReadPop3Logs) for step in job.steps)
        )
        self.jobs: Sequence[Job] = (*sites, *look_mailboxes(jobs), *look_dumps(jobs))
        self.items: Sequence[ManualItem] = ()
        self.seen: dict[str, Outcome] = {}

    def learn(self, outcome: Outcome) -> Learned:
        """Keep what was seen; a look decides nothing."""
        self.seen[outcome.key] = outcome
        return Learned()
