"""One Dovecot on disk, backups in memory, and the programs that bring one into the other, for benchmarks.

The backup lies on another file system than the mail, as a backup does; on the same one doveadm would make hard links.
Every run fills mailboxes of its own, so no tree is deleted before another run is measured.
"""

from __future__ import annotations

import imaplib
import multiprocessing
import random
import re
import shutil
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from detectors.finding import Secret
from fixtures.servers.daemon import plain_environment
from fixtures.servers.dovecot import PrivateDovecot
from fixtures.servers.folder import MEMORY, PARENT
from restore.ledger import codec
from restore.ledger.journal import Journals
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import INBOX, JournalRecord, MailboxId, NewMessage
from restore.model.message import canonical
from restore.model.plan import RestoreMailbox
from restore.run.mailboxes import restore_mailbox
from restore.systems.folder import FolderSource
from restore.systems.imap import ImapServer
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems

BOXES = 8
MESSAGES = 250
MEAN_BYTES = 67_000
PASSWORD = "pw"
TEXT_BYTES = 4_000_000
DATE = 1_500_000_000
MBSYNCS_OWN = re.compile(rb"^X-TUID: [^\r\n]*\r\n", re.MULTILINE)
"""mbsync adds a header line to every message it stores."""


class DiskDesk(MemoryDesk):
    """A desk whose journals are on disk, as the coordinator keeps them."""

    def __init__(self, journals: Journals) -> None:
        MemoryDesk.__init__(self, Office())
        self.journals = journals

    def journal(self, step: str, mailbox: str) -> Sequence[JournalRecord]:
        records = map(codec.decode, self.journals.records(mailbox))
        return tuple(record for record in records if isinstance(record, JournalRecord))

    def last(self, step: str, mailbox: str) -> JournalRecord | None:
        newest = [codec.decode(text) for text in self.journals.records(mailbox)[-1:]]
        return newest[0] if newest and isinstance(newest[0], JournalRecord) else None

    def record(self, step: str, mailbox: str, records: Sequence[JournalRecord]) -> None:
        self.journals.append(mailbox, list(map(codec.encode, records)))


@dataclass(frozen=True, slots=True)
class Place:
    """One server, the folder of the backups, and a state folder for journals. Plain data: a worker is told it."""

    host: str
    port: int
    config: str
    master: str
    backups: str
    state: str

    def server(self) -> ImapServer:
        """The live server as a worker knows it."""
        target = MailTarget("live", self.host, self.port, "none", "", "master", SecretRef("env", "X"))
        return ImapServer(target, Secret(self.master.encode()))


def restore(place: Place, user: str, backup: str) -> None:
    """One worker restores one mailbox."""
    systems = GivenSystems(
        DiskDesk(Journals(Path(place.state) / user)),
        {"night": FolderSource("night", place.backups)},
        {"live": place.server()},
    )
    work = RestoreMailbox(MailboxId("old", user), "c", "night", f"{backup}/Maildir".encode(), "live")
    restore_mailbox("mail", work, systems)


def send_bare(place: Place, user: str, backup: str) -> None:
    """The same bytes in the same batches, with no journal, no comparison and no read-back."""
    source = FolderSource("night", place.backups)
    folder = f"{backup}/Maildir/cur".encode()
    names = sorted(entry.name for entry in source.list(folder))
    with closing(place.server().open(user)) as session:
        batch: list[NewMessage] = []
        size = 0
        for found in source.read_many([folder + b"/" + name for name in names], 1 << 30):
            data = getattr(found, "data")  # noqa: B009 - a file that cannot be read stops the benchmark
            batch.append(NewMessage(canonical(data), DATE, frozenset(("\\Seen",))))
            size += len(data)
            if len(batch) == 100 or size > 4 << 20:
                session.append(INBOX, batch)
                batch, size = [], 0
        if batch:
            session.append(INBOX, batch)


Act = Callable[[Place, str, str], None]


def together(act: Act, place: Place, names: Iterable[tuple[str, str]]) -> None:
    """Eight workers, each in a process of its own, a mailbox each. Raises RuntimeError where one failed."""
    workers = [multiprocessing.Process(target=act, args=(place, user, backup)) for user, backup in names]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise RuntimeError("a worker failed")


def doveadm(processes: int, place: Place, names: Iterable[tuple[str, str]]) -> None:
    """doveadm sync of every mailbox, so many at once."""

    def sync(name: tuple[str, str]) -> None:
        command = ["doveadm", "-c", place.config, "sync", "-1", "-R", "-u", name[0]]
        subprocess.run(
            [*command, f"maildir:{place.backups}/{name[1]}/Maildir"], check=True, env=plain_environment()
        )

    with ThreadPoolExecutor(processes) as pool:
        list(pool.map(sync, names))


