"""Who worked on what: the ledger's events, summed per operator."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from restore.ledger.reading import Hand
from restore.report.recovery import Recovery

ENDS = ("done", "unchanged", "partial", "failed", "abandoned", "manual")
# What a person decides himself, in words.
ACTS = {
    **{kind: kind for kind in ("answered", "dropped", "claimed", "released", "paused", "resumed")},
    "requested": "asked of a run",
    "limit-changed": "limits changed",
    "purged": "set aside and removed",
}


@dataclass(frozen=True, slots=True)
class Person:
    """One operator on one host. `steps` are steps that ended under his commands, per kind of work and end; `acts`
    what he decided in the manual queue."""

    name: str
    host: str
    commands: tuple[str, ...]
    steps: tuple[str, ...]
    acts: tuple[str, ...]
    first: datetime
    last: datetime


def people(recovery: Recovery) -> list[Person]:
    """Everybody the ledger names, in the order they came."""
    groups: dict[tuple[str, str], list[Hand]] = {}
    for hand in recovery.hands:
        groups.setdefault((hand.operator, hand.host), []).append(hand)
    return [_person(recovery, name, host, hands) for (name, host), hands in groups.items()]


def _person(recovery: Recovery, name: str, host: str, hands: list[Hand]) -> Person:
    commands: dict[str, int] = {}
    for run in recovery.runs:
        if (run.operator.name, run.operator.host) == (name, host):
            verb = run.event.command.partition(" ")[0]
            commands[verb] = commands.get(verb, 0) + 1
    return Person(
        name,
        host,
        tuple(f"{count:,} x {command}" for command, count in commands.items()),
        tuple(f"{hand.events:,} {hand.work or 'index'} {hand.kind}" for hand in hands if hand.kind in ENDS),
        tuple(f"{hand.events:,} {ACTS[hand.kind]}" for hand in hands if hand.kind in ACTS),
        min(hand.first for hand in hands),
        max(hand.last for hand in hands),
    )
