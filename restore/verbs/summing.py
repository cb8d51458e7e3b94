"""How work ended, in one line and an exit code."""

from __future__ import annotations

from collections.abc import Mapping

from restore.ledger.events import kind
from restore.model.outcome import Done, Outcome
from restore.verbs.screen import DONE, FAILURES, QUESTIONS, Screen

COUNTED = ("done", "unchanged", "partial", "failed", "abandoned", "manual")


def summary(screen: Screen, ends: Mapping[str, Outcome], left: int) -> int:
    """Say how it ended; failures win over questions."""
    counts = dict.fromkeys(COUNTED, 0)
    for key, outcome in ends.items():
        if not (key.startswith("look/") and isinstance(outcome, Done)):
            counts[kind(outcome)] += 1
    if screen.as_json:
        screen.document({"steps": counts, "questions": left})
    else:
        shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do"
        more = ": bulkrestore queue list" if left else ""
        screen.say(f"{shown}; {left} question(s) wait for a person{more}")
    if counts["failed"] + counts["partial"] + counts["abandoned"]:
        return FAILURES
    return QUESTIONS if left else DONE
