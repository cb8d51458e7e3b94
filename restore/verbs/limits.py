"""How a run under way can be changed: held up, let go on, drained, and given other limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from restore.errors import BadUse
from restore.ledger.events import Drained, LimitChanged, Paused, Resumed
from restore.model.incident import Incident
from restore.model.text import safe
from restore.run.schedule import Schedule
from restore.verbs.narrowing import text_said

BY_REQUEST = "asked to by a request"
Change = Paused | Resumed | Drained | LimitChanged


def change_asked(said: Mapping[str, Any], incident: Incident, schedule: Schedule) -> Change:
    """The change that a request asks for, for the record. Raises BadUse, RequestRefused."""
    reason = text_said(said, "reason")
    match said["ask"]:
        case "pause":
            return Paused(reason)
        case "resume":
            return Resumed(reason)
        case "drain":
            return Drained(reason or BY_REQUEST)
        case _:
            resource, slots = text_said(said, "resource"), said.get("slots")
            before = check_limit(incident, schedule.limits, resource, slots)
            return LimitChanged(resource, slots if isinstance(slots, int) else 0, before, reason)


def change(schedule: Schedule, event: Paused | Resumed | LimitChanged) -> None:
    """Make the change."""
    match event:
        case Paused():
            schedule.suspend()
        case Resumed():
            schedule.resume()
        case LimitChanged(resource=resource, slots=slots):
            schedule.limit(resource, slots)


def check_limit(incident: Incident, limits: Mapping[str, int], resource: str, slots: object) -> int:
    """The limit that holds now; raises BadUse for a resource that is not known, or a number it cannot have."""
    if resource not in limits:
        raise BadUse(f"no resource is called {safe(resource)}: there are {', '.join(sorted(limits))}")
    if not isinstance(slots, int) or isinstance(slots, bool) or slots < 1:
        raise BadUse("a limit is 1 or more; `bulkrestore pause` lets nothing begin")
    if resource == "worker" and slots > incident.workers:
        raise BadUse(f"the cluster was started with {incident.workers} workers: it cannot have more")
    for source in incident.sources:
        capped = min(source.copies, incident.workers)
        if resource == f"source/{source.name}" and source.bytes_per_second and slots > capped:
            raise BadUse(f"{source.name} shares its bandwidth limit among {capped}: more would pass it")
    return limits[resource]
