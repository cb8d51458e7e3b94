"""What the ledger remembers: one event per thing that happened, each a noun that codec.py can write."""

from __future__ import annotations

import re
import typing
from dataclasses import dataclass

from restore.errors import RecordUnreadable
from restore.ledger import codec
from restore.model.mysql import DatabaseId
from restore.model.outcome import (
    Abandoned,
    Answer,
    Done,
    ManualItem,
    Outcome,
    Partial,
    Unchanged,
)
from restore.model.plan import (
    CreateAccount,
    Job,
    LoadDatabase,
    LookDump,
    LookMailbox,
    LookSite,
    ReadPop3Logs,
    ReadSurvivors,
    Rest,
    RestoreMailbox,
    SweepStaging,
    SwitchDatabase,
    UndoSwitch,
    VerifyDump,
    VerifyLogins,
    VerifyMailbox,
    Work,
)
from restore.model.survey import Narrowing
from restore.model.text import safe


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A coordinator began: `incident` is the incident file's SHA-256 (hex), `command` the verb as typed, `lost` when
    the old servers were lost as that file states it (epoch seconds)."""

    incident: str
    command: str
    lost: float | None = None


@dataclass(frozen=True, slots=True)
class Drained:
    """The run was asked to begin nothing more and let what was begun end."""

    reason: str


@dataclass(frozen=True, slots=True)
class Requested:
    """The run under way was asked for something by an operator (the event's own) and took it up; `command` as typed,
    `customer` where it is about one alone. `wants` is what shall be restored, looked at `again` where that is asked;
    `undo` what shall be put back: where the run is killed, the next one finishes it."""

    id: str
    command: str
    reason: str = ""
    customer: str = ""
    wants: Narrowing | None = None
    again: bool = False
    undo: tuple[DatabaseId, ...] = ()


@dataclass(frozen=True, slots=True)
class RequestEnded:
    """What was asked for has come to its end."""

    id: str
    because: str


@dataclass(frozen=True, slots=True)
class Paused:
    """The run was asked to begin nothing until it is resumed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The run was asked to go on."""

    reason: str


@dataclass(frozen=True, slots=True)
class LimitChanged:
    """A Resource of the run was given so many slots, in place of `before`, until the run ends."""

    resource: str
    slots: int
    before: int
    reason: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A coordinator ended by itself; `because` is "all done", what was left, "drained" or what stopped it."""

    because: str


@dataclass(frozen=True, slots=True)
class Started:
    """A step is about to be begun."""

    key: str


@dataclass(frozen=True, slots=True)
class Undone:
    """What the step did was put back: it no longer stands, and a later run may do it again."""

    key: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question for a person, new or with new evidence. `step` raised it ("" where the plan itself did);
    `stopped` says that this step stopped there, so that its coming through settles the question."""

    item: ManualItem
    step: str = ""
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """A person settled a question."""

    answer: Answer
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A person decided that nothing shall be done about a question."""

    item: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What a question held up has come to its end in the step `key`. Written by the ledger itself."""

    item: str
    key: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operator works on a question."""

    item: str


@dataclass(frozen=True, slots=True)
class Released:
    """An operator gave a claimed question back."""

    item: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Purging:
    """What was set aside on a target is about to be dropped: it can never be put back."""

    target: str
    what: str
    reason: str


@dataclass(frozen=True, slots=True)
class Purged:
    """Something that this incident made for its own use was seen to be gone: a database of a target, or a part of the
    state folder."""

    target: str
    what: str


@dataclass(frozen=True, slots=True)
class Closing:
    """The incident is being closed: from here on nothing of it can be run again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Closed:
    """Nothing of the incident is left but its ledger."""

    reason: str


ItemEvent = Asked | Answered | Dropped | Settled | Claimed | Released
EndEvent = Purging | Purged | Closing | Closed
Steering = Requested | RequestEnded | Paused | Resumed | LimitChanged
Event = RunStarted | Drained | RunEnded | Steering | EndEvent | Started | Undone | ItemEvent | Outcome

StepEvent = Started | Undone | Outcome

codec.register((Narrowing,))
codec.register(cls for cls in typing.get_args(Event) if cls not in typing.get_args(Outcome))
_KINDS: dict[type, str] = {
    cls: re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower() for cls in typing.get_args(Event)
}


def kind(event: Event | type[Event]) -> str:
    """The event's kind as it stands in the ledger: RunStarted is "run-started"."""
    return _KINDS[event if isinstance(event, type) else type(event)]


def read_event(body: str) -> Event:
    """The event of a ledger's row; raises RecordUnreadable."""
    event = codec.decode(body)
    if isinstance(event, Event):
        return event
    raise RecordUnreadable(f"a {type(event).__name__} stands where an event belongs")


ITEM_KINDS = tuple(kind(cls) for cls in typing.get_args(ItemEvent))
STEP_KINDS = frozenset(kind(cls) for cls in typing.get_args(StepEvent))
STANDING: tuple[str, ...] = (kind(Done), kind(Unchanged))
IN_PART = kind(Partial)


def replaces(new: str, old: str) -> bool:
    """Whether a step that stands at `old` stands at `new` afterwards: a done step that is only abandoned
    stays done."""
    return new != kind(Abandoned) or old not in STANDING


@dataclass(frozen=True, slots=True)
class Context:
    """What a step belongs to. `work` is its job's kind; `settles` names the answered questions that it
    brings to their end."""

    job: str = ""
    work: str = ""
    customer: str = ""
    subject: str = ""
    settles: tuple[str, ...] = ()


NO_CONTEXT = Context()


def contexts(job: Job) -> dict[str, Context]:
    """Each step key of a job with what it belongs to."""
    return {
        step.key: Context(job.key, job.kind, job.customer, subject(step.work), _settles(step.work))
        for step in job.steps
    }


def subject(work: Work) -> str:
    """The thing a work is about, "server/kind/name", as ManualItem.subject names it; "" for about none."""
    match work:
        case LookMailbox(mailbox=mailbox) | RestoreMailbox(mailbox=mailbox) | VerifyMailbox(mailbox=mailbox):
            return f"{mailbox.server}/mailbox/{mailbox.address}"
        case LookDump(dump=dump) | LoadDatabase(dump=dump) | VerifyDump(dump=dump) | ReadSurvivors(dump=dump):
            return f"{dump.database.server}/database/{dump.database.name}"
        case SwitchDatabase(database=database) | UndoSwitch(database=database):
            return f"{database.server}/database/{database.name}"
        case CreateAccount(server=server, account=account):
            return f"{server}/account/{account.user}"
        case LookSite(server=server, customer=customer) | VerifyLogins(server=server, customer=customer):
            return f"{server}/site/{customer}"
        case SweepStaging() | ReadPop3Logs() | Rest():
            return ""


def _settles(work: Work) -> tuple[str, ...]:
    """The switch-on ends what was asked about a thing; an account, also what was asked about its databases'
    logins and about the config that states it."""
    match work:
        case RestoreMailbox() | SwitchDatabase():
            return (about_work(subject(work)),)
        case CreateAccount(server=server, customer=customer, databases=names, claim=claim):
            configs = (f"{server}/site/{customer}/{claim.config}",) if claim else ()
            logins = (subject(work), *(f"{server}/database/{name}" for name in names))
            return (*map(about_work, configs), *map(about_login, logins))
        case _:
            return ()


def about_work(subject: str) -> str:
    """What an answer about a thing itself waits for; questions name their subjects made safe to show."""
    return f"work {safe(subject)}"


def about_login(subject: str) -> str:
    """What an answer about a login, or about whose login a database has, waits for."""
    return f"login {safe(subject)}"
