"""A Maildir is merged into a mailbox on a real Dovecot that already receives mail."""

from __future__ import annotations

import itertools
import re
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from detectors.finding import Secret
from fixtures.servers.certificates import PrivateCA
from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from restore.errors import (
    MailboxMissing,
    MailBusy,
    MailCertificateRefused,
    MailLoginRefused,
    MailServerFailing,
)
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import INBOX, FolderAccount
from restore.model.outcome import Done, Manual, Partial, Unchanged
from restore.systems.imap import ImapServer
from tests.live.mailroom import DATE, NO_PENALTY, PASSWORD, Backup, Room, account_of, crlf, fact_of, mail
from tests.memory.desk import Office

USERS = {f"user{number}@example.is": PASSWORD for number in range(40)}
NEXT_USER = itertools.count()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[PrivateDovecot]:
    with PrivateDovecot(USERS, options=DovecotOptions(extra=NO_PENALTY)) as server:
        yield server


@pytest.fixture
def room(dovecot: PrivateDovecot, tmp_path: Path) -> Room:
    return Room(dovecot, Backup(tmp_path), f"user{next(NEXT_USER)}@example.is")


Server = Callable[[DovecotOptions], Room]


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Server]:
    """A server with options of its own."""
    started: list[PrivateDovecot] = []

    def start(options: DovecotOptions) -> Room:
        server = PrivateDovecot({"anna@example.is": PASSWORD}, options=options).__enter__()
        started.append(server)
        return Room(server, Backup(tmp_path), "anna@example.is")

    yield start
    for server in started:
        server.__exit__(None, None, None)


@pytest.mark.parametrize(
    "options",
    [
        DovecotOptions(),
        DovecotOptions(separator="/", prefix="INBOX/"),
        DovecotOptions(capability="IMAP4rev1 NAMESPACE UIDPLUS LITERAL+"),
        DovecotOptions(capability="IMAP4rev1"),
    ],
    ids=["all", "prefix", "no multiappend", "bare"],
)
def test_226_messages_are_226_after_one_run_and_after_two(other: Server, options: DovecotOptions) -> None:
    room = other(options)
    for number in range(225):
        content = mail(number, with_id=number % 9 > 0)
        room.backup.put(
            crlf(content) if number % 4 == 0 else content, f"cur/{number}.a:2,S", date=DATE + number
        )
    room.backup.put(mail(50), "cur/50.twin:2,S")
    room.deliver(mail(999))
    for number in (0, 1, 9, 100, 224):
        room.deliver(mail(number, with_id=number % 9 > 0))
    right = Counter([crlf(mail(number, with_id=number % 9 > 0)) for number in range(225)] + [crlf(mail(50))])
    right[crlf(mail(999))] += 1

    first = room.run()
    after_one = room.held()
    second = room.run()
    room.office = Office()
    third = room.run()

    assert after_one == right
    assert account_of(first) == FolderAccount(INBOX, 226, 221, 5, 0, 221, newest=DATE + 224)
    assert isinstance(second, Unchanged)
    assert isinstance(third, Unchanged)
    assert room.held() == right


def test_live_uids_flags_and_uidvalidity_stay(room: Room) -> None:
    room.deliver(mail(1), flags="(\\Flagged private)")
    room.deliver(mail(2))
    for number in range(1, 6):
        room.backup.put(mail(number), f"cur/{number}.a:2,S")
    with closing(room.server().open(room.address)) as session:
        before = session.state(INBOX), list(session.messages(INBOX))

    room.run()

    with closing(room.server().open(room.address)) as session:
        after = session.state(INBOX), list(session.messages(INBOX))
    assert after[1][:2] == before[1]
    assert after[0].uidvalidity == before[0].uidvalidity
    assert len(after[1]) == 5


def test_folders_flags_keywords_dates_and_subscriptions_arrive(room: Room) -> None:
    room.backup.put(b"0 $Label1\n25 last\n", "dovecot-keywords")
    room.backup.put(b"V\t2\n\n&AMY-vi\nArchive\t2016\n", "subscriptions")
    room.backup.put(mail(1), "cur/1.a,S=3,W=4:2,FRSaz", date=DATE + 7)
    room.backup.put(mail(2), "new/2.b", ".Archive.2016", date=DATE + 8)
    room.backup.put(mail(3), "cur/3.c:2,D", ".&AMY-vi")
    room.backup.put(mail(4), "cur/4.d:2,T", ".&AMY-vi.Dýpra")

    outcome = room.run()

    assert isinstance(outcome, Done), outcome
    with closing(room.server().open(room.address)) as session:
        seen = {
            path: [(found.internaldate, found.flags - {"\\Recent"}) for found in session.messages(path)]
            for path in session.folders()
        }
        subscribed = session.subscriptions()
    assert seen == {
        INBOX: [(DATE + 7, {"\\Flagged", "\\Answered", "\\Seen", "$Label1", "last"})],
        ("Archive", "2016"): [(DATE + 8, set())],
        ("Ævi",): [(DATE, {"\\Draft"})],
        ("Ævi", "Dýpra"): [(DATE, {"\\Deleted"})],
    }
    assert subscribed == {("Ævi",), ("Archive", "2016")}


