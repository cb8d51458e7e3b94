"""Verbs that read what is known: status, log, queue list and show; and init, which writes the incident file."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from restore.errors import BadUse
from restore.ledger.queue import ItemState
from restore.ledger.reading import Filter, Reading
from restore.model.text import safe
from restore.report.queue import item_lines, queue_document, queue_lines
from restore.report.status import log_document, log_lines, status_document, status_lines
from restore.run.lock import holder
from restore.verbs.screen import DONE, FAILURES, QUESTIONS, Screen, incident_of


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
    which = Filter(customer=options.customer, operator=options.by, limit=options.limit)
    with Reading.open(Path(incident_of(options).state)) as reading:
        records = reading.events(which)
        if screen.as_json:
            for record in records:
                screen.document(log_document(record))
        else:
            for line in log_lines(records):
                screen.say(line)
    return DONE


def queue_list(options: Namespace, screen: Screen) -> int:
    """The questions that wait for a person."""
    with Reading.open(Path(incident_of(options).state)) as reading:
        items = reading.items() if options.all else reading.items(ItemState.OPEN, ItemState.ANSWERED)
    if screen.as_json:
        screen.document([queue_document(item) for item in items])
    else:
        screen.say(*queue_lines(items))
    return DONE


def queue_show(options: Namespace, screen: Screen) -> int:
    """One question, whole."""
    with Reading.open(Path(incident_of(options).state)) as reading:
        item = reading.queue().find(options.item)
        history = reading.history(item.item.id)
    if screen.as_json:
        screen.document({**queue_document(item), "history": [log_document(record) for record in history]})
    else:
        screen.say(*item_lines(item, history))
    return DONE
