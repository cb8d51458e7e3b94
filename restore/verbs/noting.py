"""What a person decided about questions as he saw them, put into the ledger."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

from restore.errors import QuestionChanged
from restore.ledger.events import ItemEvent
from restore.ledger.queue import Queue, QueueItem
from restore.verbs.asking import Pad, record
from restore.verbs.screen import Screen


def note(options: Namespace, screen: Screen, seen: Sequence[QueueItem], events: Sequence[ItemEvent]) -> None:
    """Record these events under the operator's name, all or none; `seen` are the questions as he saw them. Raises
    QuestionChanged where one of them is another by now, and what asking.record() raises."""

    def decide(pad: Pad) -> Sequence[ItemEvent]:
        check_seen(pad.queue, seen)
        return events

    record(options, screen, decide)


def check_seen(queue: Queue, seen: Sequence[QueueItem]) -> None:
    """Raise QuestionChanged where a question has other evidence than the operator saw."""
    changed = [one.item.id for one in seen if queue.get(one.item.id).item != one.item]
    if changed:
        raise QuestionChanged(f"{', '.join(changed)} changed while you looked: nothing was recorded")
