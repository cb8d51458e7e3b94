"""Backups of mailboxes for benchmarks, generated; and whether a server holds exactly what one of them does.

The backup lies on another file system than the mail, as a backup does; on the same one doveadm would make hard links.
Every run fills mailboxes of its own, so no tree is deleted before another run is measured.
"""

from __future__ import annotations

import imaplib
import random
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from detectors.finding import Secret
from fixtures.servers.dovecot import PrivateDovecot
from fixtures.servers.folder import MEMORY, PARENT
from restore.model.incident import MailTarget, SecretRef
from restore.systems.imap import ImapServer

MEAN_BYTES = 67_000
PASSWORD = "pw"
TEXT_BYTES = 4_000_000
DATE = 1_500_000_000
INBOX_SHARE = 3
"""One in so many messages lies in INBOX."""
MBSYNCS_OWN = re.compile(rb"^X-TUID: [^\r\n]*\r\n", re.MULTILINE)
"""mbsync adds a header line to every message it stores."""

Held = Counter[tuple[str, bytes]]
"""What a mailbox holds: folder and SHA-256 of each message, counted."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """So many mailboxes, each with so many folders and messages in all of them."""

    boxes: int
    folders: int
    messages: int

    @property
    def all(self) -> int:
        """Messages of all mailboxes."""
        return self.boxes * self.messages

    def names(self, run: str, part: str = "all") -> list[tuple[str, str]]:
        """The mailboxes that a run fills, each with its backup."""
        return [(f"{run}-{number}@example.is", f"{part}-{number}") for number in range(self.boxes)]

    def folder(self, number: int) -> str:
        """In which folder a message lies; "" is INBOX."""
        if self.folders == 1 or number % INBOX_SHARE == 0:
            return ""
        return f"Folder {1 + number % (self.folders - 1)}"


@dataclass(frozen=True, slots=True)
class Place:
    """One server, the folder of the backups, and a state folder for journals. Plain data: a worker is told it."""

    host: str
    port: int
    config: str
    master: str
    backups: str
    state: str
    pid: int

    def server(self) -> ImapServer:
        """The live server as a worker knows it."""
        target = MailTarget("live", self.host, self.port, "none", "", "master", SecretRef("env", "X"))
        return ImapServer(target, Secret(self.master.encode()))


@contextmanager
def field(users: Iterable[str], disk: Path = PARENT) -> Iterator[Place]:
    """A Dovecot on disk, and a folder in memory for backups; removed afterwards, and only then."""
    mail, backups = disk / "br-bench-mail", MEMORY / "br-bench-backup"
    state = disk / "br-bench-state"
    for folder in (mail, backups, state):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    try:
        with PrivateDovecot(dict.fromkeys(users, PASSWORD), folder=mail) as server:
            yield Place(
                server.host,
                server.port,
                str(server.config),
                server.master_password,
                str(backups),
                str(state),
                server.daemon.pid,
            )
    finally:
        for folder in (mail, backups, state):
            shutil.rmtree(folder, ignore_errors=True)


def text() -> bytes:
    """Lines of 60 to 72 hex digits."""
    chance = random.Random(1)
    lines = TEXT_BYTES // 67
    return b"".join(
        chance.randbytes(36).hex().encode()[: chance.randrange(60, 73)] + b"\n" for _ in range(lines)
    )


def make_backup(
    place: Place, name: str, corpus: Corpus, numbers: Iterable[int], mean: int = MEAN_BYTES
) -> Held:
    """A Maildir whose sizes are log-normal about the mean, owned as doveadm needs it; what it holds."""
    held: Held = Counter()
    root = Path(place.backups) / name / "Maildir"
    paths = {"": root, **{f"Folder {one}": root / f".Folder {one}" for one in range(1, corpus.folders)}}
    for path in paths.values():
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True)
    body = text()
    for number in numbers:
        folder = corpus.folder(number)
        content = _message(name, number, body, mean)
        (paths[folder] / "cur" / f"{DATE + number}.{number}.old:2,S").write_bytes(content)
        held[folder or "INBOX", sha256(content.replace(b"\n", b"\r\n")).digest()] += 1
    subprocess.run(["chown", "-R", "mail:mail", str(root.parent)], check=True)
    return held


def _message(name: str, number: int, body: bytes, mean: int) -> bytes:
    box = name.partition("-")[2]
    chance = random.Random(f"{box} {number}")
    size = min(TEXT_BYTES // 2, int(chance.lognormvariate(0, 1.2) * mean / 2.05))
    begin = chance.randrange(len(body) // 2)
    head = b"Message-ID: <%d.%s@example.is>\nSubject: %d\n\n" % (number, box.encode(), number)
    return head + body[begin : begin + size].partition(b"\n")[2] + b"\n"


def check(place: Place, names: Iterable[tuple[str, str]], right: dict[str, Held]) -> bool:
    """Whether every mailbox holds exactly its backup, message by message; read with imaplib alone."""
    return all(_held(place, user) == right[backup] for user, backup in names)


def _held(place: Place, user: str) -> Held:
    held: Held = Counter()
    client = imaplib.IMAP4(place.host, place.port)
    client.login(user, PASSWORD)
    for line in client.list()[1]:
        folder = line.rpartition(b' "." ')[2].strip(b'"').decode() if isinstance(line, bytes) else ""
        client.select(f'"{folder}"', readonly=True)
        _, answers = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        for answer in answers:
            if isinstance(answer, tuple):
                held[folder, sha256(MBSYNCS_OWN.sub(b"", answer[1])).digest()] += 1
    client.logout()
    return held
