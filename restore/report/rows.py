"""The report for machines: JSON documents and a table for spreadsheets."""

from __future__ import annotations

import csv
import io
from datetime import datetime

from restore.model.text import safe
from restore.report.expected import compared_document
from restore.report.pop3 import pop3_document
from restore.report.recovery import (
    SERVICES,
    CustomerPart,
    Item,
    Recovery,
    Spread,
    by_cause,
    recovery_points,
    recovery_times,
    sums,
)

COLUMNS = (
    "server",
    "customer",
    "contact",
    "service",
    "thing",
    "state",
    "came back at (UTC)",
    "backup of (UTC)",
    "cause",
    "what",
    "why not",
)
LONGEST = 4000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def sheet(recovery: Recovery) -> str:
    """One row a thing, as CSV (RFC 4180). A cell that a spreadsheet would run as a formula begins with an
    apostrophe (https://owasp.org/www-community/attacks/CSV_Injection)."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for customer in recovery.customers:
        writer.writerows(tuple(map(cell, _row(customer, item))) for item in customer.items)
    return out.getvalue()


def _row(customer: CustomerPart, item: Item) -> tuple[str, ...]:
    taken = f"{item.taken:%Y-%m-%d %H:%M:%S}" if item.taken else ""
    at = f"{item.at:%Y-%m-%d %H:%M:%S}" if item.at else ""
    return (
        customer.server, customer.name, customer.contact, item.service, item.name, item.state.value, at, taken,
        item.cause, item.what, "; ".join(item.missing),
    )  # fmt: skip


def cell(text: str) -> str:
    """A text as a spreadsheet shows it and does not run it."""
    shown = safe(text, LONGEST)
    return f"'{shown}" if shown.lstrip().startswith(FORMULA) else shown


def incident_document(recovery: Recovery, lost: datetime | None = None) -> dict[str, object]:
    """The whole incident."""
    counted = sums(recovery.items)
    return {
        "events": recovery.head,
        "began": recovery.began.isoformat() if recovery.began else None,
        "latest": recovery.latest.isoformat() if recovery.latest else None,
        "things": {
            service: {state.value: n for state, n in counted[service].items()} for service in SERVICES
        },
        "recovery_seconds": {
            service: _spread(recovery_times(recovery, service, lost)) for service in SERVICES
        },
        "lost": lost.isoformat() if lost else None,
        "recovery_point_seconds": {
            service: _spread(recovery_points(recovery, lost, service)) if lost else None
            for service in ("mail", "database")
        },
        "steps": [{"work": one.work, "state": one.kind, "steps": one.steps} for one in recovery.tallies],
        "failures": {code: len(group) for code, _, group in by_cause(recovery.failures)},
        "customers": [customer_document(customer) for customer in recovery.customers],
        "forecast": compared_document(recovery),
        "pop3": pop3_document(recovery.pop3),
    }


def _spread(spread: Spread | None) -> dict[str, float] | None:
    return {"p50": spread.p50, "p95": spread.p95, "max": spread.longest} if spread else None


def customer_document(customer: CustomerPart) -> dict[str, object]:
    """One customer."""
    return {
        "server": customer.server,
        "customer": customer.name,
        "contact": customer.contact,
        "things": [
            {
                "service": item.service,
                "thing": item.name,
                "state": item.state.value,
                "at": item.at.isoformat() if item.at else None,
                "backup_of" if item.service != "mail" else "newest_message": item.taken.isoformat()
                if item.taken
                else None,
                "what": safe(item.what, LONGEST),
                "missing": [safe(line, LONGEST) for line in item.missing],
                "notes": [safe(line, LONGEST) for line in item.notes],
                "cause": item.cause,
                "hint": safe(item.hint, LONGEST),
                "kept": safe(item.kept, LONGEST),
                "questions": [safe(one.item.id) for one in item.questions],
            }
            for item in customer.items
        ],
        "seen": [safe(line, LONGEST) for line in customer.seen],
        "refused": [safe(line, LONGEST) for line in customer.refused],
        "hosts": [safe(host) for host in customer.hosts],
    }
