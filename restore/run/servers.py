"""Which servers can still be worked on. Pure.

A server that fails with a transient error is not given up at once. It is suspect: one step at a time is tried
on it, the first that works clears it, and after RETRIES such tries it is closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from restore.model.outcome import Done, Failed, Manual, Outcome, Partial, Scope, Unchanged
from restore.model.plan import Step

RETRIES = 3


@dataclass(slots=True)
class _Suspect:
    """`failures` counts the first one and each failed try since; `probe` is the step now being tried."""

    failures: int = 0
    probe: str = ""


class Servers:
    """Servers are known by the Resources of the steps that need them, and by the failures that blame them."""

    def __init__(self) -> None:
        self._suspects: dict[str, _Suspect] = {}
        self._closed: dict[str, str] = {}

    def may_begin(self, step: Step) -> bool:
        """False while another step is being tried on a suspect server that this one needs."""
        return not any(suspect.probe for suspect in self._needed(step))

    def begun(self, step: Step) -> None:
        """The step runs now."""
        for suspect in self._needed(step):
            suspect.probe = step.key

    def failures(self, step: Step) -> int:
        """How many failures in a row the servers of this step have had; 0 where all are trusted."""
        return max((suspect.failures for suspect in self._needed(step)), default=0)

    def closed(self, step: Step) -> str:
        """Why the step can not be begun any more, "" where it can."""
        reasons = (self._closed.get(server, "") for server in _servers(step))
        return next(filter(None, reasons), "")

    def given_up(self) -> Mapping[str, str]:
        """The servers that are closed, and why."""
        return self._closed

    def trust(self, step: Step) -> None:
        """The servers of this step are to be tried once more, though they were given up."""
        for server in _servers(step):
            if self._closed.pop(server, ""):
                self._suspects.pop(server, None)

    def heard(self, step: Step, outcome: Outcome) -> tuple[str, str]:
        """Draw the conclusions; the server that is closed by them and the reason, or two empty strings."""
        blamed = outcome.server if isinstance(outcome, Failed) and outcome.scope is Scope.SERVER else ""
        works = isinstance(outcome, (Done, Unchanged, Partial, Manual))
        for server in _servers(step):
            suspect = self._suspects.get(server)
            if suspect is not None and works:
                del self._suspects[server]
            elif suspect is not None and server != blamed and suspect.probe == step.key:
                suspect.probe = ""
        if not blamed or blamed in self._closed or not isinstance(outcome, Failed):
            return "", ""
        suspect = self._suspects.setdefault(blamed, _Suspect())
        if not suspect.failures or suspect.probe == step.key:
            suspect.failures += 1
            suspect.probe = ""
        if outcome.transient and suspect.failures <= RETRIES:
            return "", ""
        self._closed[blamed] = f"{blamed} was given up: {outcome.message}"
        return blamed, self._closed[blamed]

    def _needed(self, step: Step) -> list[_Suspect]:
        return [self._suspects[server] for server in _servers(step) if server in self._suspects]


def server_of(resource: str) -> str:
    """The server, as the incident file names it, that a Resource belongs to; "" where to none."""
    return resource.partition("/")[2]


def _servers(step: Step) -> tuple[str, ...]:
    return tuple(dict.fromkeys(filter(None, map(server_of, step.needs))))
