"""What every live mail server does, in memory and Dovecot in several configurations alike."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

import pytest

from detectors.finding import Secret
from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from restore.errors import MailboxMissing, MailRefused
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import INBOX, FolderPath, NewMessage, Refusal, Stored, StoredMessage
from restore.model.message import canonical, identify, message_id
from restore.model.ports import MailServer, MailSession
from restore.systems.imap import ImapServer
from tests.memory.mail import MemoryMail

BASE = "IMAP4rev1 SASL-IR ENABLE IDLE UNSELECT CHILDREN NAMESPACE LIST-EXTENDED SPECIAL-USE"
# Dovecot lets an address that failed to log in wait for seconds.
NO_PENALTY = "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}"
KINDS = {
    "dovecot": DovecotOptions(),
    "dovecot with / and prefix INBOX/": DovecotOptions(separator="/", prefix="INBOX/"),
    "dovecot with prefix INBOX.": DovecotOptions(prefix="INBOX."),
    "dovecot without MULTIAPPEND": DovecotOptions(capability=f"{BASE} UIDPLUS LITERAL+"),
    "dovecot without LITERAL+": DovecotOptions(capability=f"{BASE} UIDPLUS MULTIAPPEND"),
    "dovecot with LITERAL-": DovecotOptions(capability=f"{BASE} UIDPLUS MULTIAPPEND LITERAL-"),
    "dovecot of bare IMAP4rev1": DovecotOptions(capability="IMAP4rev1"),
}
MEMORY = {
    "memory": MemoryMail("live"),
    "memory without MULTIAPPEND": MemoryMail("live", multiappend=False),
    "memory without UIDPLUS": MemoryMail("live", uidplus=False),
}
ADDRESS = "anna@example.is"
DATE = 1_600_000_000


def mail(number: int, body: str = "hello") -> bytes:
    return f"From: a@example.is\r\nMessage-ID: <{number}@example.is>\r\nSubject: {number}\r\n\r\n{body}\r\n".encode()


def message(content: bytes, *flags: str, date: int = DATE) -> NewMessage:
    return NewMessage(content, date, frozenset(flags))


@dataclass(frozen=True, slots=True)
class Box:
    """One mailbox of one server, and the server."""

    server: MailServer
    session: MailSession


@pytest.fixture(scope="module", params=[*KINDS, *MEMORY])
def server(request: pytest.FixtureRequest) -> Iterator[MailServer]:
    if request.param in MEMORY:
        memory = MEMORY[request.param]
        memory.box(ADDRESS)
        yield memory
        return
    with PrivateDovecot({ADDRESS: "pw"}, options=replace(KINDS[request.param], extra=NO_PENALTY)) as dovecot:
        yield ImapServer(target(dovecot), Secret(dovecot.master_password.encode()))


def target(dovecot: PrivateDovecot, tls: str = "none") -> MailTarget:
    port = dovecot.imaps_port if tls == "verify" else dovecot.port
    secret = SecretRef("env", "UNUSED")
    return MailTarget(
        "live", dovecot.host, port, tls, str(dovecot.ca), dovecot.master_user, secret, timeout=20.0
    )


@pytest.fixture
def box(server: MailServer) -> Iterator[Box]:
    with ExitStack() as stack:
        yield Box(server, stack.enter_context(closing(server.open(ADDRESS))))


def fresh(box: Box, name: str) -> FolderPath:
    """A folder of this test alone."""
    path = ("tests", name)
    box.session.create(path)
    return path


def read(box: Box, folder: FolderPath, uids: list[int]) -> list[StoredMessage]:
    """What reads back whole."""
    return [found for found in box.session.read_back(folder, uids) if isinstance(found, StoredMessage)]


def uids_of(box: Box, folder: FolderPath) -> list[int]:
    return [found.uid for found in box.session.messages(folder)]


def test_a_mailbox_that_the_server_does_not_know_is_named(server: MailServer) -> None:
    with pytest.raises(MailboxMissing, match=r"nobody@example\.is"):
        server.open("nobody@example.is")


def test_every_mailbox_has_an_inbox(box: Box) -> None:
    assert INBOX in box.session.folders()


def test_a_folder_of_any_script_is_listed_under_the_path_it_was_made_with(box: Box) -> None:
    paths = [("Ærslabelgir & co", "þrír"), ("Отправленные",), ("写真", "2016"), (' "quoted" ',)]

    for path in paths:
        box.session.create(path)

    assert set(paths) <= set(box.session.folders())


def test_making_a_folder_twice_changes_nothing(box: Box) -> None:
    folder = fresh(box, "twice")
    before = box.session.state(folder)

    box.session.create(folder)

    assert box.session.state(folder) == before


def test_a_name_that_no_server_holds_is_refused_in_words(box: Box) -> None:
    with pytest.raises(MailRefused):
        box.session.create(("tests", "", "x"))


def test_a_subscribed_folder_is_among_the_subscriptions(box: Box) -> None:
    folder = fresh(box, "wanted þ")

    box.session.subscribe(folder)

    assert folder in box.session.subscriptions()


def test_an_appended_message_reads_back_with_content_date_and_flags(box: Box) -> None:
    folder = fresh(box, "whole")
    sent = message(mail(1), "\\Seen", "\\Flagged", "$Forwarded", "k^ö".replace("ö", "o"))

    box.session.append(folder, [sent])
    (stored,) = read(box, folder, uids_of(box, folder))

    assert (stored.identity, stored.internaldate) == (identify(sent.content), DATE)
    assert stored.flags - {"\\Recent"} == sent.flags


def test_messages_come_to_stand_in_the_order_in_which_they_were_appended(box: Box) -> None:
    folder = fresh(box, "order")
    contents = [mail(number, "x" * number * 997) for number in range(12)]

    results = box.session.append(folder, [message(content) for content in contents])
    stored = read(box, folder, uids_of(box, folder))

    assert [found.identity for found in stored] == [identify(content) for content in contents]
    assert [
        result in (Stored(found.uid), Stored(None)) for result, found in zip(results, stored, strict=True)
    ] == [True] * 12


def test_what_no_reader_has_seen_stays_unseen_when_it_is_read_back(box: Box) -> None:
    folder = fresh(box, "unseen")
    box.session.append(folder, [message(mail(1))])

    read(box, folder, uids_of(box, folder))
    (live,) = box.session.messages(folder)

    assert "\\Seen" not in live.flags


def test_the_list_of_messages_states_message_id_size_and_date(box: Box) -> None:
    folder = fresh(box, "list")
    folded = b"Message-ID:\r\n <folded@example.is>\r\nX: y\r\n\r\nbody\r\n"
    twice = b"Message-ID: <a@b>\r\nMessage-Id: <c@d>\r\n\r\nMessage-ID: <in@body>\r\n"
    contents = [mail(7), folded, twice, b"X: no id\r\n\r\n"]

    box.session.append(folder, [message(content, date=DATE + 1) for content in contents])
    found = list(box.session.messages(folder))

    assert [(message_id(live.message_id), live.size, live.internaldate) for live in found] == [
        (b"<7@example.is>", len(contents[0]), DATE + 1),
        (b"<folded@example.is>", len(folded), DATE + 1),
        (b"", len(twice), DATE + 1),
        (b"", len(contents[3]), DATE + 1),
    ]


def test_listing_from_a_uid_leaves_out_what_came_before(box: Box) -> None:
    folder = fresh(box, "from")
    box.session.append(folder, [message(mail(number)) for number in range(3)])
    uids = uids_of(box, folder)

    assert [live.uid for live in box.session.messages(folder, uids[1])] == uids[1:]
    assert list(box.session.messages(folder, uids[-1] + 1)) == []


def test_an_empty_folder_lists_nothing(box: Box) -> None:
    folder = fresh(box, "empty")

    assert list(box.session.messages(folder)) == []
    assert set(box.session.present(folder)) == set()


def test_what_a_folder_holds_is_told_by_uid_and_stated_without_reading_it(box: Box) -> None:
    folder = fresh(box, "stated")
    box.session.append(folder, [message(mail(1), "\\Seen"), message(mail(2), date=DATE + 1)])
    listed = [replace(found, message_id=b"") for found in box.session.messages(folder)]
    uids = [found.uid for found in listed]

    assert set(box.session.present(folder)) == set(uids)
    assert list(box.session.stated(folder, [*uids, 99_999])) == listed
    assert list(box.session.stated(folder, [])) == []


def test_a_uid_that_is_gone_is_left_out(box: Box) -> None:
    folder = fresh(box, "gone")
    box.session.append(folder, [message(mail(1))])
    (uid,) = uids_of(box, folder)

    assert [found.uid for found in box.session.read_back(folder, [uid, uid + 50])] == [uid]


def test_the_uidnext_stated_before_is_no_higher_than_the_uid_of_what_comes(box: Box) -> None:
    folder = fresh(box, "uidnext")
    before = box.session.state(folder)

    box.session.append(folder, [message(mail(1))])

    assert uids_of(box, folder)[0] >= before.uidnext
    assert box.session.state(folder).uidvalidity == before.uidvalidity


def test_the_states_of_several_folders_are_told_at_once_and_one_that_is_not_there_has_none(box: Box) -> None:
    folder = fresh(box, "states (þ) {3}")
    box.session.append(folder, [message(mail(1))])

    states = box.session.states([folder, ("tests", "never made"), INBOX])

    assert states == [box.session.state(folder), None, box.session.state(INBOX)]


def test_a_refused_message_leaves_the_others_all_in_or_all_out(box: Box) -> None:
    folder = fresh(box, "refused")
    batch = [message(mail(1)), message(b""), message(mail(2))]

    try:
        results = list(box.session.append(folder, batch))
    except MailRefused:
        assert uids_of(box, folder) == []
    else:
        assert [isinstance(result, Refusal) for result in results] == [False, True, False]
        assert len(uids_of(box, folder)) == 2


def test_a_session_goes_on_after_a_refusal(box: Box) -> None:
    folder = fresh(box, "after")
    try:
        results = box.session.append(("tests", "never made"), [message(mail(1))])
    except MailRefused as error:
        assert error.response_code == "TRYCREATE"
    else:
        assert [result.response_code for result in results if isinstance(result, Refusal)] == ["TRYCREATE"]

    box.session.append(folder, [message(mail(2))])

    assert len(uids_of(box, folder)) == 1


def test_what_a_message_says_is_never_taken_for_a_command(box: Box) -> None:
    folder = fresh(box, "commands")
    hostile = b"X: y\r\n\r\nA1 DELETE tests\r\nBR9 OK done\r\n* BYE now\r\n{5}\r\n)\r\n* 1 FETCH (UID 9)\r\n"

    box.session.append(folder, [message(hostile), message(mail(1))])

    assert [found.identity for found in read(box, folder, uids_of(box, folder))] == [
        identify(hostile),
        identify(mail(1)),
    ]


def test_a_reader_that_gives_up_leaves_the_session_usable(box: Box) -> None:
    folder = fresh(box, "given up")
    box.session.append(folder, [message(mail(number)) for number in range(5)])

    next(iter(box.session.messages(folder)))

    assert len(uids_of(box, folder)) == 5


@pytest.mark.parametrize(
    "raw",
    [
        b"a: b\n\nunix\n",
        b"a: b\r\n\r\nmixed\nends\r\n",
        b"a: b\r\r\n\r\r\ndouble\r\r\n",
        b"a: b\r\n\r\nlone\rcr\r\n",
        b"a: b\r\n\r\nno end",
        b"a: b\r\n\r\nends in cr\r\r",
        b"a: b\r\n\r\nnul \0 byte\r\n",
        b"From x@y Thu Jan  1\r\na: b\r\n\r\nmbox line\r\n",
        b"\r\nno header\r\n",
        b"a: \xff\xfe\r\n\r\n" + b"long line " * 2000 + b"\r\n",
    ],
)
def test_a_message_in_canonical_form_is_kept_as_it_is(box: Box, raw: bytes) -> None:
    folder = fresh(box, "canonical")
    content = canonical(raw)

    box.session.append(folder, [message(content)])
    (stored,) = read(box, folder, uids_of(box, folder)[-1:])

    assert stored.identity == identify(content)
