"""Which limits a run under way can be given."""

from __future__ import annotations

from collections.abc import Mapping

from restore.errors import BadUse
from restore.model.incident import Incident
from restore.model.text import safe


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
