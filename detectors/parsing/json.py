"""JSON configs (RFC 8259)."""

from __future__ import annotations

import json
import re

from detectors.detector import Config
from detectors.finding import Status
from detectors.parsing.stated import Stated, exact


def at(config: Config, *path: str) -> Stated | None:
    """The text or number at a path of keys, None where there is none."""
    try:
        value = json.loads(config.content)
    except (ValueError, RecursionError) as error:
        return Stated(None, Status.PARTIAL, config.name, None, "", f"JSON that cannot be read: {error}"[:200])
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    if value is None:
        return None
    match = re.search(rb'"' + re.escape(path[-1].encode()) + rb'"\s*:', config.content)
    line = None if match is None else config.content.count(b"\n", 0, match.start()) + 1
    if isinstance(value, str):
        return exact(value.encode("utf-8", "surrogatepass"), config.name, line)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return exact(b"%d" % value, config.name, line)
    return Stated(None, Status.PARTIAL, config.name, line, "", "not a text")
