"""Small plans of steps that do nothing, and hypothesis strategies for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hypothesis import strategies as st

from restore.model.facts import Nothing
from restore.model.outcome import Done, Failed, Manual, ManualItem, Outcome, Scope
from restore.model.plan import Capacity, Job, Learned, Rest, Step

RESOURCES = ("source/backup1", "mail/mail1", "database/db1", "worker")


def step(key: str, *needs: str) -> Step:
    return Step(key, Rest(), needs)


def job(key: str, *steps: Step, after: tuple[str, ...] = (), rank: tuple[int, ...] = ()) -> Job:
    return Job(key, "look", "alice", steps or (step(f"{key}.0", "worker"),), after, rank)


def done(key: str) -> Done:
    return Done(key, Nothing())


def manual(key: str) -> Manual:
    return Manual(key, (ManualItem(f"item-{key}", "doubt", "alice", key, "Which one?"),))


def failed(key: str, scope: Scope = Scope.JOB, server: str = "", transient: bool = True) -> Failed:
    return Failed(key, "broken", scope, f"{key} broke", "Mend it.", transient, server=server)


@dataclass(frozen=True, slots=True)
class FixedPlan:
    """A plan that is known from the start, but for what `learned` says of single steps."""

    jobs: Sequence[Job]
    learned: Mapping[str, Learned] = field(default_factory=dict)
    items: Sequence[ManualItem] = ()

    def learn(self, outcome: Outcome) -> Learned:
        if isinstance(outcome, Done):
            return self.learned.get(outcome.key, Learned())
        return Learned()


@st.composite
def jobs(draw: st.DrawFn) -> list[Job]:
    """Jobs in any order of arrival, each after some of the others without a circle."""
    count = draw(st.integers(1, 12))
    made = []
    for number in range(count):
        steps = [
            step(f"job{number}.{at}", *draw(st.sets(st.sampled_from(RESOURCES))))
            for at in range(draw(st.integers(0, 3)))
        ]
        after = draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set()
        rank = tuple(draw(st.lists(st.integers(0, 2), max_size=2)))
        key = f"job{number}"
        made.append(
            Job(key, "look", "alice", tuple(steps), tuple(f"job{other}" for other in sorted(after)), rank)
        )
    return list(draw(st.permutations(made)))


capacities = st.fixed_dictionaries({name: st.integers(1, 3) for name in RESOURCES}).map(Capacity)


@st.composite
def endings(draw: st.DrawFn, of: Sequence[Job], scopes: Sequence[Scope]) -> dict[str, Outcome]:
    """How each step would end if it were begun."""
    kinds = st.sampled_from(["done", "done", "done", "manual", *scopes])
    servers = st.sampled_from(["backup1", "mail1", "db1"])
    ends: dict[str, Outcome] = {}
    for one in (each for job in of for each in job.steps):
        kind = draw(kinds)
        if isinstance(kind, Scope):
            server = draw(servers) if kind is Scope.SERVER else ""
            ends[one.key] = failed(one.key, kind, server, draw(st.booleans()))
        else:
            ends[one.key] = done(one.key) if kind == "done" else manual(one.key)
    return ends
