"""The lines that part the messages of an mbox file: "From SENDER DATE", as Dovecot takes them (lib-storage/index/mbox).

The date is asctime's, with or without seconds and a zone, or RFC 5322's. A line with neither is text.
"""

from __future__ import annotations

import re
from calendar import timegm
from functools import lru_cache

LONGEST = 4096
"""Bytes of such a line that are looked at."""
MONTHS = (b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec")
_SENDER = rb'From (?:"(?:[^"\\\r\n]|\\[^\r\n])*")?[^ \r\n]* *'
_MONTH = rb"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|\?\?\?) "
_TIME = rb"(?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
_ZONE = rb"(?P<%s>[+-]\d{4})"
_ASCTIME = re.compile(
    _SENDER
    + rb"[^\r\n]{4}"
    + _MONTH
    + rb" ?(?P<day>\d{1,2}) "
    + _TIME
    + rb" (?:(?:"
    + _ZONE % b"before"
    + rb"|(?!\d{4})[^ \r\n]*) )?(?P<year>\d{4})(?: "
    + _ZONE % b"after"
    + rb")?",
    re.IGNORECASE,
)
_RFC5322 = re.compile(
    _SENDER
    + rb"[^\r\n]{5}(?P<day>\d{1,2}) "
    + _MONTH
    + rb"(?P<year>\d{4})[^\r\n]"
    + _TIME
    + rb"(?: "
    + _ZONE % b"after"
    + rb")?",
    re.IGNORECASE,
)


@lru_cache(maxsize=64)
def from_line(line: bytes) -> int | None:
    """The INTERNALDATE (epoch seconds, UTC where no zone is stated) that a line states, None where it parts no
    messages. Its beginning is enough."""
    found = _ASCTIME.match(line) or _RFC5322.match(line)
    if found is None:
        return None
    parts = found.groupdict()
    month = MONTHS.index(parts["month"].lower()) + 1 if parts["month"] != b"???" else 1
    day, hour, minute = max(1, int(parts["day"])), int(parts["hour"]), int(parts["minute"])
    year = max(1, int(parts["year"]))
    clock = day * 86400 + hour * 3600 + minute * 60 + int(parts["second"] or 0)
    return timegm((year, month, 1, 0, 0, 0)) - 86400 + clock - _zone(parts.get("before") or parts["after"])


def _zone(stated: bytes | None) -> int:
    """Seconds east of UTC."""
    if stated is None:
        return 0
    seconds = int(stated[1:3]) * 3600 + int(stated[3:]) * 60
    return seconds if stated[:1] == b"+" else -seconds
