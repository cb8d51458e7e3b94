"""A lost mail server that serves IMAP again: its mail is restored from there, and nothing on it is changed by that."""

from __future__ import annotations

import imaplib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from detectors.finding import Secret
from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from restore.model.incident import SourceSpec
from restore.model.mail import INBOX, MailboxId
from restore.model.outcome import Partial, Unchanged
from restore.model.plan import RestoreMailbox
from restore.model.ports import MailReader
from restore.model.stores import IMAP, Store
from restore.run.mailboxes import restore_mailbox
from restore.systems.imap_source import OldImapServer
from tests.live.mailroom import NO_PENALTY, PASSWORD, Backup, Room, crlf, fact_of, mail
from tests.memory.desk import MemoryDesk
from tests.memory.systems import GivenSystems

ADDRESS = "anna@example.is"
WORK = RestoreMailbox(MailboxId("web1", ADDRESS), "anna", "wreck", b"", "live", store=Store(IMAP))
LARGE = 9 << 20


def as_it_is(server: PrivateDovecot) -> dict[str, list[bytes]]:
    """What a client sees of every folder: counts, \\Recent among them, UIDs and flags."""
    client = imaplib.IMAP4(server.host, server.port)
    client.login(ADDRESS, PASSWORD)
    seen = {}
    for name in ("INBOX", "Archive.Old", "Sent"):
        status = client.status(name, "(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)")[1]
        client.select(name, readonly=True)
        seen[name] = [*filter(None, status), *filter(None, client.uid("FETCH", "1:*", "(FLAGS)")[1])]
    client.logout()
    return seen


def names(server: PrivateDovecot) -> set[Path]:
    """Every file that holds a mail, by its name, which tells flags and \\Recent."""
    root = server.maildir(ADDRESS)
    return {path.relative_to(root) for part in ("cur", "new") for path in root.rglob(f"{part}/*")}


@contextmanager
def wreck() -> Iterator[PrivateDovecot]:
    """An old server with mail unseen and seen, with keywords and dates, large, and one whose file belies its name."""
    with PrivateDovecot({ADDRESS: PASSWORD}, options=DovecotOptions(extra=NO_PENALTY)) as server:
        root = server.maildir(ADDRESS)
        for folder in ("", ".Archive.Old", ".Sent"):
            for part in ("cur", "new", "tmp"):
                (root / folder / part).mkdir(parents=True)
        (root / "dovecot-keywords").write_text("0 Work\n")
        files = {
            "new/1.a": mail(1),
            "cur/2.a:2,FSa": mail(2),
            "cur/3.a,S=99999:2,S": mail(3),
            "cur/4.a:2,": mail(4, size=LARGE),
            ".Archive.Old/new/5.a": mail(5),
            ".Sent/cur/6.a:2,RS": mail(6),
        }
        for number, (name, content) in enumerate(files.items()):
            (root / name).write_bytes(content)
            os.utime(root / name, (1_500_000_000 + number,) * 2)
        (root / "subscriptions").write_text("Sent\n")
        for path in (root.parent, root, *root.rglob("*")):
            shutil.chown(path, "mail", "mail")
        yield server


def test_a_mailbox_is_restored_from_a_mail_server_that_stays_as_it_is(tmp_path: Path) -> None:
    options = DovecotOptions(extra=NO_PENALTY)
    with wreck() as old, PrivateDovecot({ADDRESS: PASSWORD}, options=options) as live:
        before = as_it_is(old), names(old)
        room = Room(live, Backup(tmp_path), ADDRESS)
        spec = SourceSpec(
            "wreck", "imap", "", old.host, old.port, tls="starttls", ca=str(old.ca), master_user="master"
        )
        server = OldImapServer(spec, Secret(old.master_password.encode()))

        def read(source: str, address: str, path: bytes, store: Store) -> MailReader:
            return server.read(address)

        systems = GivenSystems(MemoryDesk(room.office), mails={"live": room.server()}, read=read)
        outcome = restore_mailbox("mail", WORK, systems)
        again = restore_mailbox("mail", WORK, systems)

        assert (as_it_is(old), names(old)) == before
        assert isinstance(outcome, Partial) and len(outcome.missing) == 1, outcome
        assert outcome.missing[0].startswith(f"{ADDRESS}/INBOX/UID 000000000")
        assert not isinstance(again, Unchanged) and fact_of(again).folders[0].restored == 3
        assert sorted(room.held()) == sorted(map(crlf, (mail(1), mail(2), mail(4, size=LARGE))))
        with room.user() as client:
            _, found = client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE)")
            _, subscribed = client.lsub()
        stated = [line for line in found if isinstance(line, bytes)]
        assert sum(b"14-Jul-2017 02:40:0" in line for line in stated) == 3
        assert sum(b"Work" in line and b"\\Flagged" in line for line in stated) == 1
        assert any(line.endswith(b"Sent") for line in subscribed if isinstance(line, bytes))
        assert {part.folder for part in fact_of(outcome).folders} == {INBOX, ("Archive", "Old"), ("Sent",)}
