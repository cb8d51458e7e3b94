"""A day that somebody states means all of it, wherever it is stated."""

from __future__ import annotations

import pytest

from restore.incident.moments import as_of, instant, since, until


def test_a_day_is_meant_whole_and_a_time_as_it_stands_in_utc() -> None:
    assert since("2026-11-24").isoformat() == "2026-11-24T00:00:00+00:00"
    assert until("2026-11-24").isoformat() == "2026-11-25T00:00:00+00:00"
    assert as_of("2026-11-24") == until("2026-11-24").timestamp() - 1
    for reading in (since, until, instant):
        assert reading("2026-11-24T03:00+01:00") == since("2026-11-24T02:00")
    assert as_of("2026-11-24T02:00") == since("2026-11-24T02:00").timestamp()


@pytest.mark.parametrize("text", ["2026-11-24", "yesterday", "2026-13-01", ""])
def test_when_something_happened_is_no_day(text: str) -> None:
    with pytest.raises(ValueError):
        instant(text)
