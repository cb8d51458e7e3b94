"""The manual queue on paper."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from restore.ledger.queue import ItemState, QueueItem
from restore.ledger.reading import Record
from restore.model.outcome import ManualItem
from restore.model.text import safe
from restore.report.layout import table
from restore.report.status import log_lines


def queue_lines(items: Sequence[QueueItem]) -> list[str]:
    """The manual queue, one item a line, under its cause and how many of that cause there are."""
    if not items:
        return ["The manual queue is empty."]
    ordered = sorted(items, key=lambda one: (one.item.cause, one.item.customer, one.item.subject))
    rows = [
        (
            f"  {one.item.id}",
            one.state.value,
            one.item.customer,
            safe(one.claimed_by) or "-",
            one.item.subject,
        )
        for one in ordered
    ]
    header, *lines = table(rows, ("  id", "state", "customer", "claimed by", "about"))
    told = iter(lines)
    return [header, *_grouped(ordered, told)]


def _grouped(ordered: Sequence[QueueItem], told: Iterator[str]) -> Iterator[str]:
    for cause, group in groupby(ordered, key=lambda one: one.item.cause):
        members = list(group)
        claimed = sum(bool(one.claimed_by) for one in members)
        yield f"{cause}: {len(members):,}" + (f", {claimed:,} claimed" if claimed else "")
        yield from (next(told) for _ in members)


def is_of(one: QueueItem, customer: str) -> bool:
    """Whether an item is that customer's, "name" or "server/name"."""
    server = one.item.subject.partition("/")[0]
    return safe(customer) in (one.item.customer, f"{server}/{one.item.customer}")


def item_lines(
    one: QueueItem, history: Sequence[Record], known: Sequence[str] = (), *, login: bool = False
) -> list[str]:
    """One item of the queue, whole: question, evidence, the answers it takes (`login`: a login too), its history;
    `known` is what the ledger knows by now of the customer of a complaint."""
    item = one.item
    lines = [f"{item.id}  {item.cause}  {one.state.value}", f"customer: {item.customer}"]
    lines += [f"contact:  {item.contact}"] if item.contact else []
    lines += [f"claimed:  by {safe(one.claimed_by)}"] if one.claimed_by else []
    lines += [f"about:    {item.subject}", "", item.question]
    lines += [f"  - {line}" for line in item.evidence]
    for number, candidate in enumerate(item.candidates, 1):
        lines.append(f"  answer {number}: {safe(candidate.label)}")
    lines += _ways(one, login) if one.state is ItemState.OPEN else []
    if one.answer is not None:
        lines.append(f"answered: {one.answer.effect} {safe(one.answer.value or one.answer.user)}")
    lines += ["", "Known of this customer by now:", *(f"  - {line}" for line in known)] if known else []
    lines += ["", "What happened to it:", *log_lines(history)]
    return lines


def _ways(one: QueueItem, login: bool) -> Iterator[str]:
    """What is typed to settle it."""
    answer = f"bulkrestore queue answer {one.item.id}"
    if one.item.candidates:
        yield f"  next: {answer} --choose N"
    if login:
        yield f"  next: {answer} --user NAME --database NAME"
    yield f'  next: bulkrestore queue drop {one.item.id} --reason "…", where nothing is to be done'


def queue_document(one: QueueItem) -> dict[str, object]:
    """An item of the queue for machines."""
    return {
        **item_document(one.item),
        "state": one.state.value,
        "reason": safe(one.reason),
        "claimed_by": safe(one.claimed_by),
    }


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