def test_what_a_server_would_spoil_or_refuse_is_stored_or_named_with_its_reason(room: Room) -> None:
    room.backup.put(
        b"0 $ok\n1 \\Recent\n2 a]b\n3 x(y\n4 caf\xc3\xa9\n5 " + b"k" * 200 + b"\n", "dovecot-keywords"
    )
    good = [
        b"a: b\n\nnul \0 byte\n",
        b"a: b\r\r\n\r\r\ndouble\r\r\n",
        b"a: b\n\nno end",
        b"a: b\r\n\r\ncr at the end\r",
        b"From x@y Thu Jan  1 00:00:00 2015\na: b\n\nmbox line\n",
        b"no header at all",
        b"Message-ID: <a@b>\nMessage-Id:\n <c@d>\n\ntwo ids\n",
        b"a: b\n\n" + b"x" * 70_000 + b"\n",
        b"a: \xff\xfe\n\n\xff\n",
    ]
    for number, content in enumerate(good):
        room.backup.put(content, f"cur/{number}.good:2,abcdefZ", date=(-1, 2**32 + 5, 0)[number % 3])
    room.backup.put(b"", "cur/98.empty")
    room.backup.put(mail(99), "tmp/99.undelivered")

    outcome = room.run()
    room.office = Office()
    again = room.run()

    assert isinstance(outcome, Partial), outcome
    assert account_of(outcome).proven == len(good)
    assert [line.partition(": ")[0] for line in outcome.missing] == ["Maildir/cur/98.empty"]
    assert account_of(again).already_there == len(good)
    assert sum(room.held().values()) == len(good)
    said = "\n".join(fact_of(outcome).notes)
    for what in ("NUL", "a]b", "x(y", "café", "flag letter Z", "without keywords", "a date no server keeps"):
        assert what in said, said


def test_what_the_user_does_meanwhile_is_left_as_he_did_it(room: Room) -> None:
    for number in range(300):
        room.backup.put(mail(number), f"cur/{number}.a", date=DATE + number)
    for number in (900, 901, 10):
        room.deliver(mail(number))
    moments = itertools.count()

    def meanwhile(amount: int) -> None:
        if next(moments) == 250:
            with room.user() as client:
                client.store("1", "+FLAGS", "\\Deleted")
                client.expunge()
                client.create("Mine")
                client.copy("1", "Mine")
                client.store("2", "+FLAGS", "\\Flagged")
            room.deliver(mail(902))

    room.told = meanwhile

    room.run()

    right = Counter(crlf(mail(number)) for number in (*range(300), 901, 902))
    assert room.held() == right
    assert room.held("Mine") == Counter([crlf(mail(901))])
    assert isinstance(room.run(), Unchanged)


def test_mail_the_user_deleted_or_moved_after_the_restore_does_not_come_back(room: Room) -> None:
    for number in range(5):
        room.backup.put(mail(number), f"cur/{number}.a", date=DATE + number)
    room.backup.put(mail(7), "cur/7.a", ".Old")
    room.run()
    with room.user() as client:
        client.create("Kept")
        client.copy("1", "Kept")
        client.store("1:2", "+FLAGS", "\\Deleted")
        client.expunge()
        client.delete("Old")

    outcome = room.run()

    assert isinstance(outcome, Unchanged)
    assert account_of(outcome).deleted_since == 2
    assert room.held() == Counter(crlf(mail(number)) for number in (2, 3, 4))
    with room.user() as client:
        assert client.select("Old")[0] == "NO"


def test_a_live_message_that_the_server_cannot_give_keeps_no_other_out(room: Room) -> None:
    for number in range(4):
        room.deliver(mail(number))
        room.backup.put(mail(number), f"cur/{number}.a")
    room.backup.put(mail(5), "cur/5.a")
    maildir = room.dovecot.maildir(room.address)
    (broken,) = (
        path for path in maildir.glob("*/*") if path.is_file() and b"X-Number: 2\n" in path.read_bytes()
    )
    broken.rename(broken.with_name(re.sub(r",S=\d+,W=\d+", ",S=9000,W=9100", broken.name)))
    for index in maildir.glob("dovecot.index*"):
        index.unlink()

    outcome = room.run()

    assert isinstance(outcome, Done)
    assert (account_of(outcome).already_there, account_of(outcome).restored) == (3, 2)
    assert "cannot be read" in fact_of(outcome).notes[0]
    assert isinstance(room.run(), Unchanged)


