"""Workers on other hosts that are stopped in the middle of an append, replaced, and woken: no mail is doubled."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from detectors.finding import Secret
from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from fixtures.servers.proxy import Fault, FaultProxy
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import MailboxId
from restore.model.outcome import Done, Outcome, Unchanged
from restore.model.plan import RestoreMailbox, Step
from restore.model.ports import Progress
from restore.run.carrier import Carrier
from restore.run.certificates import issue_cluster
from restore.run.desk_tls_client import TlsDeskClient
from restore.run.post import Factory
from restore.run.remote_cluster import Station
from restore.systems.folder import FolderSource
from restore.systems.imap import ImapServer
from tests.live.mailroom import DATE, NO_PENALTY, PASSWORD, Backup, Room, crlf, mail
from tests.memory.systems import GivenSystems
from tests.run.own_cluster import OwnCluster, hired, until

ADDRESS = "stopped@example.is"
LEASE = 4.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker finds backup and server."""

    backup: str
    port: int
    password: str


class MailSystems(GivenSystems):
    """One backup and one mail server, with the desk of another host."""

    __slots__ = ("_told",)

    def __init__(self, station: Station, told: Callable[[str], Progress]) -> None:
        place = station.argument
        assert isinstance(place, Place)
        target = MailTarget("live", "127.0.0.1", place.port, "none", "", "master", SecretRef("env", "X"))
        super().__init__(
            TlsDeskClient(station.desk, station.files),
            {"night": FolderSource("night", place.backup)},
            {"live": ImapServer(target, Secret(place.password.encode()))},
        )
        self._told = told

    def progress(self, step: str) -> Progress:
        return self._told(step)

    def close(self) -> None: ...


def mail_systems(station: Station, told: Callable[[str], Progress]) -> MailSystems:
    """See MailSystems."""
    return MailSystems(station, told)


@pytest.mark.long
@pytest.mark.parametrize(
    ("size", "after"),
    [(5_000, 20_000), (9_000_000, 12_000_000)],
    ids=["all bytes on their way", "in the middle"],
)
def test_a_host_that_stands_still_in_an_append_is_replaced_and_woken_and_no_mail_is_doubled(
    tmp_path: Path, size: int, after: int
) -> None:
    backup = Backup(tmp_path / "backup")
    contents = [mail(number, size=size) for number in range(6)]
    for number, content in enumerate([*contents, contents[3]]):
        backup.put(content, f"cur/{number}.a:2,S", date=DATE + number)
    cluster = OwnCluster(tmp_path)
    with ExitStack() as stack:
        dovecot = stack.enter_context(
            PrivateDovecot({ADDRESS: PASSWORD}, options=DovecotOptions(extra=NO_PENALTY))
        )
        proxy = stack.enter_context(FaultProxy(dovecot.port))
        stack.callback(cluster.close)
        issue_cluster(cluster.tls)
        cluster.scheduler()
        for name in ("one", "two"):
            cluster.worker(name, 1)
        for name in ("one", "two"):
            cluster.await_said(name, "at once is at")
        place = Place(str(backup.root), proxy.port, dovecot.master_password)
        factory = Factory("tests.live.test_workers_elsewhere:mail_systems", place)
        proxy.arm(Fault("stall", "up", after=after))
        frozen: list[tuple[int, int]] = []

        def freeze() -> None:
            proxy.wait_struck()
            frozen.append(_host_of(cluster, proxy.port))
            os.killpg(frozen[0][0], signal.SIGSTOP)
            proxy.heal()

        freezer = threading.Thread(target=freeze)
        freezer.start()
        with hired(cluster, tmp_path / "state", factory, lease=LEASE, lost=(LEASE + 0.5,) * 9) as office:
            outcome = _carried(office.crew)
            freezer.join()
            os.killpg(frozen[0][0], signal.SIGCONT)
            until(lambda: len(cluster.worker_pids()) == 2, "the woken host's next worker")
            again = _carried(office.crew)

        assert isinstance(outcome, Done | Unchanged), outcome
        assert isinstance(again, Unchanged), again
        assert not psutil.pid_exists(frozen[0][1])
        assert Room(dovecot, backup, ADDRESS).held() == Counter(map(crlf, [*contents, contents[3]]))


def _host_of(cluster: OwnCluster, port: int) -> tuple[int, int]:
    """The piece, and its process, that talks to that port."""
    return next(
        (piece.pid, one.pid)
        for piece in cluster.pieces[1:]
        for one in psutil.Process(piece.pid).children(recursive=True)
        if any(line.raddr and line.raddr.port == port for line in one.net_connections("tcp4"))
    )


def _carried(crew: Carrier) -> Outcome:
    work = RestoreMailbox(MailboxId("web1", ADDRESS), "anna", "night", b"Maildir", "live")
    crew.begin(Step("mail/web1/stopped", work))
    (outcome,) = [outcome for outcomes in crew.ready() for outcome in outcomes]
    return outcome
