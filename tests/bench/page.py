"""The report: how long a page, a letter and a table of 20,000 steps take to gather and write."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from restore.ledger.events import Event, RunEnded, RunStarted
from restore.ledger.ledger import Ledger
from restore.ledger.reading import Reading
from restore.model.plan import Job
from restore.report.gather import gather
from restore.report.letter import letter
from restore.report.page import customer_page, incident_page
from restore.report.rows import sheet
from tests.bench.report import Report
from tests.report.night import ANN, account, database, failed_mailbox, whole_mailbox

CUSTOMERS = 4_000
AT_ONCE = 100
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def main(report: Report) -> None:
    """Five steps a customer; one mailbox in a hundred failed."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        _fill(state)
        begun = time.perf_counter()
        with Reading.open(state) as reading:
            recovery = gather(reading)
        gathered = time.perf_counter() - begun
    page = _seconds(lambda: incident_page(recovery, NOW))
    report.figure("gather 20,000 steps", gathered, "s", better="lower")
    report.figure("write the page", page, "s", better="lower")
    report.figure("report of 20,000 steps", gathered + page, "s", better="lower", goal=5.0)
    everybody = recovery.customers
    own = _seconds(lambda: customer_page(recovery, everybody[77], NOW))
    report.figure("write a customer's page", own, "s", better="lower")
    letters = _seconds(lambda: [letter(recovery, one) for one in everybody])
    report.figure("write everybody's letter", letters, "s", better="lower")
    report.figure("write the table", _seconds(lambda: sheet(recovery)), "s", better="lower")
    report.note(f"{len(recovery.items):,} things of {len(everybody):,} customers")


def _fill(state: Path) -> None:
    with Ledger.open(state, ANN, 1) as ledger:
        ledger.append_all([RunStarted("0" * 64, "run")])
        for first in range(0, CUSTOMERS, AT_ONCE):
            events: list[Event] = []
            for number in range(first, first + AT_ONCE):
                for job, happened in _customer(number):
                    ledger.about(job)
                    events += happened
            ledger.append_all(events)
        ledger.append_all([RunEnded("all done")])


def _customer(number: int) -> list[tuple[Job, list[Event]]]:
    name, name_of_database = f"customer{number}", f"db{number}"
    second = f"sala@customer{number}.is"
    return [
        whole_mailbox(name, f"info@customer{number}.is"),
        failed_mailbox(name, second, "the server said NO")
        if number % 50 == 0
        else whole_mailbox(name, second),
        database(name, name_of_database),
        account(name, name, name_of_database),
    ]


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun
