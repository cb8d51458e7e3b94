"""What a Maildir tree of any make says of its folders, flags and subscriptions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imapclient.imap_utf7 import encode

from restore.model.facts import MailboxLooked
from restore.model.mail import INBOX, FolderPath, MailboxId
from restore.model.outcome import Done, Partial
from restore.model.plan import LookMailbox
from restore.survey.courier import read_list
from restore.survey.foldernames import decode_name
from restore.survey.mailboxes import look_mailbox
from restore.survey.maildir import MaildirFolder, MaildirMessage, list_messages, read_maildir
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import File, Link, MemorySource
from tests.memory.systems import GivenSystems

ROOT = b"Maildir"
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def tree(*names: bytes, files: dict[bytes, bytes] | None = None) -> MemorySource:
    """A Maildir with a mail in each of these folders."""
    mails: dict[bytes, bytes] = {ROOT + b"/" + name + b"/cur/1.a": b"mail" for name in names}
    return MemorySource("night", {ROOT + b"/cur/1.a": b"mail", **mails, **(files or {})})


def paths(source: MemorySource) -> list[FolderPath]:
    return [folder.folder for folder in read_maildir(source, ROOT).folders]


@given(NAMES)
def test_a_name_in_modified_utf7_is_the_name_its_client_gave(name: str) -> None:
    assert decode_name(encode(name)) == name


@given(st.binary(max_size=30))
def test_every_folder_has_a_name_whatever_its_bytes(name: bytes) -> None:
    decode_name(name).encode("utf-8")


@pytest.mark.parametrize(
    ("on_disk", "name"),
    [
        (b"&ANY-l&AOY-r", "\xd6l\xe6r"),
        ("Þrír".encode(), "Þrír"),
        (b"R&D", "R&D"),
        (b"R&-D", "R&D"),
        (b"&AGE-", "&AGE-"),
        (b"&&&", "&&&"),
        (b"caf\xe9", "café"),
        (b"&2Dw-", "&2Dw-"),
        (b"&ZeVnLIqe-", "日本語"),
    ],
)
def test_names_are_read_as_their_server_meant_them(on_disk: bytes, name: str) -> None:
    assert decode_name(on_disk) == name


def test_maildir_plus_plus_and_fs_layouts_are_both_read() -> None:
    source = tree(b".Sent", b".Archive.2016", b"Work/Deep/Deeper", b"Work", b".v1\\2e2")

    assert paths(source) == [
        INBOX,
        ("Archive", "2016"),
        ("Sent",),
        ("Work",),
        ("Work", "Deep", "Deeper"),
        ("v1.2",),
    ]


def test_a_link_is_never_followed_and_always_named() -> None:
    source = tree(b".Sent")
    source.put(ROOT + b"/.Stolen", Link(b"../../bob/Maildir"))
    source.put(ROOT + b"/.Sent/new", Link(b"/etc"))
    source.put(ROOT + b"/.Sent/cur/2.b", Link(b"/etc/shadow"))

    maildir = read_maildir(source, ROOT)
    listing = list_messages(source, maildir.folders[1])

    assert len(maildir.refused) == 1 and ".Stolen" in maildir.refused[0]
    assert [line.partition(":")[0] for line in listing.unreadable] == [
        "Maildir/.Sent/cur/2.b",
        "Maildir/.Sent/new",
    ]
    assert [message.name for message in listing.messages] == [b"cur/1.a"]


@pytest.mark.parametrize(
    ("name", "unique", "letters"),
    [
        (b"cur/1.a:2,FS", b"1.a", "FS"),
        (b"cur/1.a;2,S", b"1.a", "S"),
        (b"cur/1.a!2,S", b"1.a", "S"),
        (b"cur/1.a,S=12,W=13:2,Sab", b"1.a,S=12,W=13", "Sab"),
        (b"cur/1.a:2,S,extra", b"1.a", "S"),
        (b"new/1.a", b"1.a", ""),
        (b"cur/1.a:1,experimental", b"1.a:1,experimental", ""),
    ],
)
def test_flags_stand_behind_the_unique_name(name: bytes, unique: bytes, letters: str) -> None:
    message = MaildirMessage(name, 1, 1)

    assert (message.unique, message.letters) == (unique, letters)


def test_a_keyword_letter_without_a_name_is_left_out_and_said() -> None:
    folder = MaildirFolder(ROOT, INBOX, ("$Work", ""))

    assert folder.flags(MaildirMessage(b"cur/1:2,Sabz", 1, 1)) == (
        frozenset(("\\Seen", "$Work")),
        frozenset(f"keyword letter {letter}, which has no name in dovecot-keywords" for letter in "bz"),
    )


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        (b"subscriptions", b"V\t2\n\nSent\nArchive\t2016\nINBOX\n"),
        (b"subscriptions", b"Sent\nArchive.2016\nINBOX\n"),
        (b"subscriptions", b"Sent\nArchive/2016\nINBOX\n"),
        (b"courierimapsubscribed", b"INBOX.Sent\nINBOX.Archive.2016\nINBOX\n"),
    ],
)
def test_subscriptions_of_every_kind_name_the_same_folders(name: bytes, lines: bytes) -> None:
    source = tree(b".Sent", b".Archive.2016", b".Other", files={ROOT + b"/" + name: lines})

    assert read_maildir(source, ROOT).subscribed == (("Archive", "2016"), INBOX, ("Sent",))


def test_looking_counts_folders_messages_and_bytes_without_opening_a_mail() -> None:
    source = tree(b".Sent")
    source.put(ROOT + b"/cur/2.b", File(b"secret mail", readable=False))
    source.put(ROOT + b"/tmp/3.c", File(b"undelivered"))
    work = LookMailbox(MailboxId("web1", "anna@example.is"), "anna", "night", ROOT)

    outcome = look_mailbox("look:1", work, GivenSystems(MemoryDesk(Office()), {"night": source}))

    assert outcome == Done("look:1", MailboxLooked(work.mailbox, 2, 3, 4 + 4 + 11))


def test_looking_names_what_it_could_not_look_at() -> None:
    source = tree(b".Sent")
    source.put(ROOT + b"/cur/2.b", Link(b"/etc/passwd"))
    work = LookMailbox(MailboxId("web1", "anna@example.is"), "anna", "night", ROOT)

    outcome = look_mailbox("look:1", work, GivenSystems(MemoryDesk(Office()), {"night": source}))

    assert isinstance(outcome, Partial)
    assert outcome.missing == ("Maildir/cur/2.b: a link, not a file; not followed",)


def test_couriers_keywords_come_along_with_the_latest_change_of_each_message() -> None:
    keywords = {
        b":list": b"$Label1\nwork\na]b\n\n1.a,S=4:0 1\n2.b:1\n3.c:1 2 9\nno line\n",
        b".7.2.b": b"old\n",
        b".12.2.b": b"$Label1\nnew\n",
        b"4.d": b"last\n",
        b".9.4.d": b"earlier\n",
        b"5.e": b"",
    }
    files = {ROOT + b"/courierimapkeywords/" + name: data for name, data in keywords.items()}
    files |= {ROOT + b"/cur/" + name: b"mail" for name in (b"1.a,S=4:2,S", b"2.b:2,", b"3.c", b"4.d", b"5.e")}
    source = MemorySource("night", files)

    maildir = read_maildir(source, ROOT)

    folder = maildir.folders[0]
    flags = {one.unique: tuple(map(set, folder.flags(one))) for one in list_messages(source, folder).messages}
    assert len(maildir.folders) == 1
    assert flags == {
        b"1.a,S=4": ({"\\Seen", "$Label1", "work"}, set()),
        b"2.b": ({"$Label1", "new"}, set()),
        b"3.c": ({"work"}, {"keyword a]b, which IMAP cannot carry"}),
        b"4.d": ({"last"}, set()),
        b"5.e": (set(), set()),
    }


@given(st.binary(max_size=80))
def test_a_courier_list_of_any_bytes_is_read_to_its_end(data: bytes) -> None:
    for message, words in read_list(data + b"\n\n1.a:0\n").items():
        assert message
        assert words
