"""A mailbox is in several copies: what is restored is their union, each message whole, none of them twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from restore.model.facts import MailboxRestored
from restore.model.mail import INBOX, FolderAccount
from restore.model.message import canonical
from restore.model.outcome import Done, Outcome, Partial, Unchanged
from restore.model.plan import MailCopy
from restore.run.mailboxes import restore_mailbox
from tests.memory.desk import MemoryDesk, Office
from tests.memory.mail import MemoryMail
from tests.memory.source import File, MemorySource
from tests.memory.systems import GivenSystems
from tests.run.test_mailboxes import ADDRESS, DATE, ROOT, WORK, mail

COPIES = ("night", "week", "wreck")
WHOLE = replace(WORK, also=tuple(MailCopy(name, ROOT) for name in COPIES[1:]))


@dataclass(slots=True)
class Night:
    """Copies of one mailbox, by source; a source that is None cannot be read."""

    copies: dict[str, dict[str, bytes] | None]
    mail: MemoryMail = field(default_factory=lambda: MemoryMail("live"))
    office: Office = field(default_factory=Office)

    def run(self) -> Outcome:
        """One worker restores the mailbox from all copies."""
        self.mail.box(ADDRESS)
        sources = {name: MemorySource(name, self._files(name)) for name in COPIES}
        return restore_mailbox(
            "mail", WHOLE, GivenSystems(MemoryDesk(self.office), sources, {"live": self.mail})
        )

    def _files(self, copy: str) -> Mapping[bytes, File]:
        files = self.copies.get(copy, {})
        if files is None:
            return {b"elsewhere": File(b"", DATE)}
        held = {ROOT + b"/" + name.encode(): File(content, DATE) for name, content in files.items()}
        return {ROOT + b"/cur/.keep": File(b"", DATE), **held}

    def inbox(self) -> Counter[bytes]:
        """What the live INBOX holds, counted."""
        return Counter(bytes(one.content) for one in self.mail.box(ADDRESS).folders[INBOX].messages.values())


def account(outcome: Outcome) -> FolderAccount:
    assert isinstance(outcome, Done | Unchanged | Partial), outcome
    assert isinstance(outcome.fact, MailboxRestored)
    return outcome.fact.folders[0]


numbers = st.lists(st.integers(0, 5), max_size=7)


@given(numbers, numbers, numbers, st.booleans())
@settings(deadline=None, max_examples=120)
def test_each_message_is_there_as_often_as_in_the_copy_that_holds_it_most_often(
    night: list[int], week: list[int], wreck: list[int], same_names: bool
) -> None:
    def files(copy: str, held: Sequence[int]) -> dict[str, bytes]:
        seen: Counter[int] = Counter()
        named = {}
        for number in held:
            seen[number] += 1
            named[f"cur/{number}.{seen[number]}{'' if same_names else copy}"] = mail(number)
        return named

    copies = {"night": night, "week": week, "wreck": wreck}
    world = Night({name: files(name, held) for name, held in copies.items()})
    right: Counter[bytes] = Counter()
    for held in copies.values():
        right |= Counter(mail(number) for number in held)

    first = world.run()
    after_one = world.inbox()
    second = world.run()
    world.office = Office()
    third = world.run()

    assert (after_one, world.inbox()) == (right, right)
    assert account(first).in_source + account(first).repeated == len(night) + len(week) + len(wreck)
    assert isinstance(second, Unchanged)
    assert isinstance(third, Unchanged)


def test_a_cut_copy_never_beats_a_whole_one_and_flags_are_the_first_copys() -> None:
    whole = mail(1)
    world = Night(
        {
            "night": {"cur/1.a:2,S": whole[:40], "cur/2.a:2,S": b"", "cur/3.a:2,F": mail(3) + b"\0" * 60},
            "week": {"cur/1.a:2,T": whole, "cur/2.a:2,": mail(2)[:-9] + b"\0" * 9, "cur/3.a:2,": mail(3)},
            "wreck": {"cur/1.a": whole[:50], "cur/2.a": mail(2), "cur/4.a": mail(4)},
        }
    )

    outcome = world.run()
    again = world.run()

    assert isinstance(outcome, Done), outcome
    assert isinstance(again, Unchanged)
    assert world.inbox() == Counter(mail(number) for number in range(1, 5))
    stored = world.mail.box(ADDRESS).folders[INBOX].messages.values()
    assert {bytes(one.content): one.flags for one in stored} == {
        mail(1): frozenset(("\\Seen",)),
        mail(2): frozenset(("\\Seen",)),
        mail(3): frozenset(("\\Flagged",)),
        mail(4): frozenset(),
    }
    assert (account(outcome).in_source, account(outcome).repeated) == (4, 5)


def test_two_versions_that_are_no_beginning_of_each_other_are_both_restored() -> None:
    edited = mail(1) + b"another end\r\n"
    other = mail(1).replace(b"body", b"BODY!")
    world = Night({"night": {"cur/1.a": other}, "week": {"cur/1.a": edited}, "wreck": {"cur/1.a": mail(1)}})

    world.run()

    assert world.inbox() == Counter([other, edited])


def test_what_no_copy_has_whole_is_one_loss_with_its_reason() -> None:
    world = Night({"night": {"cur/1.a": b""}, "week": {"cur/1.a": b"\0\0"}})

    outcome = world.run()

    assert isinstance(outcome, Partial)
    assert account(outcome).in_source == len(account(outcome).unreadable) == 1


def test_a_copy_that_cannot_be_read_is_said_and_keeps_no_other_out() -> None:
    world = Night({"night": None, "week": {"cur/1.a": mail(1)}, "wreck": {"cur/1.a": canonical(mail(1))}})

    outcome = world.run()

    assert isinstance(outcome, Partial)
    assert "copy 1 of 3 is not merged" in outcome.missing[0]
    assert world.inbox() == Counter([mail(1)])
