"""The verb `report`: what came back and what did not, from the ledger alone, on the terminal or in a file."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from restore.errors import BadUse
from restore.ledger.reading import Reading
from restore.model.text import safe
from restore.report.gather import gather
from restore.report.letter import letter
from restore.report.page import MARK, customer_page, incident_page
from restore.report.recovery import CustomerPart, Recovery
from restore.report.rows import COLUMNS, customer_document, incident_document, sheet
from restore.report.summary import customer_lines, incident_lines
from restore.verbs.screen import DONE, Screen, incident_of


def report(options: Namespace, screen: Screen) -> int:
    """Write the report; exit code 0 once it is written, whatever it says."""
    if options.letter and (options.html or options.csv):
        raise BadUse("a letter is text: give --letter without --html and --csv")
    if options.customer and options.csv:
        raise BadUse("the table for spreadsheets is about the whole incident: give --csv without --customer")
    with Reading.open(Path(incident_of(options).state)) as reading:
        recovery = gather(reading)
    options.lost = options.lost or recovery.lost
    customer = _customer(recovery, options.customer) if options.customer else None
    written = _files(options, recovery, customer)
    if options.letter:
        _letters(
            screen, recovery, [customer] if customer else [one for one in recovery.customers if one.name]
        )
    elif screen.as_json:
        document = customer_document(customer) if customer else incident_document(recovery, options.lost)
        screen.document({**document, "written": written})
    elif written:
        screen.say(*(f"Wrote {safe(path)}" for path in written))
    else:
        screen.say(
            *(customer_lines(recovery, customer) if customer else incident_lines(recovery, options.lost))
        )
    return DONE


def _customer(recovery: Recovery, wanted: str) -> CustomerPart:
    """The one customer of that name, or "server/name". Raises BadUse for none, and for several: what is one's is
    never shown as another's."""
    wanted = safe(wanted)
    found = [
        one for one in recovery.customers if one.name and wanted in (one.name, f"{one.server}/{one.name}")
    ]
    if not found:
        raise BadUse(
            f"the ledger knows no customer {wanted}: nothing has been begun for him, or the name is another"
        )
    if len(found) > 1:
        names = ", ".join(str(one) for one in found)
        raise BadUse(f"several customers are called {wanted}: say which one: {names}")
    if len(found[0].names) > 1:
        raise BadUse(f"the ledger holds {len(found[0].names)} customers whose names are shown as {wanted}")
    return found[0]


def _files(options: Namespace, recovery: Recovery, customer: CustomerPart | None) -> list[str]:
    now = datetime.now(UTC)
    written = []
    if options.html:
        page = (
            customer_page(recovery, customer, now) if customer else incident_page(recovery, now, options.lost)
        )
        written.append(_write(options.html, page, MARK))
    if options.csv:
        written.append(_write(options.csv, sheet(recovery), ",".join(f'"{name}"' for name in COLUMNS)))
    return written


def _write(name: str, text: str, mark: str) -> str:
    """Put a report at that path, whole or not at all, readable by its owner alone. Only an older report is
    replaced: a file that does not begin like one is bad use."""
    path = Path(name)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.exists() and not _begins(path, mark):
            raise BadUse(f"{safe(name)} is there already and is no report: name another file")
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise BadUse(f"the report was not written to {safe(name)}: {error.strerror}") from error
    return str(path)


def _begins(path: Path, mark: str) -> bool:
    with open(path, "rb") as file:
        return file.read(len(mark)) == mark.encode()


def _letters(screen: Screen, recovery: Recovery, customers: Sequence[CustomerPart]) -> None:
    for number, customer in enumerate(customers):
        lines = letter(recovery, customer)
        if screen.as_json:
            screen.document(
                {
                    "server": customer.server,
                    "customer": customer.name,
                    "contact": customer.contact,
                    "letter": lines,
                }
            )
        elif len(customers) > 1:
            screen.say(*([""] if number else []), f"===== {customer} =====", *lines)
        else:
            screen.say(*lines)
