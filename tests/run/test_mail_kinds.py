"""Copies of one mailbox that were kept in different ways are merged as one: each message once, whole, accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from restore.errors import MailUnreachable, OldMailboxMissing
from restore.model.mail import INBOX, FolderPath, FolderState, LiveMessage
from restore.model.message import canonical
from restore.model.outcome import Done, Outcome, Partial, Unchanged
from restore.model.plan import MailCopy, VerifyMailbox
from restore.model.ports import MailReader, Unreadable
from restore.model.stores import IMAP, MBOX, Store
from restore.run.mailboxes import restore_mailbox
from restore.run.verify_mailboxes import verify_mailbox
from restore.survey.imap_store import open_imap
from tests.memory.desk import MemoryDesk, Office
from tests.memory.mail import MemoryMail
from tests.memory.source import MemorySource
from tests.memory.systems import GivenSystems
from tests.run.test_mailboxes import ADDRESS, ROOT, WORK, account, mail, notes

SPOOL = b"var/mail/anna"
FROM = b"From a@example.is Thu Nov 29 22:33:52 2001\n"
KINDS = replace(
    WORK,
    also=(
        MailCopy("spool", SPOOL, store=Store(MBOX, SPOOL)),
        MailCopy("wreck", b"", "wreck", store=Store(IMAP)),
    ),
)


@dataclass(slots=True)
class OldMailbox:
    """Satisfies MailReader: INBOX of an old server; a message that is b"" cannot be given."""

    messages: list[bytes]
    refused: tuple[str, ...] = ()
    closed: int = 0
    deadly: tuple[FolderPath, ...] = ()
    gone: bool = False

    def folders(self) -> Sequence[FolderPath]:
        if self.gone:
            raise MailUnreachable("it is gone", server="wreck")
        return [INBOX, *self.deadly]

    def subscriptions(self) -> frozenset[FolderPath]:
        return frozenset()

    def state(self, folder: FolderPath) -> FolderState:
        if folder in self.deadly:
            raise MailUnreachable("it closed the connection", server="wreck")
        return FolderState(7, len(self.messages) + 1, len(self.messages))

    def held(self, folder: FolderPath) -> Iterator[LiveMessage]:
        for uid, message in enumerate(self.messages, 1):
            yield LiveMessage(
                uid, b"", len(message), 1_600_000_000, frozenset(("\\Seen", "\\Recent", "Work"))
            )

    def contents(
        self, folder: FolderPath, messages: Sequence[tuple[int, int]]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        for uid, _ in messages:
            body = self.messages[uid - 1]
            yield iter((body[:9], body[9:])) if body else Unreadable(b"", "the server said NO")

    def close(self) -> None:
        self.closed += 1


@dataclass(slots=True)
class Night:
    """A Maildir, an mbox file and an old mail server that hold one mailbox; None: it does not know it."""

    maildir: dict[str, bytes]
    spool: bytes
    old: OldMailbox | None
    live: MemoryMail = field(default_factory=lambda: MemoryMail("live"))
    office: Office = field(default_factory=Office)

    def systems(self) -> GivenSystems:
        """A worker's."""
        self.live.box(ADDRESS)
        files = {
            ROOT + b"/cur/.keep": b"",
            **{ROOT + b"/" + n.encode(): data for n, data in self.maildir.items()},
        }
        sources = {"night": MemorySource("night", files), "spool": MemorySource("spool", {SPOOL: self.spool})}

        def read(name: str, address: str, path: bytes, store: Store) -> MailReader:
            if self.old is None:
                raise OldMailboxMissing(f"source {name} has no mailbox {address}")
            return self.old

        return GivenSystems(MemoryDesk(self.office), sources, {"live": self.live}, read=read)

    def run(self) -> Outcome:
        """One worker restores it."""
        return restore_mailbox("mail", KINDS, self.systems())

    def inbox(self) -> Counter[bytes]:
        """What the live INBOX holds, counted."""
        return Counter(bytes(one.content) for one in self.live.box(ADDRESS).folders[INBOX].messages.values())


def plain(number: int) -> bytes:
    """A mail with LF ends."""
    return mail(number).replace(b"\r\n", b"\n")


