"""The manual queue on paper."""

from __future__ import annotations

from collections.abc import Sequence

from restore.ledger.queue import QueueItem
from restore.ledger.reading import Record
from restore.model.outcome import ManualItem
from restore.model.text import safe
from restore.report.layout import table
from restore.report.status import log_lines


def queue_lines(items: Sequence[QueueItem]) -> list[str]:
    """The manual queue, one item a line, grouped by cause."""
    if not items:
        return ["The manual queue is empty."]
    rows = [
        (one.item.id, one.state.value, one.item.cause, one.item.customer, one.item.subject)
        for one in sorted(items, key=lambda one: (one.item.cause, one.item.customer, one.item.subject))
    ]
    return table(rows, ("id", "state", "cause", "customer", "about"))


def item_lines(one: QueueItem, history: Sequence[Record]) -> list[str]:
    """One item of the queue, whole: question, evidence, the answers it takes, its history."""
    item = one.item
    lines = [f"{item.id}  {item.cause}  {one.state.value}", f"customer: {item.customer}"]
    lines += [f"contact:  {item.contact}"] if item.contact else []
    lines += [f"about:    {item.subject}", "", item.question]
    lines += [f"  - {line}" for line in item.evidence]
    for number, candidate in enumerate(item.candidates, 1):
        lines.append(f"  answer {number}: {safe(candidate.label)}")
    if one.answer is not None:
        lines.append(f"answered: {one.answer.effect} {safe(one.answer.value or one.answer.user)}")
    lines += ["", *log_lines(history)]
    return lines


def queue_document(one: QueueItem) -> dict[str, object]:
    """An item of the queue for machines."""
    return {**item_document(one.item), "state": one.state.value, "reason": safe(one.reason)}


def item_document(item: ManualItem) -> dict[str, object]:
    """A question for machines."""
    return {
        "id": item.id,
        "cause": item.cause,
        "customer": item.customer,
        "subject": item.subject,
        "question": item.question,
        "evidence": list(item.evidence),
        "candidates": [
            {"number": number, "label": safe(each.label), "effect": each.effect, "value": safe(each.value)}
            for number, each in enumerate(item.candidates, 1)
        ],
        "contact": item.contact,
    }
