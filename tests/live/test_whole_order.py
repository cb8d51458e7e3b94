"""In what order a whole restore goes, and that it never asks more of a server than the incident file allows."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from fixtures.company import Scale, WreckedCompany
from fixtures.servers.warden import descendants
from tests.live.program import Program, events

DOCROOTS = 40
PATIENT = 0.01


def test_the_first_mailbox_is_done_before_a_twentieth_of_the_docroots_has_been_looked_at() -> None:
    with WreckedCompany(
        scale=Scale(customers=DOCROOTS, messages=1, rows=1, files=0, copies=False)
    ) as company:
        with Program(company.incident).running("run") as running:
            assert running.until(lambda: looks_ended(company) > 0)
            running.kill()
        ended = events(company.state, "done")
        first = [key.startswith("mail/") for key in ended].index(True)

        assert sum(key.startswith("look/") for key in ended[:first]) < DOCROOTS / 20


def looks_ended(company: WreckedCompany) -> int:
    return len(events(company.state, "done", "look/%"))


def copies_at_once(company: WreckedCompany) -> int:
    """How many sessions of the backup server have a file of the tree open."""
    root = str(company.backup.root)
    reading = 0
    for pid in descendants(company.backup.daemon.pid):
        with suppress(OSError):
            targets = [_target(Path(f"/proc/{pid}/fd/{name}")) for name in os.listdir(f"/proc/{pid}/fd")]
            reading += any(one.startswith(root) and os.path.isfile(one) for one in targets)
    return reading


def _target(link: Path) -> str:
    with suppress(OSError):
        return os.readlink(link)
    return ""


def mail_sessions(company: WreckedCompany) -> int:
    """How many clients are connected to the mail server."""
    port = company.mail.imaps_port
    connected = [one.laddr for one in psutil.net_connections("tcp4") if one.status == psutil.CONN_ESTABLISHED]
    return sum(address[1:] == (port,) for address in connected)


def loads_at_once(company: WreckedCompany) -> int:
    """The larger of the two database servers' number of loaders connected."""
    query = "SELECT COUNT(DISTINCT user) FROM information_schema.processlist WHERE user LIKE 'br\\_load%'"
    return max(int(server.sql(query)) for server in (company.db1, company.db2))


@contextmanager
def watched(*counts: Callable[[], int]) -> Iterator[list[int]]:
    """Poll each count in a thread of its own while the block runs; the highest each ever had."""
    highest = [0] * len(counts)
    over = threading.Event()

    def watch(number: int) -> None:
        before = 0
        while not over.wait(PATIENT):
            # One look is no snapshot: it can meet a line that ends and the next that begins. Two looks agree.
            now = counts[number]()
            highest[number] = max(highest[number], min(before, now))
            before = now

    threads = [threading.Thread(target=watch, args=(number,)) for number in range(len(counts))]
    for thread in threads:
        thread.start()
    try:
        yield highest
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_no_server_ever_has_more_to_do_at_once_than_the_incident_file_allows() -> None:
    with WreckedCompany(scale=Scale(customers=12, messages=4, rows=50, files=2, copies=False)) as company:
        company.write_incident(copies=1, workers=4)
        text = company.incident.read_text()
        company.incident.write_text(
            text.replace("connections = 8", "connections = 1").replace("loads = 2", "loads = 1")
        )
        with watched(
            lambda: copies_at_once(company), lambda: mail_sessions(company), lambda: loads_at_once(company)
        ) as highest:
            ended = Program(company.incident)("run")

        # A busy machine may look too rarely to catch a file while it is open: never above the limit is what counts.
        assert (ended.code, max(highest)) == (3, 1), ended
        assert company.prove().faults == ()