def mbsync(place: Place, names: Iterable[tuple[str, str]]) -> None:
    """Eight mbsync, a mailbox each, on a copy of the names: it renames what it reads."""

    def sync(name: tuple[str, str]) -> None:
        config = Path(place.backups) / f"mbsync-{name[0]}" / "mbsyncrc"
        subprocess.run(
            ["mbsync", "-q", "-c", config, "-a"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=plain_environment(),
        )

    with ThreadPoolExecutor(BOXES) as pool:
        list(pool.map(sync, names))


def have_mbsync() -> None:
    """Debian's isync, installed where it is missing. Raises CalledProcessError."""
    if shutil.which("mbsync") is None:
        subprocess.run(["apt-get", "install", "-y", "isync"], check=True, stdout=subprocess.DEVNULL)


def prepare_mbsync(place: Place, names: Iterable[tuple[str, str]]) -> None:
    """A copy of each Maildir by hard links, and mbsync's own files; before the clock starts."""
    for user, backup in names:
        home = Path(place.backups) / f"mbsync-{user}"
        for part in ("state", "none"):
            (home / part).mkdir(parents=True)
        subprocess.run(["cp", "-al", f"{place.backups}/{backup}/Maildir", f"{home}"], check=True)
        (home / "mbsyncrc").write_text(
            f"IMAPStore live\nHost {place.host}\nPort {place.port}\nUser {user}\nPass {PASSWORD}\nSSLType None\n"
            f"AuthMechs LOGIN\n\nMaildirStore night\nPath {home}/none/\nInbox {home}/Maildir\n\n"
            f"Channel all\nFar :live:\nNear :night:\nPatterns INBOX\nSync Push New\nCopyArrivalDate yes\n"
            f"SyncState {home}/state/\n"
        )


def check(place: Place, names: Iterable[tuple[str, str]], right: dict[str, Counter[bytes]]) -> bool:
    """Whether every mailbox holds exactly its backup."""
    return all(_held(place, user) == right[backup] for user, backup in names)


def _held(place: Place, user: str) -> Counter[bytes]:
    client = imaplib.IMAP4(place.host, place.port)
    client.login(user, PASSWORD)
    client.select(readonly=True)
    _, answers = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
    client.logout()
    contents = (answer[1] for answer in answers if isinstance(answer, tuple))
    return Counter(sha256(MBSYNCS_OWN.sub(b"", content)).digest() for content in contents)


def names_of(run: str, part: str = "all") -> list[tuple[str, str]]:
    """The mailboxes that a run fills, each with its backup."""
    return [(f"{run}-{number}@example.is", f"{part}-{number}") for number in range(BOXES)]


@contextmanager
def field(runs: Iterable[str]) -> Iterator[Place]:
    """A Dovecot on disk, and a folder in memory for backups; removed afterwards, and only then."""
    users = {user: PASSWORD for run in runs for user, _ in names_of(run)}
    mail, backups = PARENT / "br-bench-mail", MEMORY / "br-bench-backup"
    state = PARENT / "br-bench-state"
    for folder in (mail, backups, state):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    try:
        with PrivateDovecot(users, folder=mail) as server:
            yield Place(
                server.host,
                server.port,
                str(server.config),
                server.master_password,
                str(backups),
                str(state),
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
    place: Place, name: str, numbers: Iterable[int], body: bytes, mean: int = MEAN_BYTES
) -> Counter[bytes]:
    """A Maildir whose sizes are log-normal about the mean, owned as doveadm needs it; what it holds."""
    held: Counter[bytes] = Counter()
    root = Path(place.backups) / name / "Maildir"
    for part in ("cur", "new", "tmp"):
        (root / part).mkdir(parents=True)
    for number in numbers:
        chance = random.Random(f"{name.partition('-')[2]} {number}")
        size = min(TEXT_BYTES // 2, int(chance.lognormvariate(0, 1.2) * mean / 2.05))
        begin = chance.randrange(len(body) // 2)
        content = b"Message-ID: <%d.%s@example.is>\nSubject: %d\n\n" % (number, name[-1].encode(), number)
        content += body[begin : begin + size].partition(b"\n")[2] + b"\n"
        (root / "cur" / f"{DATE + number}.{number}.old:2,S").write_bytes(content)
        held[sha256(content.replace(b"\n", b"\r\n")).digest()] += 1
    subprocess.run(["chown", "-R", "mail:mail", str(root.parent)], check=True)
    return held


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def grown() -> float:
    """The most memory this process held, in MB; ru_maxrss would count what its parent held before exec."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def spread(values: Sequence[float]) -> str:
    """Median, least and most."""
    return f"{statistics.median(values):.4g} ({min(values):.4g} to {max(values):.4g})"
