"""Mail into empty mailboxes and a second run with nothing to do, against doveadm sync on the same Dovecot.

Whole mailboxes, eight at a time: from the first byte read to journal on disk, read-back and comparison (proven).
doveadm proves nothing. The backup lies on another file system than the mail, as a backup does; on one and the same
doveadm would make hard links. Every run fills mailboxes of its own, so no tree is deleted before another is
measured; each run's mailboxes are then compared with the backup message by message.
"""

from __future__ import annotations

import imaplib
import multiprocessing
import os
import random
import shutil
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from subprocess import Popen

from detectors.finding import Secret
from fixtures.servers.daemon import plain_environment
from fixtures.servers.dovecot import PrivateDovecot
from fixtures.servers.folder import fresh_folder
from restore.ledger import codec
from restore.ledger.journal import Journals
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import JournalRecord, MailboxId
from restore.model.plan import RestoreMailbox
from restore.run.mailboxes import restore_mailbox
from restore.systems.folder import FolderSource
from restore.systems.imap import ImapServer
from tests.bench.report import Report
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems

BOXES = 8
MESSAGES = 500
MEAN_BYTES = 50_000
RUNS = 3
PASSWORD = "pw"


@dataclass(slots=True)
class DiskDesk(MemoryDesk):
    """A desk whose journals are on disk, as the coordinator keeps them."""

    journals: Journals

    def __init__(self, journals: Journals) -> None:
        MemoryDesk.__init__(self, Office())
        self.journals = journals

    def journal(self, step: str, mailbox: str) -> Sequence[JournalRecord]:
        records = map(codec.decode, self.journals.records(mailbox))
        return tuple(record for record in records if isinstance(record, JournalRecord))

    def record(self, step: str, mailbox: str, records: Sequence[JournalRecord]) -> None:
        self.journals.append(mailbox, list(map(codec.encode, records)))


@dataclass(slots=True)
class Field:
    """One server, one backup, and a state folder for journals."""

    dovecot: PrivateDovecot
    backup: Path
    state: Path
    right: list[Counter[bytes]] = field(default_factory=list)

    def restore(self, run: str, number: int) -> None:
        """One worker restores one mailbox."""
        server = self.dovecot
        target = MailTarget("live", server.host, server.port, "none", "", "master", SecretRef("env", "X"))
        live = ImapServer(target, Secret(server.master_password.encode()))
        source = FolderSource("night", str(self.backup))
        systems = GivenSystems(
            DiskDesk(Journals(self.state / f"{run}-{number}")), {"night": source}, {"live": live}
        )
        work = RestoreMailbox(
            MailboxId("old", address(run, number)), "c", "night", b"%d/Maildir" % number, "live"
        )
        restore_mailbox("mail", work, systems)

    def ours(self, run: str) -> None:
        """Eight workers, a mailbox each."""
        workers = [
            multiprocessing.Process(target=self.restore, args=(run, number)) for number in range(BOXES)
        ]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    def doveadm(self, run: str) -> None:
        """Eight doveadm sync, a mailbox each."""
        command = ["doveadm", "-c", str(self.dovecot.config), "sync", "-1", "-R", "-u"]
        syncs = [
            Popen(
                [*command, address(run, number), f"maildir:{self.backup}/{number}/Maildir"],
                env=plain_environment(),
            )
            for number in range(BOXES)
        ]
        for sync in syncs:
            sync.wait()

    def check(self, run: str) -> bool:
        """Whether every mailbox of that run holds exactly the backup."""
        return all(self._held(address(run, number)) == self.right[number] for number in range(BOXES))

    def _held(self, user: str) -> Counter[bytes]:
        client = imaplib.IMAP4(self.dovecot.host, self.dovecot.port)
        client.login(user, PASSWORD)
        client.select(readonly=True)
        _, answers = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        client.logout()
        return Counter(sha256(answer[1]).digest() for answer in answers if isinstance(answer, tuple))


def address(run: str, number: int) -> str:
    """The mailbox that a run fills."""
    return f"{run}-{number}@example.is"


def main(report: Report) -> None:
    """Alternating runs; medians; the spread is said beside them."""
    names = [f"{kind}{run}" for kind in ("ours", "sync") for run in range(RUNS)]
    users = {address(name, number): PASSWORD for name in names for number in range(BOXES)}
    with (
        fresh_folder("bench") as folder,
        PrivateDovecot(users) as server,
        tempfile.TemporaryDirectory() as state,
    ):
        bench = Field(server, folder, Path(state))
        _make_backup(bench)
        fill: dict[str, list[float]] = {"ours": [], "sync": []}
        again: dict[str, list[float]] = {"ours": [], "sync": []}
        for run in range(RUNS):
            for kind, fills in (("ours", bench.ours), ("sync", bench.doveadm)):
                fill[kind].append(BOXES * MESSAGES / _seconds(partial(fills, f"{kind}{run}")))
                again[kind].append(_seconds(partial(fills, f"{kind}{run}")))
        wrong = [name for name in names if not bench.check(name)]
    peer = statistics.median(fill["sync"])
    ours = statistics.median(fill["ours"])
    report.figure("fill, proven, 8 connections", ours, "messages/s", goal=1.1 * peer, peer=peer)
    peer, ours = statistics.median(again["sync"]), statistics.median(again["ours"])
    report.figure("nothing to do, 8 mailboxes", ours, "s", better="lower", goal=peer, peer=peer)
    report.figure("runs whose mailboxes differ from the backup", len(wrong), "runs", better="lower", goal=0)
    report.note(f"fill: {_spread(fill)} messages/s; again: {_spread(again)} s; differing: {wrong or 'none'}")


def _spread(values: dict[str, list[float]]) -> str:
    return "; ".join(f"{kind} {min(each):.4g} to {max(each):.4g}" for kind, each in values.items())


def _seconds(act: Callable[[], None]) -> float:
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def _make_backup(bench: Field) -> None:
    """Mails of 60 to 76 characters a line, their sizes log-normal about the mean, owned as doveadm needs it."""
    chance = random.Random(1)
    text = b"".join(
        chance.randbytes(36).hex().encode()[: chance.randrange(60, 73)] + b"\n" for _ in range(60_000)
    )
    for number in range(BOXES):
        held: Counter[bytes] = Counter()
        cur = bench.backup / str(number) / "Maildir" / "cur"
        for part in ("cur", "new", "tmp"):
            (cur.parent / part).mkdir(parents=True)
        for each in range(MESSAGES):
            size = min(2_000_000, int(chance.lognormvariate(0, 1.2) * MEAN_BYTES / 2))
            begin = chance.randrange(len(text) - 2_000_000)
            content = b"Message-ID: <%d.%d@example.is>\nSubject: %d\n\n" % (number, each, each)
            content += text[begin : begin + size].partition(b"\n")[2] + b"\n"
            path = cur / f"{1_500_000_000 + each}.{each}.old:2,S"
            path.write_bytes(content)
            os.utime(path, (1_500_000_000 + each,) * 2)
            held[sha256(content.replace(b"\n", b"\r\n")).digest()] += 1
        bench.right.append(held)
    for path in (bench.backup, *bench.backup.rglob("*")):
        shutil.chown(path, "mail", "mail")
