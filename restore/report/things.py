"""How one mailbox, database or account stands, told by the events of its steps and the questions about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from restore.ledger.events import Event
from restore.ledger.queue import ItemState, QueueItem
from restore.ledger.reading import Record
from restore.model.facts import (
    AccountReady,
    DatabaseLoaded,
    DatabaseSwitched,
    DatabaseUndone,
    Fact,
    MailboxRestored,
)
from restore.model.outcome import Abandoned, Done, Failed, Manual, Partial, Unchanged, fact_of
from restore.model.text import safe
from restore.report.recovery import Item, State
from restore.report.status import fact_text

LOGIN_CAUSES = frozenset({
    "no-login", "login-unclear", "two-passwords", "account-differs",
    "foreign-database", "unowned-database", "unknown-database",
})  # fmt: skip
YEAR_10000 = 253_402_300_800
LIVE = (MailboxRestored, DatabaseSwitched, AccountReady)


def fact_of_record(record: Record) -> Fact | None:
    """What a step that came through, wholly or in part, read back; what stands although a question is left too."""
    return _fact(record.event)


def _fact(event: Event) -> Fact | None:
    if isinstance(event, Manual):
        return event.fact
    return fact_of(event) if isinstance(event, Done | Unchanged | Partial) else None


def server_of(subject: str) -> str:
    """The old server that a subject names."""
    return safe(subject.partition("/")[0])


def item_of(
    thing: tuple[str, str],
    group: Sequence[Record],
    asked: Mapping[str, Sequence[QueueItem]],
    at: datetime | None,
) -> Item:
    """A thing (service and identity) as its steps' events leave it; `asked` are the questions that are not done, by
    subject, `at` is when it came back."""
    service, ident = thing
    decided = _decided(group)
    parts = ident.split("/", 2)
    server = server_of(decided.subject)
    name = safe(parts[2] if len(parts) == 3 else ident)
    fact = fact_of_record(decided)
    if isinstance(fact, LIVE):
        return _back(
            Item(service, server, name, State.BACK, at, fact_text(fact), fact=fact), decided, group, asked
        )
    return _gone(Item(service, server, name, State.UNFINISHED), decided, asked)


def _decided(group: Sequence[Record]) -> Record:
    """The event that says where a thing stands: the newest by which it is live, if nothing put it back since."""
    live = None
    for record in group:
        fact = fact_of_record(record)
        if isinstance(fact, LIVE):
            live = record
        elif isinstance(fact, DatabaseUndone):
            live = None
    return live or group[-1]


def _back(
    item: Item, decided: Record, group: Sequence[Record], asked: Mapping[str, Sequence[QueueItem]]
) -> Item:
    """A live thing with each part of it that is not there."""
    events = [decided.event]
    rest = decided.key.partition("/")[2]
    events += [one.event for one in group if one.key == f"load/{rest}" and one is not decided]
    missing: dict[str, None] = {}
    notes: dict[str, None] = {}
    for event in events:
        if isinstance(event, Partial):
            missing |= dict.fromkeys(event.missing)
        if fact := _fact(event):
            missing |= dict.fromkeys(_left_out(fact))
            notes |= dict.fromkeys(_notes(fact))
    taken = next(
        (_taken(fact) for fact in map(_fact, events) if isinstance(fact, DatabaseLoaded | MailboxRestored)),
        None,
    )
    later = [one.event for one in group if one.seq > decided.seq and isinstance(one.event, Failed)]
    notes |= {f"a later attempt failed: {one.message} [{one.code}]": None for one in later}
    questions = tuple(asked.get(safe(decided.subject), ())) if isinstance(decided.event, Manual) else ()
    whole = not missing and not questions
    return replace(
        item,
        state=State.BACK if whole else State.PART,
        missing=(*missing, *(question_line(one) for one in questions)),
        notes=tuple(notes),
        cause=questions[0].item.cause if questions else "",
        questions=questions,
        taken=moment_of(taken),
    )


def _taken(fact: DatabaseLoaded | MailboxRestored) -> float | None:
    if isinstance(fact, DatabaseLoaded):
        return fact.taken
    return max((folder.newest for folder in fact.folders if folder.newest is not None), default=None)


def moment_of(seconds: float | None) -> datetime | None:
    """A file's mtime as a time; None for one that no calendar has."""
    if seconds is None or not 0 < seconds < YEAR_10000:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def _left_out(fact: Fact) -> list[str]:
    """What a read-back itself says did not come back."""
    if isinstance(fact, MailboxRestored):
        return [line for folder in fact.folders for line in (*folder.unreadable, *folder.refused)]
    return []


