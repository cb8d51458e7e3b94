"""Mailboxes in sdbox and mdbox are read through Dovecot's own program, and no byte of their trees changes by that."""

from __future__ import annotations

import hashlib
import imaplib
import shutil
from pathlib import Path

import pytest

from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from restore.errors import DboxRefused, DovecotMissing, MailStoreMissing
from restore.model.mail import INBOX, MailboxId
from restore.model.outcome import Done, Partial, Unchanged
from restore.model.plan import RestoreMailbox
from restore.model.ports import MailReader
from restore.model.stores import MDBOX, SDBOX, Store
from restore.run.mailboxes import restore_mailbox
from restore.systems import dbox_source
from restore.systems.dbox_source import DboxReader
from restore.systems.folder import FolderSource
from tests.live.mailroom import NO_PENALTY, PASSWORD, crlf, fact_of, mail
from tests.memory.desk import MemoryDesk, Office
from tests.memory.mail import MemoryMail
from tests.memory.systems import GivenSystems

ADDRESS = "anna@example.is"
DATE = '"14-Jul-2017 02:40:00 +0000"'


def written(into: Path, kind: str) -> Path:
    """A tree that a Dovecot wrote: INBOX with a message expunged, a folder in a folder, flags, a keyword."""
    options = DovecotOptions(extra=f"mail_location = {kind}:~/dbox\n{NO_PENALTY}")
    with PrivateDovecot({ADDRESS: PASSWORD}, options=options) as server:
        client = imaplib.IMAP4(server.host, server.port)
        client.login(ADDRESS, PASSWORD)
        for name in ("Archive.Old", "&ANY-l"):
            client.create(name)
        client.subscribe("Archive.Old")
        for number in range(4):
            client.append("INBOX", r"(\Seen Work)" if number == 2 else "", DATE, crlf(mail(number)))
        client.append("Archive.Old", r"(\Flagged)", DATE, crlf(mail(9)))
        client.select("INBOX")
        client.store("1", "+FLAGS", r"(\Deleted)")
        client.expunge()
        client.logout()
        return Path(shutil.copytree(server.folder / "mail" / ADDRESS / "dbox", into / kind))


def state_of(tree: Path) -> dict[Path, tuple[bytes, int, int, int]]:
    """Every byte, mode, owner and time of a tree."""
    found = {}
    for path in (tree, *tree.rglob("*")):
        entry = path.lstat()
        data = hashlib.sha256(path.read_bytes()).digest() if path.is_file() else b""
        found[path] = data, entry.st_mode, entry.st_uid, entry.st_mtime_ns
    return found


def systems_of(tmp_path: Path, mails: MemoryMail) -> GivenSystems:
    """A worker for whom the trees are in a source."""
    source = FolderSource("night", str(tmp_path))

    def read(name: str, address: str, path: bytes, store: Store) -> MailReader:
        return DboxReader(source, path, store.format, tmp_path / "state" / "dbox")

    return GivenSystems(MemoryDesk(Office()), mails={"live": mails}, read=read)


def work_of(kind: str) -> RestoreMailbox:
    """The mailbox that lies in the tree of that kind."""
    mailbox = MailboxId("web1", ADDRESS)
    return RestoreMailbox(mailbox, "anna", "night", kind.encode(), "live", store=Store(kind))


@pytest.mark.parametrize("kind", [SDBOX, MDBOX])
def test_a_mailbox_is_restored_from_a_tree_of_which_no_byte_changes(tmp_path: Path, kind: str) -> None:
    tree = written(tmp_path, kind)
    before = state_of(tree)
    mails = MemoryMail("live")
    box = mails.box(ADDRESS)
    systems = systems_of(tmp_path, mails)
    outcome = restore_mailbox("mail", work_of(kind), systems)

    assert isinstance(outcome, Done), outcome
    assert isinstance(restore_mailbox("mail", work_of(kind), systems), Unchanged)
    assert state_of(tree) == before
    assert not list((tmp_path / "state" / "dbox").iterdir())
    held = {
        path: [bytes(one.content) for one in folder.messages.values()] for path, folder in box.folders.items()
    }
    expected = {INBOX: [1, 2, 3], ("Archive", "Old"): [9], ("\xd6l",): []}
    assert held == {path: [crlf(mail(number)) for number in numbers] for path, numbers in expected.items()}
    inbox = list(box.folders[INBOX].messages.values())
    assert [set(one.flags) for one in inbox] == [set(), {"\\Seen", "Work"}, set()]
    assert {one.internaldate for one in inbox} == {1_500_000_000}
    assert ("Archive", "Old") in box.subscribed


def test_a_message_whose_file_is_gone_is_told_and_all_others_come_back(tmp_path: Path) -> None:
    tree = written(tmp_path, SDBOX)
    (tree / "mailboxes" / "INBOX" / "dbox-Mails" / "u.3").unlink()
    mails = MemoryMail("live")
    mails.box(ADDRESS)
    outcome = restore_mailbox("mail", work_of(SDBOX), systems_of(tmp_path, mails))

    assert isinstance(outcome, Partial) and len(outcome.missing) == 1, outcome
    # By its UID, or where Dovecot has taken it out of its index before anybody asked, by number.
    assert outcome.missing[0].startswith(("sdbox/INBOX/UID 0000000003: ", "sdbox/INBOX: 1 messages"))
    assert fact_of(outcome).folders[0].restored == 2


def test_a_folder_whose_index_is_lost_is_named_and_a_lost_list_of_folders_hides_none(tmp_path: Path) -> None:
    tree = written(tmp_path, MDBOX)
    index = tree / "mailboxes" / "INBOX" / "dbox-Mails" / "dovecot.index.log"
    index.write_bytes(bytes(index.stat().st_size))
    (tree / "dovecot.list.index.log").write_bytes(b"\0" * 100)
    mails = MemoryMail("live")
    mails.box(ADDRESS)
    outcome = restore_mailbox("mail", work_of(MDBOX), systems_of(tmp_path, mails))

    assert isinstance(outcome, Partial), outcome
    assert outcome.missing[0].startswith("mdbox/mailboxes/INBOX/dbox-Mails/dovecot.index.log: no index")
    assert {part.folder for part in fact_of(outcome).folders} == {INBOX, ("Archive", "Old"), ("\xd6l",)}


def test_what_cannot_be_read_whole_is_refused_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mdbox").mkdir()
    (tmp_path / "mdbox" / "dbox-alt-root").symlink_to("/alt")
    systems = systems_of(tmp_path, MemoryMail("live"))

    with pytest.raises(DboxRefused, match="alternate storage"):
        restore_mailbox("mail", work_of(MDBOX), systems)
    with pytest.raises(MailStoreMissing):
        restore_mailbox("mail", work_of(SDBOX), systems)
    written(tmp_path, SDBOX)
    monkeypatch.setattr(dbox_source, "PROGRAMS", ("/bin/false",))
    with pytest.raises(DovecotMissing, match="does not start"):
        restore_mailbox("mail", work_of(SDBOX), systems)
    monkeypatch.setattr(dbox_source, "PROGRAMS", ("/nonexistent/imap",))
    with pytest.raises(DovecotMissing, match="/nonexistent/imap"):
        restore_mailbox("mail", work_of(MDBOX), systems)
