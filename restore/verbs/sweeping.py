"""The last act of a whole run: staging databases that nothing needs any more are dropped."""

from __future__ import annotations

from collections.abc import Mapping

from restore.model.outcome import Failed, Outcome, Scope
from restore.model.survey import Narrowing
from restore.verbs.carrying import DRAINED
from restore.verbs.screen import Screen
from restore.wiring import Office


def sweep_after(
    here: Office, screen: Screen, narrowing: Narrowing, ends: Mapping[str, Outcome]
) -> dict[str, Outcome]:
    """Sweep after a whole run that came to its end and could read all names, where the run met no failing server; what
    failed, by step key."""
    if narrowing != Narrowing() or here.index().failed or here.because == DRAINED:
        return {}
    failed = [one for one in ends.values() if isinstance(one, Failed)]
    without = {one.server for one in failed if one.scope is Scope.SERVER}
    for target in sorted(without & {one.name for one in here.incident.database_targets}):
        screen.warn(f"{target} failed in this run: staging databases there are swept by the next whole run.")
    display = screen.display(steps=True)
    try:
        outcomes = here.sweep(without)
        for outcome in outcomes:
            display.event(outcome)
    finally:
        display.close()
    return {one.key: one for one in outcomes if isinstance(one, Failed)}