def _notes(fact: Fact) -> list[str]:
    match fact:
        case MailboxRestored(folders=folders, notes=notes):
            deleted = sum(folder.deleted_since for folder in folders)
            double = [line for folder in folders for line in folder.duplicates]
            told = (
                [f"{deleted:,} messages were deleted again by their owner and stay deleted"]
                if deleted
                else []
            )
            return [*notes, *told, *(f"kept once: {line}" for line in double)]
        case DatabaseLoaded(refused=refused, notes=notes):
            return [
                *notes,
                *(f"not executed: byte {one.offset:,}: {one.head}: {one.reason}" for one in refused),
            ]
        case DatabaseSwitched(notes=notes):
            return list(notes)
        case AccountReady(hosts_needed=hosts, notes=notes):
            return [*notes, *(f"{host} must resolve to the new server" for host in hosts)]
        case _:
            return []


def _gone(item: Item, decided: Record, asked: Mapping[str, Sequence[QueueItem]]) -> Item:
    """A thing that is not live, with the reason."""

    def told(state: State, *lines: str, cause: str = "", hint: str = "", kept: str = "") -> Item:
        return replace(item, state=state, missing=lines, cause=cause, hint=hint, kept=kept)

    match decided.event:
        case Failed(code=code, message=message, hint=hint, kept=kept):
            return told(State.FAILED, message, cause=code, hint=hint, kept=kept)
        case Manual(items=items):
            mine = {one.id for one in items}
            questions = [one for one in asked.get(safe(decided.subject), ()) if one.item.id in mine]
            return _questioned(item, questions or [QueueItem(one) for one in items])
        case Abandoned(because=because):
            return told(State.UNFINISHED, f"not begun, or stopped: {because}", cause="abandoned")
        case Done(fact=fact) | Unchanged(fact=fact) if isinstance(fact, DatabaseUndone):
            return told(State.UNDONE, fact_text(fact), cause="undone")
        case Done() | Unchanged() | Partial():
            return told(State.UNFINISHED, "loaded and compared, not yet switched on", cause="not-finished")
        case _ if decided.kind == "undone" and asked.get(safe(decided.subject)):
            return _questioned(item, asked[safe(decided.subject)])
        case _ if decided.kind == "undone":
            return told(State.UNFINISHED, "found gone from its server since; the next run does it again",
                        cause="undone")  # fmt: skip
        case _:
            return told(State.UNFINISHED, f"begun at {decided.at:%Y-%m-%d %H:%M:%S} UTC; the ledger knows no end",
                        cause="not-finished")  # fmt: skip


def _questioned(item: Item, questions: Sequence[QueueItem]) -> Item:
    lines = tuple(question_line(one) for one in questions)
    states = {ItemState.DROPPED if one.left else one.state for one in questions}
    state = next(
        (_STATES[one] for one in (ItemState.OPEN, ItemState.ANSWERED, ItemState.DROPPED) if one in states),
        State.UNFINISHED,
    )
    return replace(
        item, state=state, missing=lines, cause=questions[0].item.cause, questions=tuple(questions)
    )


_STATES = {ItemState.OPEN: State.QUESTION, ItemState.ANSWERED: State.ANSWERED, ItemState.DROPPED: State.LEFT}


def question_line(one: QueueItem) -> str:
    """A question and what became of it."""
    if one.state is ItemState.DROPPED:
        return f"{one.item.question} Dropped: {one.reason}"
    if one.state is ItemState.ANSWERED:
        return f"{one.item.question} Answered; the next run acts on it."
    return one.item.question


def question_item(one: QueueItem) -> Item:
    """A question about which no step has begun, as the thing it holds up."""
    server, _, rest = one.item.subject.partition("/")
    sort, _, name = rest.partition("/")
    service = "mail" if sort == "mailbox" else "database"
    if sort in ("account", "site") or one.item.cause in LOGIN_CAUSES:
        service = "account"
        name = name if sort == "account" else f"for {name}"
    return _questioned(Item(service, safe(server), safe(name), State.QUESTION), [one])
