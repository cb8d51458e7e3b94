"""Putting back what switches set aside, as a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from restore.model.facts import DatabaseSwitched, DatabaseUndone, Fact
from restore.model.mysql import DatabaseId
from restore.model.outcome import ManualItem, Outcome
from restore.model.plan import Job, Learned, Step, UndoSwitch
from restore.plan.databases import live_thing


class UndoPlan:
    """Undoes the switches of these databases. `missing` names those that no run has switched, `already` those
    that an undo has put back since, such as one that was cut before it came to the others."""

    def __init__(
        self, wanted: Iterable[DatabaseId], remembered: Iterable[Fact], owners: Mapping[DatabaseId, str]
    ) -> None:
        live: dict[DatabaseId, DatabaseSwitched] = {}
        before: Counter[DatabaseId] = Counter()
        for fact in remembered:
            if isinstance(fact, DatabaseSwitched):
                live[fact.database] = fact
            elif isinstance(fact, DatabaseUndone):
                live.pop(fact.database, None)
                before[fact.database] += 1
        chosen = sorted(set(wanted))
        self.already = tuple(database for database in chosen if database not in live and before[database])
        self.missing = tuple(database for database in chosen if database not in live and not before[database])
        self.jobs: Sequence[Job] = tuple(
            _job(live[database], owners.get(database, ""), before[database])
            for database in chosen
            if database in live
        )
        self.items: Sequence[ManualItem] = ()

    def learn(self, outcome: Outcome) -> Learned:
        """An undo makes nothing else decidable."""
        return Learned()


def _job(fact: DatabaseSwitched, customer: str, before: int) -> Job:
    """`before` counts the undos of this database that stand done: what was restored again can be undone again."""
    key = f"undo/{fact.database}/{fact.target}/{fact.kept or 'nothing'}" + (f"/{before}" if before else "")
    work = UndoSwitch(fact.database, customer, fact.target, fact.name, fact.kept, fact.tables)
    step = Step(key, work, (f"database/{fact.target}", "worker"))
    return Job(key, "undo", customer, (step,), thing=live_thing(fact.target, fact.name))
