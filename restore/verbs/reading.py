"""Verbs that read what is known: status, log, queue list and show; and init, which writes the incident file."""

from __future__ import annotations

import typing
from argparse import Namespace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from restore.errors import BadUse, RecordUnreadable
from restore.ledger.chain import Head, read_copies
from restore.ledger.events import (
    ITEM_KINDS,
    STEP_KINDS,
    Drained,
    EndEvent,
    RunEnded,
    RunStarted,
    Steering,
    kind,
)
from restore.ledger.queue import COMPLAINT, ItemState, QueueItem
from restore.ledger.reading import Filter, Reading
from restore.model.text import safe
from restore.report.complaint import known_of
from restore.report.queue import is_of, item_lines, queue_document, queue_lines
from restore.report.status import log_document, log_lines, status_document, status_lines
from restore.run.lock import holder
from restore.verbs.screen import DONE, FAILURES, QUESTIONS, Screen, incident_of
from restore.verbs.settling import ABOUT_LOGINS

OTHERS = (RunStarted, RunEnded, Drained, *typing.get_args(Steering), *typing.get_args(EndEvent))
KINDS = tuple(sorted({*STEP_KINDS, *ITEM_KINDS, *map(kind, OTHERS)}))


def init(options: Namespace, screen: Screen) -> int:
    """Write a commented incident file."""
    path = Path(options.path)
    text = resources.files("restore").joinpath("example.toml").read_text(encoding="utf-8")
    try:
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(text)
    except OSError as error:
        raise BadUse(f"{safe(options.path)} was not written: {error.strerror}") from error
    if screen.as_json:
        screen.document({"written": str(path)})
    else:
        screen.say(
            f"Wrote {path}. Fill in what stands in capitals, then: bulkrestore -h, bulkrestore survey -i {path}"
        )
    return DONE


def status(options: Namespace, screen: Screen) -> int:
    """Where the restore stands."""
    incident = incident_of(options)
    running = holder(Path(incident.state)) is not None
    with Reading.open(Path(incident.state)) as reading:
        if screen.as_json:
            screen.document(status_document(reading, running))
        else:
            screen.say(*status_lines(reading, running, datetime.now(UTC)))
        if reading.failures(limit=1):
            return FAILURES
        return QUESTIONS if reading.items(ItemState.OPEN) else DONE


def log(options: Namespace, screen: Screen) -> int:
    """Who did what when."""
    if options.verify or options.head:
        return _verify(options, screen)
    if unknown := [name for name in options.kind if name not in KINDS]:
        raise BadUse(f"no kind of event is called {safe(', '.join(unknown))}: {', '.join(KINDS)}")
    which = Filter(
        customer=options.customer,
        operator=options.by,
        kinds=tuple(options.kind),
        since=options.since,
        until=options.until,
        limit=options.limit,
    )
    with Reading.open(Path(incident_of(options).state)) as reading:
        records = reading.events(which)
        if screen.as_json:
            for record in records:
                screen.document(log_document(record))
        else:
            for line in log_lines(records):
                screen.say(line)
    return DONE


def _verify(options: Namespace, screen: Screen) -> int:
    """Check the chain, and the copies of its head; LedgerDamaged (exit code 1) says where it does not hold."""
    if not options.verify:
        raise BadUse("--head is for --verify")
    incident = incident_of(options)
    copies = [copy for name in options.head for copy in _copies(Path(name), incident.name)]
    with Reading.open(Path(incident.state)) as reading:
        head = reading.verify_chain(*copies)
    if screen.as_json:
        screen.document({"events": head.seq, "copies": len(copies), "head": str(head)})
    else:
        against = (
            f"it contains the {len(copies):,} copies of its head"
            if copies
            else "no copy of its head was given"
        )
        screen.say(f"The chain of {head.seq:,} events holds; {against}.", str(head))
    return DONE


def _copies(path: Path, incident: str) -> tuple[Head, ...]:
    try:
        copies = read_copies(path, incident)
    except RecordUnreadable as error:
        raise BadUse(error.message) from error
    if not copies:
        raise BadUse(f"{safe(str(path))} holds no copy of a ledger's head: was it emptied?")
    return copies


def queue_list(options: Namespace, screen: Screen) -> int:
    """The questions that wait for a person."""
    with Reading.open(Path(incident_of(options).state)) as reading:
        states = () if options.all else (ItemState.OPEN, ItemState.ANSWERED)
        items = [one for one in reading.items(*states) if _wanted(options, one)]
    if screen.as_json:
        screen.document([queue_document(item) for item in items])
    else:
        screen.say(*queue_lines(items))
    return DONE


def _wanted(options: Namespace, one: QueueItem) -> bool:
    return (
        (not options.customer or is_of(one, options.customer))
        and (not options.cause or one.item.cause == options.cause)
        and (not options.claimed_by or one.claimed_by == options.claimed_by)
    )


def queue_show(options: Namespace, screen: Screen) -> int:
    """One question, whole."""
    with Reading.open(Path(incident_of(options).state)) as reading:
        item = reading.queue().find(options.item)
        history = reading.history(item.item.id)
        known = _known(reading, item) if item.item.cause == COMPLAINT else []
    if screen.as_json:
        told = {"history": [log_document(record) for record in history], "known": known}
        screen.document({**queue_document(item), **told})
    else:
        login = item.item.cause in ABOUT_LOGINS
        screen.say(*item_lines(item, history, known, login=login))
    return DONE


def _known(reading: Reading, item: QueueItem) -> list[str]:
    """What the ledger knows by now of the customer who complains."""
    server = item.item.subject.partition("/")[0]
    return known_of(reading, f"{server}/{item.item.customer}" if server else item.item.customer)[1]
