"""What a tree of mbox files says of its folders, messages, flags and subscriptions."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator

import pytest

from restore.errors import MailStoreMissing, SourceUnreadable
from restore.model.facts import MailboxLooked
from restore.model.mail import INBOX, MailboxId
from restore.model.outcome import Partial
from restore.model.plan import LookMailbox
from restore.model.stores import MBOX, Store
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
