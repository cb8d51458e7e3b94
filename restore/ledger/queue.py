"""The manual queue: what became of every question, told by the ledger's events alone.

A question is open until a person answers or drops it; answered until the work it is about has come to its end,
then done. An open one is done where the very step that stopped at it has come through since.
The same question asked again adds nothing. With new evidence it is recorded once more, and an answer given
before that evidence no longer counts: it settled another question. A dropped question stays dropped until it
is answered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum

from restore.errors import ItemUnknown
from restore.ledger.events import (
    Answered,
    Asked,
    Claimed,
    Context,
    Dropped,
    Event,
    ItemEvent,
    Released,
    Settled,
    about_login,
    about_work,
)
from restore.model.outcome import Answer, Done, Manual, ManualItem, Partial, Unchanged
from restore.model.survey import Decision

# A complaint is asked by a customer, not by a run: no run settles it.
COMPLAINT = "complaint"
# The effect of an answer by which what is live stays as it is.
KEEP = "keep"


class ItemState(Enum):
    """Where a question stands."""

    OPEN = "open"
    ANSWERED = "answered"
    DONE = "done"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class QueueItem:
    """A question with its latest evidence. `answer` is the one that counts, `reason` why it was dropped or
    answered, `claimed_by` the operator who works on it, `stopped` the step that waits for it ("" if none does).
    Decisions are numbered in the order they were made."""

    item: ManualItem
    state: ItemState = ItemState.OPEN
    answer: Answer | None = None
    reason: str = ""
    claimed_by: str = ""
    stopped: str = ""
    decision: int = 0

    @property
    def left(self) -> bool:
        """Whether a person decided that what it is about stays as it is."""
        kept = self.answer is not None and self.answer.effect == KEEP
        return self.state is ItemState.DROPPED or (kept and self.state is not ItemState.OPEN)


class Queue:
    """The state of all questions, fed with item events in the ledger's order."""

    def __init__(self) -> None:
        self._items: dict[str, QueueItem] = {}
        self._waiting: dict[str, set[str]] = {}
        self._decisions = 0

    def __iter__(self) -> Iterator[QueueItem]:
        return iter(self._items.values())

    def news(self, event: Event, context: Context) -> tuple[Event, ...]:
        """What an event is worth recording as: itself, and what it makes of the queue's items. A question
        that is known with the same evidence is worth nothing. Raises ItemUnknown for an answer to none."""
        match event:
            case Asked(item=item):
                return (event,) if self._is_new(item) else ()
            case Manual(items=items):
                return (event, *(Asked(item, event.key, True) for item in items if self._is_new(item)))
            case (
                Answered(answer=Answer(item=item))
                | Dropped(item=item)
                | Claimed(item=item)
                | Released(item=item)
            ):
                self.get(item)
                return (event,)
            case Done() | Unchanged() | Partial():
                return (event, *(Settled(item, event.key) for item in self._settled_by(event.key, context)))
            case _:
                return (event,)

    def apply(self, event: ItemEvent, operator: str) -> None:
        """Take in a recorded event and who caused it."""
        match event:
            case Asked():
                self._put(self._asked(event))
            case Answered(answer=answer, reason=reason):
                self._decide(answer.item, ItemState.ANSWERED, answer, reason)
            case Dropped(item=item, reason=reason):
                self._decide(item, ItemState.DROPPED, None, reason)
            case Settled(item=item):
                self._put(replace(self.get(item), state=ItemState.DONE, claimed_by=""))
            case Claimed(item=item):
                self._put(replace(self.get(item), claimed_by=operator))
            case Released(item=item):
                self._put(replace(self.get(item), claimed_by=""))

    def get(self, item: str) -> QueueItem:
        """The item of that whole id; raises ItemUnknown."""
        if item not in self._items:
            raise ItemUnknown(f"the manual queue has no item {item!r}")
        return self._items[item]

    def find(self, beginning: str) -> QueueItem:
        """The item whose id is, or alone begins with, these characters; raises ItemUnknown."""
        if beginning in self._items:
            return self._items[beginning]
        found = sorted(item for item in self._items if item.startswith(beginning))
        if not found or not beginning:
            raise ItemUnknown(f"no item of the manual queue begins with {beginning!r}")
        if len(found) > 1:
            raise ItemUnknown(f"{len(found)} items begin with {beginning!r}: {', '.join(found[:5])}")
        return self._items[found[0]]

    def answers(self) -> Mapping[str, Answer]:
        """The answers that count, by item id: those of done items too, as they stay evidence."""
        return {item.item.id: item.answer for item in self if item.answer is not None}

    def drops(self) -> Mapping[str, str]:
        """The reasons of dropped items, by item id."""
        return {item.item.id: item.reason for item in self if item.state is ItemState.DROPPED}

    def decisions(self) -> tuple[Decision, ...]:
        """Every question that is answered, done by an answer, or dropped, in the order it was decided."""
        decided = sorted((item for item in self if item.decision), key=lambda item: item.decision)
        return tuple(Decision(item.item, item.answer) for item in decided)

    def _decide(self, item: str, state: ItemState, answer: Answer | None, reason: str) -> None:
        self._decisions += 1
        known = self.get(item)
        self._put(replace(known, state=state, answer=answer, reason=reason, decision=self._decisions))

    def _is_new(self, item: ManualItem) -> bool:
        known = self._items.get(item.id)
        return known is None or known.item != item or known.state is ItemState.DONE

    def _asked(self, asked: Asked) -> QueueItem:
        fresh = QueueItem(asked.item, stopped=asked.step if asked.stopped else "")
        known = self._items.get(asked.item.id)
        if known is None:
            return fresh
        if known.state is ItemState.DROPPED:
            return replace(known, item=asked.item)
        return replace(fresh, claimed_by=known.claimed_by)

    def _put(self, item: QueueItem) -> None:
        """Keep the item, findable by what it waits for."""
        known = self._items.get(item.item.id)
        for name in _waits_for(known) if known else ():
            self._waiting[name].discard(item.item.id)
        self._items[item.item.id] = item
        for name in _waits_for(item):
            self._waiting.setdefault(name, set()).add(item.item.id)

    def _settled_by(self, key: str, context: Context) -> Iterable[str]:
        names = (_step(key), *context.settles)
        return sorted({item for name in names for item in self._waiting.get(name, ())})


def _waits_for(item: QueueItem) -> Iterator[str]:
    if item.stopped and item.state in (ItemState.OPEN, ItemState.ANSWERED):
        yield _step(item.stopped)
    if item.answer is not None and item.state is ItemState.ANSWERED:
        subject = item.item.subject
        yield about_login(subject) if item.answer.user or "/account/" in subject else about_work(subject)
        if item.answer.user and "/site/" in subject:
            yield about_login(f"{subject.partition('/')[0]}/account/{item.answer.user}")


def _step(key: str) -> str:
    return f"step {key}"