def spooled(*numbers: int, fields: bytes = b"Status: RO\n") -> bytes:
    """An mbox file of these mails."""
    return b"".join(FROM + fields + plain(number) + b"\n" for number in numbers)


def test_each_message_is_there_as_often_as_in_the_copy_that_holds_it_most_often_whatever_its_kind() -> None:
    old = OldMailbox([mail(2), mail(4), mail(4)])
    night = Night({"cur/1.a:2,S": plain(1), "cur/2.a:2,": plain(2)}, spooled(2, 3, 3), old)
    outcome, again = night.run(), night.run()

    assert isinstance(outcome, Done) and isinstance(again, Unchanged)
    assert night.inbox() == Counter({mail(1): 1, mail(2): 1, mail(3): 2, mail(4): 2})
    assert (account(outcome).restored, account(outcome).repeated) == (6, 2)
    assert old.closed == 2


def test_what_one_kind_cannot_give_is_named_by_its_place_and_comes_from_another_that_has_it() -> None:
    night = Night(
        {"cur/1.a:2,S": plain(1)}, spooled(2) + FROM + b"\0" * 600 + b"\n", OldMailbox([b"", mail(3)])
    )
    outcome = night.run()

    assert isinstance(outcome, Partial)
    spool, wreck = outcome.missing
    assert spool.startswith("var/mail/anna/message 000002 at byte ") and "NUL" in spool
    assert wreck == f"{ADDRESS}/INBOX/UID 0000000001: the server said NO"
    assert night.inbox() == Counter({mail(1): 1, mail(2): 1, mail(3): 1})


def test_a_mailbox_that_the_old_server_does_not_know_comes_from_its_other_copies() -> None:
    outcome = Night({"cur/1.a:2,S": plain(1)}, spooled(2), None).run()

    assert isinstance(outcome, Done)
    assert "source wreck has no mailbox" in notes(outcome)


def test_a_folder_that_the_old_server_dies_of_is_named_and_a_server_that_is_gone_fails_the_step() -> None:
    old = OldMailbox([mail(3)], deadly=(("Broken",),))
    night = Night({"cur/1.a:2,S": plain(1)}, spooled(2), old)
    outcome = night.run()

    assert isinstance(outcome, Partial)
    assert len(outcome.missing) == 1 and "the server dies of it" in outcome.missing[0]
    assert night.inbox() == Counter({mail(1): 1, mail(2): 1, mail(3): 1})

    store = open_imap(OldMailbox([mail(3)], deadly=(("Broken",),)), b"wreck")
    store.reader.gone = True  # type: ignore[attr-defined]
    with pytest.raises(MailUnreachable, match="gone"):
        store.listing(store.folders[1])


def test_a_cut_mbox_file_never_beats_a_whole_one() -> None:
    whole = spooled(1, 2)
    work = replace(
        WORK,
        source="cut",
        path=SPOOL,
        store=Store(MBOX, SPOOL),
        also=(MailCopy("whole", SPOOL, store=Store(MBOX, SPOOL)),),
    )
    live, desk = MemoryMail("live"), MemoryDesk(Office())
    live.box(ADDRESS)
    sources = {
        "cut": MemorySource("cut", {SPOOL: whole[:-9].replace(b"Status: RO", b"Status: O")}),
        "whole": MemorySource("whole", {SPOOL: whole}),
    }
    outcome = restore_mailbox("mail", work, GivenSystems(desk, sources, {"live": live}))

    held = list(live.box(ADDRESS).folders[INBOX].messages.values())
    assert isinstance(outcome, Done)
    assert sorted(bytes(one.content) for one in held) == [mail(1), mail(2)]
    assert {one.flags for one in held} == {frozenset()}


def test_verification_reads_every_kind_and_changes_nothing() -> None:
    night = Night({"cur/1.a:2,S": plain(1)}, spooled(2), OldMailbox([mail(3)]))
    work = VerifyMailbox(KINDS.mailbox, "anna", "night", ROOT, "live", also=KINDS.also)
    outcome = verify_mailbox("verify", work, night.systems())

    assert isinstance(outcome, Done)
    assert (outcome.fact.messages, outcome.fact.lacking) == (3, 3)  # type: ignore[union-attr]
    assert not night.inbox() and canonical(plain(1)) == mail(1)
