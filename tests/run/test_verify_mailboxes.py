"""A mailbox tried out in memory: every message accounted for, nothing live touched, nothing read twice."""

from __future__ import annotations

from dataclasses import replace

from restore.model.facts import MailboxVerified
from restore.model.mail import MailboxId
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import MailCopy, VerifyMailbox
from restore.run.verify_mailboxes import verify_mailbox
from tests.memory.desk import MemoryDesk
from tests.memory.source import File, MemorySource
from tests.memory.systems import GivenSystems
from tests.run.test_mailboxes import ADDRESS, DATE, ROOT, World, mail

OLDER = b"older/vmail/example.is/anna/Maildir"
WORK = VerifyMailbox(MailboxId("web1", ADDRESS), "anna", "night", ROOT, "live")
TWO = replace(WORK, also=(MailCopy("older", OLDER),))


class Tried(World):
    """A world that is verified; `reads` counts the messages asked of the backup."""

    def try_out(self, work: VerifyMailbox = WORK, older: dict[bytes, bytes | File] | None = None) -> Outcome:
        def never(moment: str, op: str, about: str) -> None:
            raise AssertionError(f"a verification wrote: {moment} {op} {about}")

        self.mail.hook = never
        sources = {
            "night": MemorySource("night", {ROOT + b"/cur/.keep": b"", **self.files}),
            "older": MemorySource("older", {OLDER + b"/cur/.keep": b"", **(older or {})}),
        }
        desk = MemoryDesk(self.office)
        return verify_mailbox("verify/mail/web1/anna", work, GivenSystems(desk, sources, {"live": self.mail}))


def fact(outcome: Outcome) -> MailboxVerified:
    assert isinstance(outcome, Done | Partial)
    assert isinstance(outcome.fact, MailboxVerified)
    return outcome.fact


def older_file(content: bytes, name: str, date: float = DATE) -> dict[bytes, bytes | File]:
    return {OLDER + b"/" + name.encode(): File(content, date)}


def test_messages_that_the_live_mailbox_lacks_are_counted_and_none_is_put_there() -> None:
    world = Tried()
    world.deliver(mail(1))
    for number in range(4):
        world.put(mail(number), f"cur/{number}.a:2,S")
    before = world.live()
    found = fact(world.try_out())

    assert (found.messages, found.there, found.lacking) == (4, 1, 3)
    assert (found.damaged, found.doubtful, found.live) == ((), (), "compared")
    assert world.live() == before


def test_equal_messages_are_counted_not_merged() -> None:
    world = Tried()
    world.deliver(mail(1))
    world.put(mail(1), "cur/1.a:2,S")
    world.put(mail(1), "cur/2.a:2,S")
    found = fact(world.try_out())

    assert (found.there, found.lacking) == (1, 1)


def test_a_second_look_reads_no_sound_message_again_and_a_run_none_that_stands_there() -> None:
    world = Tried()
    world.deliver(mail(1))
    for number in range(3):
        world.put(mail(number), f"cur/{number}.a:2,S")
    first, second, full = (
        fact(world.try_out()),
        fact(world.try_out()),
        fact(world.try_out(replace(WORK, full=True))),
    )

    assert (first.known, second.known, full.known) == (0, 3, 0)
    assert second.read_bytes == 0
    assert (second.there, second.lacking) == (first.there, first.lacking) == (1, 2)


def test_a_doubtful_message_is_named_in_every_look() -> None:
    world = Tried()
    world.put(mail(1) + bytes(600), "cur/1.a:2,S")
    first, second = fact(world.try_out()), fact(world.try_out())

    assert [one.doubtful[0].endswith("a hole") for one in (first, second)] == [True, True]


def test_content_that_changed_behind_its_fingerprint_is_named_and_stays_named() -> None:
    world = Tried()
    world.put(mail(2), "cur/1.a:2,S")
    world.try_out()
    world.put(mail(4), "cur/1.a:2,S")
    full = replace(WORK, full=True)
    looks = [fact(world.try_out(work)).doubtful for work in (full, WORK, full)]

    assert [len(one) for one in looks] == [1, 1, 1]
    assert all("altered since it was last read" in one[0] for one in looks)


def test_a_damaged_message_comes_from_the_next_copy_that_has_it_whole() -> None:
    world = Tried()
    world.deliver(mail(9))
    world.put(b"", "cur/1.a:2,S")
    world.put(mail(2), "cur/2.a:2,S")
    older = older_file(mail(1), "cur/1.a:2,S") | older_file(mail(2), "cur/2.a:2,S")
    alone, both = world.try_out(), world.try_out(TWO, older)

    assert isinstance(alone, Partial)
    assert "the file is empty" in alone.missing[0]
    assert isinstance(both, Done)
    assert (fact(both).damaged, fact(both).lacking) == ((), 2)


def test_two_copies_of_one_size_and_other_content_are_named_since_one_of_them_was_altered() -> None:
    world = Tried()
    world.put(mail(2), "cur/1.a:2,S")
    found = fact(world.try_out(TWO, older_file(mail(4), "cur/1.a:2,S")))

    assert "another copy of the same size holds other content" in found.doubtful[0]
    assert found.lacking == 1


def test_a_mailbox_that_the_live_server_does_not_know_is_said_and_its_mail_is_read_all_the_same() -> None:
    world = Tried()
    world.put(mail(1), "cur/1.a:2,S")
    world.put(b"", "cur/2.a:2,S")
    outcome = world.try_out()

    assert isinstance(outcome, Partial)
    assert "the live mailbox is missing" in outcome.missing[-1]
    assert (fact(outcome).lacking, len(fact(outcome).damaged)) == (1, 1)


def test_what_was_restored_and_deleted_since_is_not_called_missing() -> None:
    world = Tried()
    world.put(mail(1), "cur/1.a:2,S")
    world.run()
    world.box.folders[("INBOX",)].messages.clear()
    found = fact(world.try_out())

    assert (found.deleted_since, found.lacking) == (1, 0)