def test_a_changed_uidvalidity_brings_nothing_twice(room: Room) -> None:
    for number in range(5):
        room.backup.put(mail(number), f"cur/{number}.a")
    room.run()
    maildir = room.dovecot.maildir(room.address)
    for index in maildir.glob("dovecot*"):
        index.unlink()
    uidlist = maildir / "dovecot-uidlist"
    uidlist.write_text("3 V1234567 N1\n")
    subprocess.run(["chown", "mail:mail", str(uidlist)], check=True)

    outcome = room.run()

    assert room.held() == Counter(crlf(mail(number)) for number in range(5))
    assert account_of(outcome).already_there == 5


def test_over_quota_the_newest_are_in_the_others_named_and_a_higher_quota_lets_them_in(other: Server) -> None:
    room = other(DovecotOptions(quota="300K"))
    for number in range(60):
        room.backup.put(mail(number, size=9_000), f"cur/{number}.a", date=DATE + number)

    outcome = room.run()
    config = room.dovecot.config
    config.write_text(config.read_text().replace("storage=300K", "storage=300M"))
    room.dovecot.doveadm("reload")
    held = room.held()

    assert isinstance(outcome, Manual), outcome
    assert "Quota exceeded" in outcome.items[0].evidence[0]
    assert account_of(outcome).restored + len(account_of(outcome).refused) == 60
    assert 20 <= sum(held.values()) < 60
    assert set(held) >= {crlf(mail(number, size=9_000)) for number in range(45, 60)}
    assert isinstance(room.run(), Done)
    assert room.held() == Counter(crlf(mail(number, size=9_000)) for number in range(60))


def test_a_message_above_the_servers_size_limit_waits_for_a_person_and_the_rest_goes_in(
    other: Server,
) -> None:
    room = other(DovecotOptions(quota="300M", extra="plugin {\n  quota_max_mail_size = 100k\n}"))
    for number in range(5):
        room.backup.put(mail(number, size=200_000 if number == 2 else 0), f"cur/{number}.a")

    outcome = room.run()

    assert isinstance(outcome, Manual), outcome
    assert outcome.items[0].cause == "mail-too-large"
    assert sum(room.held().values()) == 4


def test_a_full_disk_loses_nothing_and_doubles_nothing(other: Server) -> None:
    room = other(DovecotOptions())
    place = room.dovecot.folder / "mail"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k,mode=777", "tmpfs", str(place)], check=True)
    try:
        for number in range(60):
            room.backup.put(mail(number, size=40_000), f"cur/{number}.a", date=DATE + number)

        with pytest.raises(MailServerFailing, match="SERVERBUG"):
            room.run()
        held = room.held()
        subprocess.run(["mount", "-o", "remount,size=50m", str(place)], check=True)
        again = room.run()

        assert 10 < sum(held.values()) < 60
        assert isinstance(again, Done)
        assert room.held() == Counter(crlf(mail(number, size=40_000)) for number in range(60))
    finally:
        room.dovecot.stop()
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("tls", ["verify", "starttls"])
def test_tls_is_used_where_the_certificate_is_of_the_named_authority(room: Room, tls: str) -> None:
    room.tls = tls
    room.backup.put(mail(1), "cur/1.a")

    room.run()

    assert room.held() == Counter([crlf(mail(1))])


def target(room: Room, *, host: str = "127.0.0.1", tls: str = "verify", ca: str = "") -> MailTarget:
    port = room.dovecot.imaps_port if tls == "verify" else room.dovecot.port
    return MailTarget("live", host, port, tls, ca, "master", SecretRef("env", "X"), timeout=10.0)


def test_no_password_goes_to_a_server_of_another_authority(room: Room, tmp_path: Path) -> None:
    stranger = PrivateCA(tmp_path / "ca")

    for tls in ("verify", "starttls"):
        with pytest.raises(MailCertificateRefused, match="not trusted"):
            ImapServer(target(room, tls=tls, ca=str(stranger.path)), Secret(b"masterpw")).open(room.address)


def test_no_password_goes_in_the_clear_to_another_machine(room: Room) -> None:
    with pytest.raises(MailLoginRefused, match="loopback only"):
        ImapServer(target(room, host="192.0.2.1", tls="none"), Secret(b"masterpw")).open(room.address)


def test_a_wrong_master_password_and_a_missing_mailbox_are_told_apart(room: Room) -> None:
    with pytest.raises(MailLoginRefused, match=r"master\w*: \[AUTHENTICATIONFAILED\]") as wrong:
        ImapServer(target(room, tls="none"), Secret(b"no")).open(room.address)
    with pytest.raises(MailboxMissing, match=r"nobody@example\.is"):
        ImapServer(target(room, tls="none"), Secret(b"masterpw")).open("nobody@example.is")

    assert "no\0" not in str(wrong.value)


def test_a_server_with_no_connection_to_spare_is_tried_again_later(other: Server) -> None:
    room = other(DovecotOptions(connections_per_user=1))

    with closing(room.server().open(room.address)), pytest.raises(MailBusy) as refused:
        room.server().open(room.address)

    assert refused.value.transient
