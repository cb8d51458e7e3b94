"""What a config states for one field, whatever language the config is written in."""

from __future__ import annotations

from dataclasses import dataclass

from detectors.finding import Evidence, Status


@dataclass(frozen=True, slots=True)
class Stated:
    """One field as a config states it.

    `value` is None where it cannot be read; `reason` then says why and `status` of which kind that is. With a
    value, `status` is EXACT, FALLBACK (a default after a missing environment variable) or AMBIGUOUS.
    """

    value: bytes | None
    status: Status
    path: str
    line: int | None
    how: str = ""
    reason: str = ""

    def evidence(self, field: str) -> Evidence:
        """The place, for the field of that name."""
        return Evidence(self.path, self.line, field, self.how)


def exact(value: bytes, path: str, line: int | None, how: str = "") -> Stated:
    """A value that stands there literally."""
    return Stated(value, Status.EXACT, path, line, how)
