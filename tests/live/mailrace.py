"""The programs that bring backups of mailboxes into one Dovecot, for benchmarks: ours, doveadm sync and mbsync.

Our workers are processes that stand ready before the clock starts, as a cluster's do; one carries many mailboxes.
doveadm and mbsync are started for each mailbox: they know no other way.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from multiprocessing.pool import Pool
from pathlib import Path

from fixtures.servers.daemon import plain_environment
from restore.ledger import codec
from restore.ledger.journal import Journals
from restore.model.mail import JournalRecord, MailboxId, NewMessage
from restore.model.message import canonical
from restore.model.plan import RestoreMailbox
from restore.run.mailboxes import restore_mailbox
from restore.survey.maildir import list_messages, read_maildir
from restore.systems.folder import FolderSource
from tests.live.mailcorpus import PASSWORD, Place
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems

WORKERS = 8
BATCH_MESSAGES, BATCH_BYTES = 500, 4 << 20


class DiskDesk(MemoryDesk):
    """A desk whose journals are on disk, as the coordinator keeps them."""

    def __init__(self, journals: Journals) -> None:
        MemoryDesk.__init__(self, Office())
        self.journals = journals

    def journal(self, step: str, mailbox: str) -> Sequence[JournalRecord]:
        records = map(codec.decode, self.journals.records(mailbox))
        return tuple(record for record in records if isinstance(record, JournalRecord))

    def last(self, step: str, mailbox: str) -> JournalRecord | None:
        newest = self.journals.last(mailbox)
        record = None if newest is None else codec.decode(newest)
        return record if isinstance(record, JournalRecord) else None

    def record(self, step: str, mailbox: str, records: Sequence[JournalRecord]) -> None:
        self.journals.append(mailbox, list(map(codec.encode, records)))


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
    with closing(place.server().open(user)) as session:
        for folder in read_maildir(source, f"{backup}/Maildir".encode()).folders:
            messages = list_messages(source, folder).messages
            if folder.folder not in session.folders():
                session.create(folder.folder)
            flags = [folder.flags(message)[0] for message in messages]
            paths = [folder.path + b"/" + message.name for message in messages]
            answer: Callable[[], object] = list
            for batch in _batches(source, paths, [message.mtime for message in messages], flags):
                answer()
                answer = session.send(folder.folder, batch)
            answer()


def _batches(
    source: FolderSource, paths: Sequence[bytes], dates: Sequence[int], flags: Sequence[frozenset[str]]
) -> Iterator[list[NewMessage]]:
    batch: list[NewMessage] = []
    size = 0
    for found, date, kept in zip(source.read_many(paths, 1 << 30), dates, flags, strict=True):
        data = getattr(found, "data")  # noqa: B009 - a file that cannot be read stops the benchmark
        batch.append(NewMessage(canonical(data), date, kept))
        size += len(data)
        if len(batch) == BATCH_MESSAGES or size > BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


Act = Callable[[Place, str, str], None]
Names = Iterable[tuple[str, str]]


def _spent(act: Act, place: Place, name: tuple[str, str]) -> float:
    begun = time.process_time()
    act(place, *name)
    return time.process_time() - begun


@contextmanager
def workers(place: Place, warm: tuple[str, str]) -> Iterator[Pool]:
    """Eight workers, standing ready: each has looked at a mailbox that nobody measures."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(WORKERS) as pool:
        pool.map(partial(_ready, place), [(f"{number}-{warm[0]}", warm[1]) for number in range(WORKERS)], 1)
        yield pool


def _ready(place: Place, name: tuple[str, str]) -> None:
    restore(place, *name)
    time.sleep(0.5)  # so that each takes one


def together(pool: Pool, act: Act, place: Place, names: Names) -> float:
    """All workers, a mailbox each at a time; the processor seconds they spent."""
    return sum(pool.imap_unordered(partial(_spent, act, place), list(names)))


def doveadm(processes: int, place: Place, names: Names) -> float:
    """doveadm sync of every mailbox, so many at once; the processor seconds spent."""

    def command(name: tuple[str, str]) -> list[str]:
        asked = ["doveadm", "-c", place.config, "sync", "-1", "-R", "-u", name[0]]
        return [*asked, f"maildir:{place.backups}/{name[1]}/Maildir"]

    return _programs(processes, [command(name) for name in names])


def mbsync(place: Place, names: Names) -> float:
    """Eight mbsync, a mailbox each at a time, on a copy of the names: it renames what it reads."""
    config = "{}/mbsync-{}/mbsyncrc".format
    commands = [["mbsync", "-q", "-c", config(place.backups, user), "-a"] for user, _ in names]
    return _programs(WORKERS, commands)


def _programs(at_once: int, commands: Iterable[list[str]]) -> float:
    def run(command: list[str]) -> None:
        out = subprocess.DEVNULL
        subprocess.run(command, check=True, stdout=out, stderr=out, env=plain_environment())

    before = _children()
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(run, commands))
    return _children() - before


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def have_mbsync() -> None:
    """Debian's isync, installed where it is missing. Raises CalledProcessError."""
    if shutil.which("mbsync") is None:
        subprocess.run(["apt-get", "install", "-y", "isync"], check=True, stdout=subprocess.DEVNULL)


def prepare_mbsync(place: Place, names: Names) -> None:
    """A copy of each Maildir by hard links, and mbsync's own files; before the clock starts."""
    for user, backup in names:
        home = Path(place.backups) / f"mbsync-{user}"
        (home / "state").mkdir(parents=True)
        subprocess.run(["cp", "-al", f"{place.backups}/{backup}/Maildir", f"{home}"], check=True)
        (home / "mbsyncrc").write_text(
            f"IMAPStore live\nHost {place.host}\nPort {place.port}\nUser {user}\nPass {PASSWORD}\nSSLType None\n"
            f"AuthMechs LOGIN\n\nMaildirStore night\nSubFolders Maildir++\nInbox {home}/Maildir\n\n"
            f"Channel all\nFar :live:\nNear :night:\nPatterns *\nCreate Far\nSync Push New\nCopyArrivalDate yes\n"
            f"SyncState {home}/state/\n"
        )


def server_seconds(place: Place) -> float:
    """Processor seconds of Dovecot's master and of all its processes that have ended."""
    numbers = Path(f"/proc/{place.pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
    return sum(map(int, numbers.split()[11:15])) / os.sysconf("SC_CLK_TCK")


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
