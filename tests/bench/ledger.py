"""The ledger: milliseconds per commit, and how long status, log and the chain take over 1,000,000 events."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from restore.ledger.events import Asked, Event, RunStarted, Started
from restore.ledger.ledger import Ledger
from restore.ledger.reading import Filter, Reading
from restore.model.facts import MailboxRestored
from restore.model.mail import FolderAccount, MailboxId
from restore.model.operator import Operator
from restore.model.outcome import Done, Failed, ManualItem, Scope
from restore.model.plan import Job, RestoreMailbox, Step
from tests.bench.report import Report

EVENTS = 1_000_000
BATCH = 2_000
STEPS_A_BATCH = BATCH // 2
ANN = Operator("ann", "--operator", 0, 4711, "crisis1")


def main(report: Report) -> None:
    """A ledger as a very long night leaves it: every second event an outcome, one step in 100 failed."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state"
        with Ledger.open(state, ANN, 1) as ledger:
            for size in (1, 50):
                report.figure(f"commit of {size} events", _commits(ledger, size), "ms", better="lower")
            _fill(ledger, report)
        report.figure("status", _median(lambda: _status(state)), "s", better="lower", goal=1.0)
        report.figure("log of a customer", _median(lambda: _log(state)), "s", better="lower", goal=1.0)
        report.figure("take up the pen", _median(lambda: _take_up(state)), "s", better="lower")
        report.figure("verify the chain", _seconds(lambda: _verify(state)), "s", better="lower")


def _commits(ledger: Ledger, size: int) -> float:
    batches = [[Started(f"mail/{size}/{number}/{part}") for part in range(size)] for number in range(200)]
    return 1000 * statistics.median(_seconds(partial(ledger.append_all, batch)) for batch in batches)


def _fill(ledger: Ledger, report: Report) -> None:
    ledger.append_all([RunStarted("0" * 64, "run")])
    begun, first = time.perf_counter(), ledger.head.seq
    while ledger.head.seq < EVENTS - 200:
        number = ledger.head.seq
        steps = [_job(number + each) for each in range(STEPS_A_BATCH)]
        for job in steps:
            ledger.about(job)
        events: list[Event] = [Started(job.key) for job in steps]
        events += [_outcome(job, each) for each, job in enumerate(steps)]
        ledger.append_all(events)
    report.figure("events a second", (ledger.head.seq - first) / (time.perf_counter() - begun), "events/s")
    items = (
        ManualItem(
            f"{number:012x}", "no-login", "anna", f"web1/database/d{number}", "Which login?", ("none",) * 5
        )
        for number in range(200)
    )
    ledger.append_all(Asked(item) for item in items)
    report.note(f"{ledger.head.seq:,} events")


def _job(number: int) -> Job:
    address = f"user{number}@example.org"
    customer = f"customer{number % 5000}"
    work = RestoreMailbox(MailboxId("web1", address), customer, "night", b"mail", "imap")
    return Job(f"mail/{address}", "mail", customer, (Step(f"mail/{address}", work),))


def _outcome(job: Job, number: int) -> Event:
    if number % 100 == 0:
        return Failed(
            job.key, "mail-refused", Scope.JOB, "the server said NO", "Read the server's words above."
        )
    folders = tuple(FolderAccount(("INBOX", name), 10, 9, 1, 0, 9) for name in ("Sent", "Drafts", "Trash"))
    return Done(job.key, MailboxRestored(MailboxId("web1", job.key), folders, 100_000))


def _status(state: Path) -> None:
    with Reading.open(state) as reading:
        reading.run()
        reading.tallies()
        reading.failures(limit=20)
        reading.items()


def _log(state: Path) -> None:
    with Reading.open(state) as reading:
        list(reading.events(Filter(customer="customer77", limit=50)))


def _take_up(state: Path) -> None:
    with Ledger.open(state, ANN, 2) as ledger:
        len(ledger.done())


def _verify(state: Path) -> None:
    with Reading.open(state) as reading:
        reading.verify_chain()


def _seconds(act: Callable[[], object]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _median(act: Callable[[], object]) -> float:
    return statistics.median(_seconds(act) for _ in range(5))
