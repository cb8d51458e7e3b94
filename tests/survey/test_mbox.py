"""What a tree of mbox files says of its folders, messages, flags and subscriptions."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.errors import MailStoreMissing, SourceUnreadable
from restore.model.facts import MailboxLooked
from restore.model.mail import INBOX, MailboxId
from restore.model.outcome import Partial
from restore.model.plan import LookMailbox
from restore.model.stores import MBOX, Store
from restore.survey import mbox_header, mbox_scan
from restore.survey.mailboxes import look_mailbox
from restore.survey.mbox import MboxListing, MboxStore, open_mbox
from restore.survey.mbox_scan import MboxMessage, Skipped, scan
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import File, Link, MemorySource
from tests.memory.systems import GivenSystems

DATE = b"Thu Nov 29 22:33:52 2001"
FROM = b"From anna@example.is " + DATE + b"\n"
BASE = b"X-IMAPbase: 1007073232 0000000007 $Label1 Work"
ROOT, SPOOL = b"home/anna/mail", b"var/mail/anna"


def mbox(*messages: bytes) -> bytes:
    """An mbox file of these messages."""
    return b"".join(FROM + message + b"\n" for message in messages)


def mail(number: int, *fields: bytes) -> bytes:
    """A mail with these further header fields."""
    return b"Subject: %d\n" % number + b"".join(field + b"\n" for field in fields) + b"\nbody %d\n" % number


def tree(**files: bytes) -> MemorySource:
    """Files below the mail folder, by name ("__" for "/")."""
    return MemorySource(
        "night", {ROOT + b"/" + name.replace("__", "/").encode(): data for name, data in files.items()}
    )


def shown(store: MboxStore, place: int = 0) -> list[bytes]:
    """The messages of a folder, as a mail server shows them."""
    folder = store.folders[place]
    listing: MboxListing = store.listing(folder)
    return [
        b"".join(chunks)
        for chunks in store.contents(folder, listing.messages)
        if isinstance(chunks, Iterator)
    ]


def opened(data: bytes, chunk: int = 1 << 20) -> Callable[[int], Iterator[bytes]]:
    return lambda offset: (data[at : at + chunk] for at in range(offset, len(data), chunk))


def scanned(data: bytes, chunk: int = 1 << 20) -> list[MboxMessage | Skipped]:
    return list(scan(opened(data, chunk), len(data)))


def test_a_mail_is_shown_without_what_the_server_kept_in_its_header_and_with_its_quoting() -> None:
    kept = mail(
        1, b"Status: RO", BASE, b"X-Status: AF", b"X-Keywords: $Label1\n Work Spam", b"Content-Length: 6"
    )
    store = open_mbox(tree(inbox=mbox(kept, b"Subject: 2\n\n>From here on\nFrom the desk\n")), ROOT, b"")
    folder = store.folders[0]

    assert shown(store) == [mail(1), b"Subject: 2\n\n>From here on\nFrom the desk\n"]
    first = store.listing(folder).messages[0]
    assert tuple(map(set, folder.flags(first))) == (
        {"\\Seen", "\\Answered", "\\Flagged", "$Label1", "Work"},
        {"keyword Spam, which the file's first message does not list"},
    )
    assert first.mtime == 1007073232


def test_the_message_in_which_a_server_keeps_its_own_data_is_no_mail() -> None:
    own = (
        b"Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1007073232 0000000002\n\ntext\n"
    )
    store = open_mbox(tree(inbox=mbox(own, mail(2)), empty=mbox(own)), ROOT, b"")

    assert shown(store) == [mail(2)]
    assert store.listing(store.folders[1]) == MboxListing((), ())


def test_a_body_goes_on_behind_a_from_line_where_its_content_length_says_so() -> None:
    body = b"see this:\n\n" + FROM + b"that was an mbox\n"
    whole = b"Subject: 1\nContent-Length: %d\n\n" % len(body) + body
    store = open_mbox(
        tree(inbox=mbox(whole, mail(2)), wrong=mbox(whole.replace(b"Length: ", b"Length: 1"))), ROOT, b""
    )

    assert shown(store) == [b"Subject: 1\n\n" + body, mail(2)]
    assert shown(store, 1) == [b"Subject: 1\n\nsee this:\n", b"that was an mbox\n"]


def test_folders_lie_in_folders_and_inbox_may_lie_elsewhere() -> None:
    source = MemorySource(
        "night",
        {
            SPOOL: mbox(mail(1)),
            ROOT + b"/Archive/&ANY-l": mbox(mail(2)),
            ROOT + b"/Sent.lock": b"",
            ROOT + b"/.imap/Sent/dovecot.index": b"x",
            ROOT + b"/.subscriptions": b"Sent\nArchive/&ANY-l\nGone\n",
            ROOT + b"/Sent": b"",
            ROOT + b"/Linked": Link(b"/etc/passwd"),
        },
    )
    store = open_mbox(source, ROOT, SPOOL)

    assert [folder.folder for folder in store.folders] == [INBOX, ("Archive", "Öl"), ("Sent",)]
    assert store.subscribed == (("Archive", "Öl"), ("Sent",))
    assert store.refused == ("home/anna/mail/Linked: a link where mail should be; not followed",)
    assert store.notes == ("subscribed to Gone, a folder the backup does not hold",)


def test_what_cannot_be_read_is_named_and_all_else_is_listed() -> None:
    packed = gzip.compress(mbox(*(mail(number) + b"x" * 9000 for number in range(30))), mtime=0)
    source = tree(inbox=b"\0" * 5000 + b"\n" + mbox(mail(1)), photo=b"GIF89a" * 9, Old__2001=packed[:-200])
    work = LookMailbox(MailboxId("web1", "anna@example.is"), "anna", "night", ROOT, store=Store(MBOX))
    outcome = look_mailbox("look", work, GivenSystems(MemoryDesk(Office()), {"night": source}))

    assert isinstance(outcome, Partial) and isinstance(outcome.fact, MailboxLooked)
    assert outcome.fact.folders == 3 and outcome.fact.messages > 1
    assert [line.partition(": ")[0] for line in outcome.missing] == [
        "home/anna/mail/inbox",
        "home/anna/mail/Old/2001",
        "home/anna/mail/photo",
    ]


def test_a_mailbox_without_a_file_or_a_folder_is_missing() -> None:
    with pytest.raises(MailStoreMissing):
        open_mbox(tree(inbox=b""), b"home/bert/mail", b"var/mail/bert")
    assert open_mbox(MemorySource("night", {SPOOL: b""}), SPOOL, SPOOL).folders[0].folder == INBOX


def test_a_packed_file_is_read_as_the_plain_one() -> None:
    data = mbox(*(mail(number) for number in range(50)))
    store = open_mbox(tree(inbox=gzip.compress(data[:1000]) + gzip.compress(data[1000:])), ROOT, b"")

    assert shown(store) == [mail(number) for number in range(50)]
    store.close()


def test_a_message_that_changed_since_it_was_listed_is_not_taken_for_it() -> None:
    files: dict[bytes, bytes | File | Link] = {ROOT + b"/inbox": mbox(mail(1), mail(2))}
    listing = open_mbox(MemorySource("night", files), ROOT, b"").listing
    store = open_mbox(MemorySource("night", {ROOT + b"/inbox": mbox(mail(3), mail(2))}), ROOT, b"")
    first, second = store.contents(store.folders[0], listing(store.folders[0]).messages)

    with pytest.raises(SourceUnreadable, match="changed"):
        b"".join(first if isinstance(first, Iterator) else ())
    assert b"".join(second if isinstance(second, Iterator) else ()) == mail(2)


LINES = st.lists(
    st.sampled_from((b"text", b"", b">From me", b"From you", b"a\0b", b"\xff", b"From x 1 2")), max_size=6
)


@settings(max_examples=40)
@given(st.lists(LINES, max_size=5), st.sampled_from((b"\n", b"\r\n")), st.sampled_from((1, 3, 64)))
def test_what_a_server_wrote_is_read_message_by_message_however_it_arrives(
    bodies: list[list[bytes]], end: bytes, chunk: int
) -> None:
    mails = [
        b"Subject: %d\n\n" % number + b"".join(line + b"\n" for line in lines)
        for number, lines in enumerate(bodies)
    ]
    data = mbox(*mails).replace(b"\n", end)

    assert scanned(data, chunk) == scanned(data)
    store = open_mbox(tree(inbox=data), ROOT, b"")
    assert shown(store) == [message.replace(b"\n", end) for message in mails]


@settings(max_examples=60)
@given(st.binary(max_size=300), st.integers(0, 200))
def test_no_bytes_whatever_make_the_reader_fail_or_lose_its_place(noise: bytes, cut: int) -> None:
    data = mbox(mail(1), mail(2))
    data = data[:cut] + noise + data[cut:]
    places = [one for one in scanned(data) if isinstance(one, MboxMessage)]

    assert scanned(data, 2) == scanned(data)
    assert all(one.start + one.raw <= len(data) for one in places)
    assert [one.start for one in places] == sorted(one.start for one in places)


@pytest.mark.parametrize(
    "data",
    [
        b"From " + b"a" * 30_000 + b" " + DATE + b"\n" + mail(1),
        mbox(mail(1)) + b"\nFrom x" * 20_000,
        FROM + b"X: " + b"y" * 300_000 + b"\nStatus: RO\n\nbody\n",
        FROM + b"X: y\n" * 60_000,
        mbox(*(b"Content-Length: %d\n\nbody\n" % (10**18 - 1) for _ in range(500))),
        mbox(*(b"Content-Length: 9999\n\nbody\n" for _ in range(500))),
    ],
    ids=["From line", "half From lines", "field", "header", "absurd lengths", "wrong lengths"],
)
def test_absurd_files_are_read_to_their_end(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (mbox_scan, mbox_header):
        monkeypatch.setattr(module, "MOST_HEADER", 1 << 16)
    messages = [one for one in scanned(data, 1 << 12) if isinstance(one, MboxMessage)]
    assert len(messages) == data.count(FROM)
    assert messages[-1].start + messages[-1].raw >= len(data) - 2 if messages else True


def test_a_file_behind_a_link_is_never_opened() -> None:
    source = MemorySource(
        "night", {SPOOL: Link(b"/etc/shadow"), b"home/anna/mail/inbox": Link(b"../../bert/mail/inbox")}
    )
    store = open_mbox(source, ROOT, SPOOL)

    assert store.folders == [] and len(store.refused) == 2
