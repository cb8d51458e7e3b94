"""Who works on which item of the manual queue, and complaints as they come in: queue claim, release, add."""

from __future__ import annotations

import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path

from restore.errors import BadUse, LedgerMissing
from restore.ledger.events import Asked, Claimed, Released
from restore.ledger.queue import ItemState, QueueItem
from restore.ledger.reading import Reading
from restore.model.incident import Incident
from restore.model.text import safe
from restore.report.complaint import complaint, known_of
from restore.report.queue import queue_document
from restore.report.recovery import CustomerPart
from restore.verbs.noting import note
from restore.verbs.screen import DONE, Screen, incident_of, operator_of

WAITING = (ItemState.OPEN, ItemState.ANSWERED)
TEXT_LIMIT = 100_000


def queue_claim(options: Namespace, screen: Screen) -> int:
    """Say that you work on these items, so that nobody else does."""
    me = operator_of(options).name
    items = _items(options)
    over = [one.item.id for one in items if one.state not in WAITING]
    taken = [f"{one.item.id} by {safe(one.claimed_by)}" for one in items if one.claimed_by not in ("", me)]
    if over:
        raise BadUse(f"nothing waits for a person in {', '.join(over)}: bulkrestore queue show {over[0]}")
    if taken and not options.take:
        raise BadUse(f"claimed already: {', '.join(taken)}; ask them, or give --take")
    note(options, screen, items, [Claimed(one.item.id) for one in items])
    return _told(screen, items, f"claimed by {safe(me)}")


def queue_release(options: Namespace, screen: Screen) -> int:
    """Give claimed items back."""
    me = operator_of(options).name
    items = _items(options)
    if free := [one.item.id for one in items if not one.claimed_by]:
        raise BadUse(f"nobody has claimed {', '.join(free)}")
    for one in items:
        if one.claimed_by != me:
            screen.warn(f"{one.item.id} was claimed by {safe(one.claimed_by)}, not by you")
    note(options, screen, items, [Released(one.item.id, options.reason) for one in items])
    return _told(screen, items, "released")


def _items(options: Namespace) -> list[QueueItem]:
    with Reading.open(Path(incident_of(options).state)) as reading:
        queue = reading.queue()
        return list({one.item.id: one for one in map(queue.find, options.item)}.values())


def _told(screen: Screen, items: list[QueueItem], words: str) -> int:
    if screen.as_json:
        screen.document([{"id": one.item.id, "settled": words} for one in items])
    else:
        screen.say(*(f"{one.item.id}  {one.item.cause}  {one.item.subject}  {words}" for one in items))
    return DONE


def queue_add(options: Namespace, screen: Screen) -> int:
    """Take in what a customer complains of, with what is known of him."""
    text = sys.stdin.read(TEXT_LIMIT) if options.stdin else options.text or ""
    if not text.strip():
        raise BadUse("give the customer's words with --text, or --stdin and the words on standard input")
    incident = incident_of(options)
    customers, known = _known(incident, options.customer)
    if len(customers) > 1:
        names = ", ".join(str(one) for one in customers)
        raise BadUse(f"several customers are called {safe(options.customer)}: say which one: {names}")
    if not customers:
        screen.warn(
            f"The ledger knows no customer {safe(options.customer)}; the complaint is kept all the same."
        )
    item = complaint(options.customer, text, datetime.now(UTC), customers[0] if customers else None, known)
    note(options, screen, (), [Asked(item)])
    if screen.as_json:
        screen.document(queue_document(QueueItem(item)))
    else:
        screen.say(f"{item.id}  {item.cause}  {item.subject}  kept", *(f"  - {line}" for line in known))
    return DONE


def _known(incident: Incident, name: str) -> tuple[tuple[CustomerPart, ...], list[str]]:
    try:
        with Reading.open(Path(incident.state)) as reading:
            return known_of(reading, name)
    except LedgerMissing:
        return (), ["nothing has been begun for this incident yet"]
