"""Days and times as people state them, in the incident file and on the command line: one reading for all.

A time without a zone is UTC. A day without a time means all of that day: it begins with its first second, and what is
as of it, or until it, includes its last one. When something happened is no day: a time is needed.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta


def _read(value: object) -> datetime | date:
    """A day, or a time with its zone. Raises ValueError."""
    if isinstance(value, str):
        value = (
            date.fromisoformat(value) if len(value) <= len("2026-11-24") else datetime.fromisoformat(value)
        )
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return value
    raise ValueError(f"{value!r} is neither a day nor a time")


def since(value: object) -> datetime:
    """A time, or the first second of a day. Raises ValueError."""
    read = _read(value)
    return read if isinstance(read, datetime) else datetime.combine(read, time(), UTC)


def until(value: object) -> datetime:
    """A time, or the moment at which a day is over. Raises ValueError."""
    read = _read(value)
    return read if isinstance(read, datetime) else since(read) + timedelta(days=1)


def as_of(value: object) -> float:
    """A time, or the last second of a day, as epoch seconds. Raises ValueError."""
    read = _read(value)
    return (read if isinstance(read, datetime) else datetime.combine(read, time(23, 59, 59), UTC)).timestamp()


def instant(value: object) -> datetime:
    """A time. Raises ValueError, for a day alone too."""
    read = _read(value)
    if isinstance(read, datetime):
        return read
    raise ValueError(f"{value} is a day without a time")
