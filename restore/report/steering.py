"""How operators have changed a run, and what they have asked of it that has not come to its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from restore.ledger.events import (
    Drained,
    LimitChanged,
    Paused,
    Requested,
    RequestEnded,
    Resumed,
    kind,
)
from restore.ledger.reading import Filter, Reading, Record
from restore.model.text import safe

KINDS = tuple(map(kind, (Paused, Resumed, Drained, LimitChanged, Requested, RequestEnded)))


@dataclass(slots=True)
class Steered:
    """Of the latest run: the event that paused or drained it if one did, and the latest change of each limit; of all
    runs, the requests that have not ended."""

    paused: Record | None = None
    drained: Record | None = None
    limits: dict[str, Record] = field(default_factory=dict)
    requests: dict[str, Record] = field(default_factory=dict)


def steered(reading: Reading) -> Steered:
    """What stands in the ledger."""
    found = Steered()
    run = reading.run()
    for record in reading.events(Filter(kinds=KINDS)):
        match record.event:
            case Requested(id=name):
                found.requests[name] = record
            case RequestEnded(id=name):
                found.requests.pop(name, None)
        if run is None or record.epoch != run.epoch:
            continue
        match record.event:
            case Paused():
                found.paused = record
            case Resumed():
                found.paused = None
            case Drained():
                found.drained = record
            case LimitChanged(resource=resource):
                found.limits[resource] = record
    return found


def steering_lines(reading: Reading, running: bool) -> list[str]:
    """Lines for `status`; of a run that is over, only what it did not bring to its end."""
    found = steered(reading)
    lines = []
    for one, words in ((found.paused, "Paused"), (found.drained, "Draining")) if running else ():
        if one is not None:
            lines.append(f"{words} {_by(one)}{_why(one)}")
    for resource, one in sorted(found.limits.items()) if running else ():
        if isinstance(one.event, LimitChanged):
            lines.append(
                f"Limit: {safe(resource)} has {one.event.slots} slots, {one.event.before} before, {_by(one)}{_why(one)}"
            )
    for name, one in found.requests.items():
        if isinstance(one.event, Requested):
            kept = one.event.wants is not None or one.event.undo
            left = "the next `run` does it" if kept else "ask again"
            words = "Asked" if running else f"Asked and not come to its end, {left}"
            lines.append(f"{words}: {safe(name)} {safe(one.event.command)}, {_by(one)}{_why(one)}")
    return lines


def steering_document(reading: Reading, running: bool) -> Mapping[str, object]:
    """The same for machines."""
    found = steered(reading)
    limits = {
        name: one.event.slots for name, one in found.limits.items() if isinstance(one.event, LimitChanged)
    }
    return {
        "paused": running and found.paused is not None,
        "draining": running and found.drained is not None,
        "limits": limits if running else {},
        "requests": [
            {
                "id": safe(name),
                "command": safe(one.event.command),
                "reason": safe(one.event.reason),
                "operator": safe(one.operator.name),
                "at": one.at.isoformat(),
            }
            for name, one in found.requests.items()
            if isinstance(one.event, Requested)
        ],
    }


def steering_text(event: Requested | RequestEnded | LimitChanged | Paused | Resumed) -> str:
    """What such an event says, in words."""
    match event:
        case Requested(command=command, reason=reason):
            return safe(f"{command} ({reason})" if reason else command)
        case RequestEnded(because=because):
            return safe(because)
        case LimitChanged(resource=resource, slots=slots, before=before, reason=reason):
            return safe(f"{resource} has {slots} slots, had {before}. {reason}".rstrip())
        case Paused(reason=reason) | Resumed(reason=reason):
            return safe(reason)


def _by(record: Record) -> str:
    return f"by {safe(record.operator.name)} at {record.at:%H:%M:%S} UTC"


def _why(record: Record) -> str:
    reason = getattr(record.event, "reason", "")
    return f": {safe(reason)}" if reason else ""
