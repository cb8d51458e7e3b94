"""Traps of mail servers and mail files that other tests do not hold, each on a real Dovecot (docs/mail-traps.md)."""

from __future__ import annotations

import gzip
import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from restore.errors import MailUnreachable
from restore.model.mail import INBOX
from restore.model.outcome import Done, Unchanged
from tests.live.mailroom import DATE, NO_PENALTY, PASSWORD, Backup, Room, account_of, crlf, fact_of, mail
from tests.memory.desk import Office

USERS = {f"user{number}@example.is": PASSWORD for number in range(20)}
NEXT_USER = itertools.count()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[PrivateDovecot]:
    options = DovecotOptions(separator="/", prefix="INBOX/", extra=NO_PENALTY)
    with PrivateDovecot(USERS, options=options) as server:
        yield server


@pytest.fixture
def room(dovecot: PrivateDovecot, tmp_path: Path) -> Room:
    return Room(dovecot, Backup(tmp_path), f"user{next(NEXT_USER)}@example.is")


def test_folders_whose_names_look_alike_stay_apart_behind_another_prefix_and_separator(room: Room) -> None:
    forms = [unicodedata.normalize(form, "Ævintýri é") for form in ("NFC", "NFD")]
    plain = {
        "Sent": "Sent",
        "sent": "sent",
        "SENT": "SENT",
        "R&D": "R&-D",
        **dict(zip(forms, forms, strict=True)),
    }
    escaped = {"a.b": "a\\2eb", "a/b": "a\\2fb"}  # listescape; neither name can be held by this server
    for number, on_disk in enumerate({**plain, **escaped}.values()):
        room.backup.put(mail(number), "cur/1.a", f".{on_disk}")

    outcome = room.run()

    with closing(room.server().open(room.address)) as session:
        live = {folder: session.state(folder).messages for folder in session.folders() if folder != INBOX}
    assert {folder for folder in live if folder[0] in plain} == {(name,) for name in plain}
    assert sorted(live.values()) == [1] * (len(plain) + len(escaped))
    notes = " ".join(fact_of(outcome).notes)
    assert "folder a.b is restored as a_b" in notes and "folder a/b is restored as a_b_" in notes, notes
    assert isinstance(room.run(), Unchanged)


def test_more_keywords_than_a_maildir_name_holds_arrive_and_live_ones_stay(room: Room) -> None:
    own = " ".join(f"live{number}" for number in range(26))
    room.deliver(mail(1), flags=f"({own})")
    room.backup.put("".join(f"{number} old{number}\n" for number in range(26)).encode(), "dovecot-keywords")
    room.backup.put(mail(2), "cur/2.a:2,abcdefghijklmnopqrstuvwxyz")

    outcome = room.run()

    with closing(room.server().open(room.address)) as session:
        flags = [found.flags - {"\\Recent"} for found in session.messages(INBOX)]
    assert flags == [{f"{whose}{number}" for number in range(26)} for whose in ("live", "old")]
    assert account_of(outcome).proven == 1


def test_messages_of_one_message_id_and_several_or_folded_ones_are_told_apart_by_content(room: Room) -> None:
    same = [b"Message-ID: <same@x>\nSubject: %d\n\nbody\n" % number for number in range(3)]
    odd = [b"Message-ID:\n <a@b>\n <c@d>\nMessage-ID: <e@f>\n\n%d\n" % number for number in range(2)]
    room.deliver(same[0])
    room.deliver(odd[0])
    for number, content in enumerate((*same, *odd, same[1])):
        room.backup.put(content, f"cur/{number}.a", date=DATE + number)

    outcome = room.run()
    room.office = Office()

    assert (account_of(outcome).already_there, account_of(outcome).restored) == (2, 4)
    assert room.held() == Counter(map(crlf, (*same, *odd, same[1])))
    assert isinstance(room.run(), Unchanged)


def test_packed_mail_is_unpacked_whatever_its_name_says(room: Room) -> None:
    for number, flags in enumerate(("S", "SZ", "")):
        room.backup.put(gzip.compress(mail(number)), f"cur/{number}.a,S=9:2,{flags}")
    room.backup.put(mail(3), "cur/3.a:2,Z")

    outcome = room.run()

    assert account_of(outcome).restored == 4
    assert room.held() == Counter(crlf(mail(number)) for number in range(4))


def test_a_damaged_index_of_the_live_mailbox_brings_nothing_twice(room: Room) -> None:
    for number in range(20):
        room.backup.put(mail(number), f"cur/{number}.a", date=DATE + number)
    room.deliver(mail(5))
    room.run()
    for index in room.dovecot.maildir(room.address).glob("dovecot.index*"):
        index.write_bytes(b"\xff" * 3000)

    outcome = room.run()

    assert not account_of(outcome).refused
    assert room.held() == Counter(crlf(mail(number)) for number in range(20))


def test_a_server_that_says_bye_is_tried_again_and_the_next_run_finishes(room: Room) -> None:
    for number in range(300):
        room.backup.put(mail(number), f"cur/{number}.a", date=DATE + number)
    kicked: list[str] = []

    def kick(amount: int) -> None:
        if not kicked and room.office.journals:
            kicked.append(room.dovecot.doveadm("kick", room.address))

    room.told = kick
    with pytest.raises(MailUnreachable) as cut:
        room.run()

    assert cut.value.transient
    assert isinstance(room.run(), Done)
    assert room.held() == Counter(crlf(mail(number)) for number in range(300))


@pytest.mark.long
def test_a_message_of_a_hundred_megabytes_and_a_folder_of_a_hundred_thousand_arrive_whole(room: Room) -> None:
    room.timeout = 300.0
    for number in range(100_000):
        room.backup.put(mail(number), f"cur/{number}.a", ".Many", date=DATE + number)
    room.backup.put(mail(1, size=100_000_000), "cur/big.a")

    outcome = room.run()

    assert (account_of(outcome).restored, account_of(outcome, ("Many",)).proven) == (1, 100_000)
    assert isinstance(room.run(), Unchanged)
