"""A mailbox of the backup is merged into a live one: nothing lost, nothing doubled, nothing live changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.errors import MaildirMissing
from restore.model.facts import MailboxRestored
from restore.model.mail import INBOX, FolderAccount, FolderPath, MailboxId, NewMessage, Refusal
from restore.model.message import canonical
from restore.model.outcome import Done, Manual, Outcome, Partial, Unchanged
from restore.model.plan import RestoreMailbox
from restore.run.mailboxes import restore_mailbox
from tests.memory.cut import Cut
from tests.memory.desk import MemoryDesk, Office
from tests.memory.mail import MemoryBox, MemoryMail, MemorySession
from tests.memory.source import File, Link, MemorySource
from tests.memory.systems import GivenSystems

ADDRESS = "anna@example.is"
ROOT = b"web1/vmail/example.is/anna/Maildir"
WORK = RestoreMailbox(MailboxId("web1", ADDRESS), "anna", "night", ROOT, "live")
DATE = 1_600_000_000
ARCHIVE = ("Archive", "2016")


def mail(number: int, *, with_id: bool = True) -> bytes:
    """A mail; even numbers share their size, so that the size alone tells nothing."""
    head = f"Message-ID: <{number:05}@example.is>\r\n" if with_id else f"X-Number: {number:05}\r\n"
    return f"{head}Subject: mail\r\n\r\nbody {number:05}\r\n".encode()


@dataclass(slots=True)
class World:
    """One backup, one live server and one desk that outlive the process which restores."""

    files: dict[bytes, bytes | File | Link] = field(default_factory=dict)
    mail: MemoryMail = field(default_factory=lambda: MemoryMail("live"))
    office: Office = field(default_factory=Office)
    events: int = 0
    cut_at: int | None = None

    @property
    def box(self) -> MemoryBox:
        return self.mail.box(ADDRESS)

    def put(self, content: bytes, name: str, folder: str = "", date: float = DATE) -> None:
        """A file in the backup: `name` below the folder, such as cur/1.a:2,S."""
        place = [ROOT, folder.encode(), name.encode()] if folder else [ROOT, name.encode()]
        self.files[b"/".join(place)] = File(content, date)

    def deliver(self, content: bytes, folder: FolderPath = INBOX, *flags: str) -> int:
        """A mail comes into the live mailbox by itself."""
        place = self.box.folders.get(folder) or self.box.make(folder)
        return place.add(NewMessage(canonical(content), DATE, frozenset(flags)))

    def run(self) -> Outcome:
        """One process restores the mailbox."""
        self.box  # noqa: B018 - the mailbox exists before anybody restores into it
        self.mail.hook = self._hook
        source = MemorySource("night", {ROOT + b"/cur/.keep": b"", **self.files})
        desk = MemoryDesk(self.office, hook=self._hook)
        return restore_mailbox(
            "mail:web1/anna", WORK, GivenSystems(desk, {"night": source}, {"live": self.mail})
        )

    def _hook(self, moment: str, op: str, about: str) -> None:
        self.events += 1
        if self.events == self.cut_at:
            raise Cut(f"{moment} {op} {about}")

    def live(self) -> dict[FolderPath, Counter[bytes]]:
        """What the live mailbox holds, counted."""
        return {
            path: Counter(bytes(message.content) for message in folder.messages.values())
            for path, folder in self.box.folders.items()
        }

    def inbox(self) -> Counter[bytes]:
        return self.live()[INBOX]


def account(outcome: Outcome, folder: FolderPath = INBOX) -> FolderAccount:
    assert isinstance(outcome, Done | Unchanged | Partial | Manual)
    assert isinstance(outcome.fact, MailboxRestored)
    return next(part for part in outcome.fact.folders if part.folder == folder)


def notes(outcome: Outcome) -> str:
    assert isinstance(outcome, Done | Unchanged | Partial | Manual)
    assert isinstance(outcome.fact, MailboxRestored)
    return "\n".join(outcome.fact.notes)


FOLDERS = {"": INBOX, ".Archive.2016": ARCHIVE}
counts = st.dictionaries(
    st.tuples(st.sampled_from(sorted(FOLDERS)), st.integers(0, 8), st.booleans()),
    st.integers(1, 3),
    max_size=8,
)
servers = st.builds(lambda multi, plus: (multi, plus), st.booleans(), st.booleans())


def world_of(
    backup: Mapping[tuple[str, int, bool], int],
    live: Mapping[tuple[str, int, bool], int],
    server: tuple[bool, bool] = (True, True),
) -> World:
    world = World(mail=MemoryMail("live", multiappend=server[0], uidplus=server[1]))
    for (folder, number, with_id), count in backup.items():
        for copy in range(count):
            content = mail(number, with_id=with_id)
            content = content.replace(b"\r\n", b"\n") if copy % 2 else content
            world.put(content, f"cur/{number}.{copy}.{with_id}:2,S", folder, DATE + number)
    for (folder, number, with_id), count in live.items():
        for _ in range(count):
            world.deliver(mail(number, with_id=with_id), FOLDERS[folder])
    return world


def expected(
    backup: Mapping[tuple[str, int, bool], int], live: Mapping[tuple[str, int, bool], int]
) -> dict[FolderPath, Counter[bytes]]:
    folders: dict[FolderPath, Counter[bytes]] = {INBOX: Counter()}
    for side in (backup, live):
        for (folder, number, with_id), count in side.items():
            place = folders.setdefault(FOLDERS[folder], Counter())
            content = mail(number, with_id=with_id)
            place[content] = max(place[content], count)
    return folders


@given(counts, counts, servers)
@settings(deadline=None, max_examples=150)
def test_every_message_is_there_as_often_as_in_the_fuller_side(
    backup: dict[tuple[str, int, bool], int],
    live: dict[tuple[str, int, bool], int],
    server: tuple[bool, bool],
) -> None:
    world = world_of(backup, live, server)

    world.run()

    assert world.live() == expected(backup, live)


@given(counts, counts, servers)
@settings(deadline=None, max_examples=80)
def test_a_second_run_finds_nothing_to_do_and_says_the_same(
    backup: dict[tuple[str, int, bool], int],
    live: dict[tuple[str, int, bool], int],
    server: tuple[bool, bool],
) -> None:
    world = world_of(backup, live, server)
    first = world.run()

    second = world.run()

    assert isinstance(second, Unchanged)
    assert isinstance(first, Done | Unchanged)
    assert (second.fact, world.live()) == (first.fact, expected(backup, live))


def test_what_a_run_left_with_nothing_to_do_is_known_by_its_last_record_and_the_folders_states() -> None:
    world = world_of(CUT_BACKUP, CUT_LIVE)
    first = world.run()
    for mailbox, records in world.office.journals.items():
        world.office.journals[mailbox] = records[-1:]

    second = world.run()

    assert isinstance(first, Done)
    assert second == Unchanged("mail:web1/anna", first.fact)


def test_what_the_user_does_between_two_of_our_batches_is_seen_by_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("restore.run.mail_folder.BATCH_MESSAGES", 1)
    world = world_of({("", number, True): 1 for number in range(3)}, {})

    def meanwhile(moment: str, op: str, about: str) -> None:
        if (moment, op, len(world.box.folders[INBOX].messages)) == ("before", "append", 2):
            world.box.folders[INBOX].messages.pop(1)
            world.deliver(mail(9), INBOX)

    monkeypatch.setattr(World, "_hook", staticmethod(meanwhile))
    world.run()
    outcome = world.run()

    assert account(outcome) == FolderAccount(INBOX, 3, 2, 0, 1, 2, newest=DATE + 2)


@given(counts, counts, servers)
@settings(deadline=None, max_examples=80)
def test_a_lost_journal_doubles_nothing(
    backup: dict[tuple[str, int, bool], int],
    live: dict[tuple[str, int, bool], int],
    server: tuple[bool, bool],
) -> None:
    world = world_of(backup, live, server)
    world.run()
    world.office = Office()

    world.run()

    assert world.live() == expected(backup, live)


CUT_BACKUP = {("", number, number % 3 > 0): 1 + number % 2 for number in range(6)} | {
    (".Archive.2016", 7, True): 2
}
CUT_LIVE = {("", 0, False): 1, ("", 4, True): 1}
CUT_LIVE[("", 8, True)] = 1


@pytest.mark.parametrize("server", [(True, True), (True, False), (False, True), (False, False)])
@pytest.mark.parametrize("batch", [1, 3, 100])
def test_a_run_cut_at_any_event_and_run_again_ends_as_if_never_cut(
    server: tuple[bool, bool], batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("restore.run.mail_folder.BATCH_MESSAGES", batch)
    uncut = world_of(CUT_BACKUP, CUT_LIVE, server)
    outcome = uncut.run()
    assert isinstance(outcome, Done)

    for place in range(1, uncut.events + 1):
        world = world_of(CUT_BACKUP, CUT_LIVE, server)
        world.cut_at = place
        with pytest.raises(Cut):
            world.run()
        again = world.run()

        assert isinstance(again, Done | Unchanged)
        assert (world.live(), again.fact) == (uncut.live(), outcome.fact), f"cut at event {place}"
    assert uncut.live() == expected(CUT_BACKUP, CUT_LIVE)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=5), servers)
@settings(deadline=None, max_examples=60)
def test_several_cuts_in_a_row_double_and_lose_nothing(cuts: list[int], server: tuple[bool, bool]) -> None:
    world = world_of(CUT_BACKUP, CUT_LIVE, server)
    for place in cuts:
        world.events, world.cut_at = 0, place
        try:
            world.run()
        except Cut:
            continue
    world.cut_at = None

    world.run()

    assert world.live() == expected(CUT_BACKUP, CUT_LIVE)


def test_a_message_the_user_deleted_after_it_was_restored_stays_deleted() -> None:
    world = world_of({("", number, True): 1 for number in range(3)}, {("", 0, True): 1})
    world.run()
    world.box.folders[INBOX].messages.clear()

    outcome = world.run()

    assert isinstance(outcome, Unchanged)
    assert account(outcome) == FolderAccount(INBOX, 3, 0, 0, 3, 0, newest=DATE + 2)
    assert world.inbox() == Counter()


def test_a_folder_the_user_deleted_after_it_was_restored_stays_deleted() -> None:
    world = world_of({(".Archive.2016", 1, True): 1}, {})
    world.run()
    del world.box.folders[ARCHIVE]

    outcome = world.run()

    assert isinstance(outcome, Unchanged)
    assert account(outcome, ARCHIVE).deleted_since == 1
    assert ARCHIVE not in world.box.folders


def test_mail_that_a_later_backup_adds_to_a_folder_the_user_deleted_is_restored() -> None:
    world = world_of({(".Archive.2016", 1, True): 1}, {})
    world.run()
    del world.box.folders[ARCHIVE]
    world.put(mail(2), "cur/2.new", ".Archive.2016")

    world.run()

    assert world.live()[ARCHIVE] == Counter([mail(2)])


def test_a_mailbox_that_was_made_anew_gets_all_its_mail_again() -> None:
    backup = {("", 1, True): 2, (".Archive.2016", 2, True): 1}
    world = world_of(backup, {})
    world.run()
    del world.mail.boxes[ADDRESS]
    world.box.folders[INBOX].uidvalidity = 99

    world.run()

    assert world.live() == expected(backup, {})


def test_a_folder_with_another_uidvalidity_is_compared_by_content() -> None:
    world = world_of({("", number, True): 1 for number in range(3)}, {})
    world.run()
    inbox = world.box.folders[INBOX]
    inbox.uidvalidity += 1000
    del inbox.messages[2]

    outcome = world.run()

    assert world.inbox() == Counter([mail(0), mail(1), mail(2)])
    assert (account(outcome).already_there, account(outcome).restored) == (2, 1)


def test_live_mail_keeps_its_flags_and_uids() -> None:
    world = world_of({("", 1, True): 1}, {})
    uid = world.deliver(mail(1), INBOX, "\\Flagged")

    world.run()

    assert world.box.folders[INBOX].messages == {uid: NewMessage(mail(1), DATE, frozenset(("\\Flagged",)))}


def test_a_live_message_with_the_same_message_id_and_other_content_is_another_message() -> None:
    world = World()
    world.put(mail(1), "cur/1.a")
    world.deliver(mail(1).replace(b"body", b"BODY"))

    world.run()

    assert world.inbox() == Counter([mail(1), mail(1).replace(b"body", b"BODY")])


def test_flags_keywords_and_dates_come_along() -> None:
    world = World()
    world.put(b"0 $Label1\n1 \\Indexed\n2 caf\xc3\xa9\n", "dovecot-keywords")
    world.put(mail(1), "cur/1.a,S=9999:2,FPRSabcd", date=DATE + 5.75)
    world.put(mail(2), "new/2.b", date=-1)
    world.put(mail(3), "cur/3.c;2,DT")

    outcome = world.run()

    assert list(world.box.folders[INBOX].messages.values()) == [
        NewMessage(mail(2), 0, frozenset()),
        NewMessage(mail(3), DATE, frozenset(("\\Draft", "\\Deleted"))),
        NewMessage(
            mail(1), DATE + 5, frozenset(("\\Flagged", "$Forwarded", "\\Answered", "\\Seen", "$Label1"))
        ),
    ]
    for said in ("\\Indexed", "café", "keyword letter d", "a date no server keeps"):
        assert said in notes(outcome)


def test_the_newest_mail_comes_first_and_in_order_within_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.run.mail_folder.WINDOW", 3)
    world = world_of({("", number, True): 1 for number in range(8)}, {})

    world.run()

    stored = [message.content for message in world.box.folders[INBOX].messages.values()]
    assert stored == [mail(number) for number in (5, 6, 7, 2, 3, 4, 0, 1)]


def test_a_file_kept_under_its_old_and_its_new_name_is_one_message() -> None:
    world = World()
    world.put(mail(1), "cur/1.a:2,")
    world.put(mail(1), "cur/1.a:2,S")
    world.put(mail(2), "new/2.b")
    world.put(mail(2), "cur/2.b:2,S", date=DATE + 50)

    first, second = world.run(), world.run()

    assert [message.flags for message in world.box.folders[INBOX].messages.values()] == [
        frozenset(("\\Seen",))
    ] * 2
    assert len(account(first).duplicates) == 2
    assert isinstance(second, Unchanged)
    assert account(second).restored == 2


def test_what_cannot_be_read_is_named_with_its_reason_and_the_rest_is_restored() -> None:
    world = World()
    world.put(mail(1), "cur/1.a")
    world.put(b"", "cur/2.empty")
    world.put(b"\0" * 4096, "cur/3.zeros")
    world.files[ROOT + b"/cur/4.locked"] = File(mail(4), DATE, readable=False)
    world.files[ROOT + b"/cur/5.link"] = Link(b"/etc/passwd")
    world.files[ROOT + b"/.Stolen"] = Link(b"../../bob/Maildir")
    world.put(b"\x1f\x8bnot gzip", "cur/6.z")

    outcome = world.run()

    assert isinstance(outcome, Partial)
    assert world.inbox() == Counter([mail(1)])
    for name in ("2.empty", "3.zeros", "4.locked", "5.link", ".Stolen", "6.z"):
        assert any(name in line for line in outcome.missing), name
    assert len(account(outcome).unreadable) == 5


def test_a_nul_byte_is_stored_as_0x80_said_so_and_found_again() -> None:
    world = World()
    world.put(mail(1) + b"\0\r\n", "cur/1.a")

    outcome = world.run()
    world.office = Office()
    again = world.run()

    assert world.inbox() == Counter([mail(1) + b"\x80\r\n"])
    assert "NUL" in notes(outcome)
    assert isinstance(again, Unchanged)


def refuse_if(
    test: Callable[[NewMessage], bool], words: str, code: str = ""
) -> Callable[[NewMessage], Refusal | None]:
    return lambda message: Refusal(words, code) if test(message) else None


@pytest.mark.parametrize("multiappend", [True, False])
def test_one_refused_message_keeps_no_other_out(multiappend: bool) -> None:
    world = world_of({("", number, True): 1 for number in range(9)}, {}, (multiappend, True))
    world.mail.refuse = refuse_if(lambda message: b"body 00004" in message.content, "virus found")

    outcome = world.run()

    assert isinstance(outcome, Partial)
    assert world.inbox() == Counter(mail(number) for number in range(9) if number != 4)
    (line,) = account(outcome).refused
    assert "cur/4.0.True" in line and "virus found" in line


def test_a_message_whose_keyword_is_refused_is_stored_without_it() -> None:
    world = World()
    world.put(b"0 odd\n", "dovecot-keywords")
    world.put(mail(1), "cur/1.a:2,Sa")
    world.put(mail(2), "cur/2.b:2,S")
    world.mail.refuse = refuse_if(lambda message: "odd" in message.flags, "no such keyword")

    outcome = world.run()

    assert isinstance(outcome, Done)
    assert [message.flags for message in world.box.folders[INBOX].messages.values()] == [
        frozenset(("\\Seen",))
    ] * 2
    assert "no such keyword" in notes(outcome)


def test_over_quota_the_newest_are_in_and_the_others_wait_for_a_person() -> None:
    world = World()
    for number in range(20):
        world.put(mail(number) + b"x" * 100 * (20 - number), f"cur/{number}.a", date=DATE + number)

    world.mail.quota = 9_000

    outcome = world.run()

    assert isinstance(outcome, Manual)
    assert outcome.items[0].cause == "mail-over-quota"
    assert account(outcome).restored + len(account(outcome).refused) == 20
    assert account(outcome).restored >= 10
    assert {mail(number) + b"x" * 100 * (20 - number) for number in range(10, 20)} <= set(world.inbox())
    world.mail.quota = 90_000
    assert isinstance(world.run(), Done)
    assert sum(world.inbox().values()) == 20


def test_a_message_above_the_limit_that_the_server_states_is_not_sent_and_waits_for_a_person() -> None:
    world = World()
    world.mail.largest = 1000
    for number in range(4):
        world.put(mail(number) + b"x" * (2000 if number == 2 else 0), f"cur/{number}.a")

    outcome = world.run()

    assert isinstance(outcome, Manual)
    assert [item.cause for item in outcome.items] == ["mail-too-large"]
    assert "APPENDLIMIT" in outcome.items[0].evidence[0]
    assert world.inbox() == Counter([mail(0), mail(1), mail(3)])


def test_a_message_the_server_gives_back_otherwise_is_named_and_not_stored_twice() -> None:
    world = world_of({("", 1, True): 1, ("", 2, True): 1}, {})
    world.mail.alter = lambda content: content.replace(b"body 00002", b"cleaned!!!")

    first, second = world.run(), world.run()

    assert isinstance(first, Partial)
    assert isinstance(second, Partial)
    assert (account(first).proven, account(second).proven) == (1, 1)
    assert "other content" in second.missing[0]
    assert sum(world.inbox().values()) == 2


def test_a_folder_goes_to_the_targets_own_of_its_role() -> None:
    world = World(mail=MemoryMail("live", roles={"\\Sent": ("Sent",)}))
    world.box.make(("Sent",))
    world.put(mail(1), "cur/1.a", ".Sent Messages")

    world.run()

    assert world.live()[("Sent",)] == Counter([mail(1)])
    assert ("Sent Messages",) not in world.box.folders


def test_two_sent_folders_of_the_backup_stay_two() -> None:
    world = World(mail=MemoryMail("live", roles={"\\Sent": ("Sent",)}))
    world.box.make(("Sent",))
    world.put(mail(1), "cur/1.a", ".Sent Messages")
    world.put(mail(2), "cur/2.a", ".Sent")

    world.run()

    assert world.live()[("Sent",)] == Counter([mail(2)])
    assert world.live()[("Sent Messages",)] == Counter([mail(1)])


def test_mail_stays_in_the_folder_it_went_to_when_a_client_makes_another_meanwhile() -> None:
    world = World(mail=MemoryMail("live", roles={"\\Sent": ("Sent",)}))
    world.box.make(("Sent",))
    world.put(mail(1), "cur/1.a", ".Sent Messages")
    world.run()
    world.box.make(("Sent Messages",))

    outcome = world.run()

    assert isinstance(outcome, Unchanged)
    assert sum(sum(folder.values()) for folder in world.live().values()) == 1


def test_a_folder_whose_name_the_server_refuses_is_restored_under_another_and_said_so() -> None:
    world = World()
    world.put(mail(1), "cur/1.a", ".~tilde")

    first, second = world.run(), world.run()

    assert world.live()[("_tilde",)] == Counter([mail(1)])
    assert "_tilde" in notes(first)
    assert isinstance(second, Unchanged)
    assert set(world.box.folders) == {INBOX, ("_tilde",)}


def test_names_in_modified_utf7_and_in_utf8_are_the_same_folder() -> None:
    world = World()
    world.put(mail(1), "cur/1.a", ".&AN4-r&AO0-r")
    world.put(mail(2), "cur/2.a", ".Þrír")

    world.run()

    assert world.live()[("Þrír",)] == Counter([mail(1), mail(2)])


def test_subscriptions_come_along_once() -> None:
    world = World()
    world.put(b"V\t2\n\nArchive\t2016\nINBOX\nGone\n", "subscriptions")
    world.put(b"INBOX.Sent\n", "courierimapsubscribed")
    world.put(mail(1), "cur/1.a", ".Archive.2016")
    world.put(mail(2), "cur/2.a", ".Sent")
    world.run()
    assert world.box.subscribed == {ARCHIVE, INBOX, ("Sent",)}

    world.box.subscribed.clear()
    world.run()

    assert world.box.subscribed == set()


def test_an_empty_folder_is_made_too() -> None:
    world = World()
    world.put(b"", "cur/.keep", ".Empty")

    outcome = world.run()

    assert isinstance(outcome, Done)
    assert ("Empty",) in world.box.folders


def test_a_missing_maildir_is_no_empty_one() -> None:
    source = MemorySource("night", {b"web1/vmail/other": b""})
    world = World()
    world.box.subscribed.clear()

    with pytest.raises(MaildirMissing, match="anna/Maildir is not there"):
        restore_mailbox(
            "k", WORK, GivenSystems(MemoryDesk(Office()), {"night": source}, {"live": world.mail})
        )


def test_a_folder_that_goes_away_while_it_is_filled_is_left_to_the_next_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("restore.run.mail_folder.BATCH_MESSAGES", 1)
    world = world_of({(".Archive.2016", number, True): 1 for number in range(3)}, {})
    append = MemorySession.append

    def delete_after_first(
        self: MemorySession, folder: FolderPath, messages: list[NewMessage], confirm: Callable[[], None]
    ) -> object:
        results = append(self, folder, messages, confirm)
        del self.box.folders[folder]
        monkeypatch.undo()
        return results

    monkeypatch.setattr(MemorySession, "append", delete_after_first)
    with pytest.raises(Exception, match="doesn't exist"):
        world.run()

    assert isinstance(world.run(), Done)
