"""How a step ended, how far a failure reaches, and what only a person can settle."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from restore.model.facts import Fact


class Scope(Enum):
    """How far a failure reaches: the step alone, its job, everything on that server, or the run."""

    STEP = "step"
    JOB = "job"
    SERVER = "server"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Candidate:
    """One answer an operator can give to a ManualItem with a single keystroke.

    `effect` names what the planner does with it ("replace", "keep", "database", "target", ...), `value` its
    argument; neither holds a secret.
    """

    label: str
    effect: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class ManualItem:
    """A question only a person can settle. `id` is stable: the same question asked again is the same item.

    `cause` is the code items are grouped by, `subject` the thing asked about ("web1/database/shop").
    `evidence` are lines of text without secrets; `contact` is how to reach the customer.
    """

    id: str
    cause: str
    customer: str
    subject: str
    question: str
    evidence: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    contact: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person settled: evidence for the next survey. A password is named by its vault id only."""

    item: str
    subject: str
    effect: str
    value: str = ""
    user: str = ""
    database: str = ""
    password_id: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """The step did its work and checked it; `fact` says what was read back."""

    key: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The step looked and found nothing left to do; `fact` says what was read back."""

    key: str
    fact: Fact


@dataclass(frozen=True, slots=True)
class Partial:
    """The step did what could be done; `missing` names each thing that could not be, with its reason."""

    key: str
    fact: Fact
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed. `code`, `hint` as in errors.py; `kept` names what was set aside or left in place."""

    key: str
    code: str
    scope: Scope
    message: str
    hint: str
    transient: bool = False
    kept: str = ""
    server: str = ""


@dataclass(frozen=True, slots=True)
class Abandoned:
    """The step was never begun, or stopped politely, because of what is named here."""

    key: str
    because: str


@dataclass(frozen=True, slots=True)
class Manual:
    """The step stopped before changing anything that is in doubt; the items wait in the manual queue."""

    key: str
    items: tuple[ManualItem, ...]
    fact: Fact | None = None


Outcome = Done | Unchanged | Partial | Failed | Abandoned | Manual


def fact_of(outcome: Outcome | None) -> Fact | None:
    """What a step that came through, wholly or in part, found out or read back."""
    return outcome.fact if isinstance(outcome, Done | Unchanged | Partial) else None
