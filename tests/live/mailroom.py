"""A real Dovecot, a Maildir on disk, and a journal that outlives the process which restores one into the other."""

from __future__ import annotations

import imaplib
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from detectors.finding import Secret
from fixtures.servers.dovecot import PrivateDovecot
from restore.model.facts import MailboxRestored
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import FolderAccount, FolderPath, MailboxId
from restore.model.outcome import Done, Manual, Outcome, Partial, Unchanged
from restore.model.plan import RestoreMailbox
from restore.model.ports import Progress
from restore.run.leases import Leases
from restore.run.mailboxes import restore_mailbox
from restore.systems.folder import FolderSource
from restore.systems.imap import ImapServer
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems, ignore

# Dovecot lets an address that failed to log in wait for seconds.
NO_PENALTY = "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}"
PASSWORD = "pw"
DATE = 1_600_000_000


def mail(number: int, *, size: int = 0, with_id: bool = True) -> bytes:
    """A mail with LF ends as Dovecot keeps it; `size` is that of its body."""
    head = f"From: a@example.is\nX-Number: {number}\n" + (
        f"Message-ID: <{number}@example.is>\n" if with_id else ""
    )
    line = f"line of mail {number}\n"
    return (head + f"Subject: {number}\n\n" + line * (1 + size // len(line))).encode()


def crlf(content: bytes) -> bytes:
    """As IMAP shows it."""
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def nothing(*_: object) -> None:
    """A hook that does nothing."""


@dataclass(slots=True)
class Backup:
    """A Maildir++ tree on disk."""

    root: Path

    def put(self, content: bytes, name: str, folder: str = "", date: float = DATE) -> Path:
        """One file, `name` below the folder, such as cur/1.a:2,S."""
        path = self.root / "Maildir" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (self.root / "Maildir" / "cur").mkdir(exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (date, date))
        return path


@dataclass(slots=True)
class Room:
    """One mailbox on a server, to be filled from a backup; `port` may be a proxy's."""

    dovecot: PrivateDovecot
    backup: Backup
    address: str
    port: int = 0
    tls: str = "none"
    timeout: float = 20.0
    office: Office = field(default_factory=Office)
    hook: Callable[[str, str, str], None] = nothing
    told: Progress = ignore
    leases: Leases | None = None
    worker: str = "worker"

    def server(self) -> ImapServer:
        """The live server as the worker knows it."""
        port = self.port or (self.dovecot.imaps_port if self.tls == "verify" else self.dovecot.port)
        ca = str(self.dovecot.ca)
        target = MailTarget(
            "live", "127.0.0.1", port, self.tls, ca, "master", SecretRef("env", "X"), timeout=self.timeout
        )
        return ImapServer(target, Secret(self.dovecot.master_password.encode()))

    def run(self) -> Outcome:
        """One worker restores the mailbox."""
        source = FolderSource("night", str(self.backup.root))
        desk = MemoryDesk(self.office, self.leases, worker=self.worker, hook=self.hook)
        systems = GivenSystems(desk, {"night": source}, {"live": self.server()}, tell=self.told)
        work = RestoreMailbox(MailboxId("web1", self.address), "anna", "night", b"Maildir", "live")
        return restore_mailbox("mail:1", work, systems)

    @contextmanager
    def user(self, folder: str = "INBOX") -> Iterator[imaplib.IMAP4]:
        """The user's own client, with that folder open."""
        client = imaplib.IMAP4(self.dovecot.host, self.dovecot.port)
        client.login(self.address, PASSWORD)
        client.select(f'"{folder}"')
        try:
            yield client
        finally:
            client.logout()

    def deliver(self, content: bytes, folder: str = "INBOX", flags: str = "") -> None:
        """New mail comes in by itself."""
        with self.user() as client:
            kind, words = client.append(f'"{folder}"', flags, None, crlf(content))
            assert kind == "OK", words

    def held(self, folder: str = "INBOX") -> Counter[bytes]:
        """What the user sees in a folder, counted; read with imaplib alone."""
        with self.user(folder) as client:
            _, answers = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return Counter(answer[1] for answer in answers if isinstance(answer, tuple))


def fact_of(outcome: Outcome) -> MailboxRestored:
    """The fact of an outcome that has one."""
    assert isinstance(outcome, Done | Unchanged | Partial | Manual), outcome
    assert isinstance(outcome.fact, MailboxRestored)
    return outcome.fact


def account_of(outcome: Outcome, folder: FolderPath = ("INBOX",)) -> FolderAccount:
    """The sums of one folder."""
    return next(part for part in fact_of(outcome).folders if part.folder == folder)
