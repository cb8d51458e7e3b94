"""Who carries a step: in this process, one after the other (tests), or a cluster (cluster.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Protocol

from restore.model.outcome import Abandoned, Outcome
from restore.model.plan import Step
from restore.model.ports import Systems

STOPPED = "the run was asked to stop"


class Crew(Protocol):
    """Carries steps to where they are done. All calls come from one thread, but for `drain`, `cancel` and `wake`."""

    @property
    def draining(self) -> bool:
        """Nothing more shall be begun."""

    def wake(self) -> None:
        """Let `ready` say how things stand, though nothing may have ended."""

    def begin(self, step: Step, failures: int = 0) -> None:
        """Take a step on. `failures` says how many tries in a row have failed on the servers it needs: the
        crew lets some time pass before it tries."""

    def ready(self) -> Iterator[Sequence[Outcome]]:
        """All that has ended by now, again and again; waits for at least one outcome, or until `drain`,
        `cancel` or `wake` is called (then there may be none). Ends when nothing is under way."""

    def drain(self) -> None:
        """Ask that nothing more be begun; what is under way ends by itself."""

    def cancel(self) -> None:
        """Drain, and ask the steps under way to stop before their next act; they end as Abandoned."""

    def close(self) -> None:
        """Let go of all means; what is still under way is cut."""


class Gate(Protocol):
    """Who may act: the coordinator's desk (restore.run.desk.DeskServer is one) answers only begun steps."""

    def allow(self, steps: Iterable[str]) -> None:
        """These steps are begun; called before they are sent out."""

    def withdraw(self, steps: Iterable[str]) -> None:
        """These steps have ended."""

    def lose(self, steps: Iterable[str]) -> None:
        """These steps are over, but nobody saw their workers end."""


class OpenGate:
    """A gate for work that asks nothing of a desk."""

    def allow(self, steps: Iterable[str]) -> None: ...

    def withdraw(self, steps: Iterable[str]) -> None: ...

    def lose(self, steps: Iterable[str]) -> None: ...


class InlineCrew:
    """Does each step here when it is asked for outcomes: deterministic. With `chance`, steps end in a random
    order, several at a time."""

    def __init__(
        self, apply: Callable[[Step, Systems], Outcome], systems: Systems, chance: Random | None = None
    ) -> None:
        self._apply = apply
        self._systems = systems
        self._chance = chance
        self._begun: list[Step] = []
        self._draining = False
        self._cancelled = False

    @property
    def draining(self) -> bool:
        return self._draining

    def wake(self) -> None: ...

    def begin(self, step: Step, failures: int = 0) -> None:
        self._begun.append(step)

    def ready(self) -> Iterator[Sequence[Outcome]]:
        while self._begun:
            at_once = self._chance.randint(1, len(self._begun)) if self._chance else 1
            yield [self._end(self._next()) for _ in range(at_once)]

    def drain(self) -> None:
        self._draining = True

    def cancel(self) -> None:
        self._draining = self._cancelled = True

    def close(self) -> None:
        self._begun.clear()

    def _next(self) -> Step:
        return self._begun.pop(self._chance.randrange(len(self._begun)) if self._chance else 0)

    def _end(self, step: Step) -> Outcome:
        return Abandoned(step.key, STOPPED) if self._cancelled else self._apply(step, self._systems)
