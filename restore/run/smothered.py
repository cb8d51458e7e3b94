"""Backup and mail servers that cannot keep up: their slots shrink and creep back, and their steps are put back. Pure.

Additive increase, multiplicative decrease, as TCP does it (RFC 5681, 3.1): one that turns us away has its slots
halved; for each round of as many steps that came through as there are slots, it gets one more.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from restore.model.outcome import Done, Failed, Manual, Outcome, Partial, Unchanged
from restore.model.plan import Step

BUSY = {"source-busy": "source", "mail-busy": "mail"}
STALLED = {"source-stalled": "source"}
TURNED_AWAY = 32
STALLS = 1


@dataclass(slots=True)
class _Strain:
    """How it stands with one server: slots taken from it, ends in a row that were turned away, and steps that came
    through since its slots last changed."""

    taken: int = 0
    turned_away: int = 0
    through: int = 0


class Smothered:
    """Sources by the Resources of the steps that need them."""

    def __init__(self) -> None:
        self._strains: dict[str, _Strain] = {}
        self._stalls: Counter[str] = Counter()

    def puts_back(self, step: Step, outcome: Outcome) -> str:
        """The Resource whose source was too busy for this step, so that it is to be begun again later; "" where the
        outcome stands: it is another one, or this has gone on for too long."""
        kind = (BUSY | STALLED).get(outcome.code) if isinstance(outcome, Failed) else None
        if not isinstance(outcome, Failed) or kind is None:
            return ""
        name = f"{kind}/{outcome.server}"
        if name not in step.needs:
            return ""
        if outcome.code in STALLED:
            self._stalls[step.key] += 1
            return name if self._stalls[step.key] <= STALLS else ""
        strain = self._strains.setdefault(name, _Strain())
        strain.turned_away += 1
        return name if strain.turned_away <= TURNED_AWAY else ""

    def shrink(self, name: str, slots: int) -> int:
        """How many of its `slots` a source loses now: half of what it has left, never the last."""
        strain = self._strains.setdefault(name, _Strain())
        fewer = (slots - strain.taken) // 2
        strain.taken += fewer
        strain.through = 0
        return fewer

    def left(self, name: str, slots: int) -> int:
        """How many of its `slots` a source has now."""
        return max(1, slots - self._strains[name].taken) if name in self._strains else slots

    def leave_one(self, name: str, slots: int) -> int:
        """How many slots a source gets back so that one of its new number of `slots` is left to it."""
        strain = self._strains.get(name)
        back = max(0, strain.taken - slots + 1) if strain else 0
        if strain is not None:
            strain.taken -= back
        return back

    def creep(self, step: Step, outcome: Outcome, name: str, slots: int) -> int:
        """How many slots a source of an ended step gets back: 0 or 1."""
        strain = self._strains.get(name)
        if strain is None or not isinstance(outcome, Done | Unchanged | Partial | Manual):
            return 0
        strain.turned_away = 0
        strain.through += 1
        if not strain.taken or strain.through < self.left(name, slots):
            return 0
        strain.taken -= 1
        strain.through = 0
        return 1
