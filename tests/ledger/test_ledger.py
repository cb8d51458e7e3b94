"""The ledger keeps everything it acknowledged, and nothing can be taken out of it or changed unseen."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from restore.errors import (
    Fenced,
    ItemUnknown,
    LedgerDamaged,
    LedgerMissing,
    RecordUnreadable,
    StateUnsafe,
    StateUnwritable,
)
from restore.ledger.chain import Head, keep_copy, read_copies
from restore.ledger.events import (
    Answered,
    Asked,
    Drained,
    Event,
    RunEnded,
    RunStarted,
    Settled,
    Started,
    Undone,
)
from restore.ledger.ledger import Ledger
from restore.ledger.reading import Filter, Reading, Tally
from restore.ledger.store import NAME
from restore.model.facts import Nothing
from restore.model.mail import MailboxId
from restore.model.outcome import (
    Abandoned,
    Answer,
    Done,
    Failed,
    Manual,
    ManualItem,
    Partial,
    Scope,
    Unchanged,
)
from restore.model.plan import Job, Rest, RestoreMailbox, Step
from tests.ledger.conftest import ANN, BOB

FAILED = Failed("s", "mail-refused", Scope.JOB, "no", "read the server's words")
ITEM = ManualItem("i1", "live-differs", "anna", "web1/mailbox/a@example.org", "Which?")


def job(key: str, customer: str = "anna") -> Job:
    work = RestoreMailbox(MailboxId("web1", "a@example.org"), customer, "night", b"mail", "imap")
    return Job(key, "mail", customer, (Step(key, work),))


def write(state: Path, *events: Event, epoch: int = 1) -> Head:
    with Ledger.open(state, ANN, epoch) as ledger:
        ledger.append_all(events)
        return ledger.head


def test_what_was_recorded_is_read_back_with_who_when_and_what_it_was_about(state: Path) -> None:
    before = datetime.now(UTC)
    with Ledger.open(state, ANN, 3) as ledger, Reading.open(state) as reading:
        ledger.about(job("mail/1", "ann\udce9"))
        ledger.append_all([Started("mail/1")])
        ledger.append_all([Done("mail/1", Nothing("ok"))], by=BOB)
        start, end = reading.events()

    assert (start.event, end.event) == (Started("mail/1"), Done("mail/1", Nothing("ok")))
    assert (start.operator, end.operator) == (ANN, BOB)
    assert (end.epoch, end.job, end.work, end.customer) == (3, "mail/1", "mail", "ann\udce9")
    assert end.subject == "web1/mailbox/a@example.org"
    assert before <= start.at <= end.at <= datetime.now(UTC)


@pytest.mark.parametrize(
    ("events", "stands"),
    [
        ([Started("s")], False),
        ([Done("s", Nothing())], True),
        ([Unchanged("s", Nothing())], True),
        ([Partial("s", Nothing(), ("a: b",))], False),
        ([FAILED], False),
        ([FAILED, Done("s", Nothing())], True),
        ([Done("s", Nothing()), FAILED], False),
        ([Done("s", Nothing()), Started("s")], False),
        ([Done("s", Nothing()), Abandoned("s", "drained")], True),
        ([Done("s", Nothing()), Undone("s")], False),
        ([Done("s", Nothing()), Undone("s"), Unchanged("s", Nothing())], True),
    ],
)
def test_a_step_stands_done_by_its_latest_end(state: Path, events: list[Event], stands: bool) -> None:
    write(state, *events)

    with Ledger.open(state, ANN, 2) as ledger:
        assert ("s" in ledger.done()) is stands


@pytest.mark.parametrize(
    "key", ["db/\udce9", "db/\\udce9", "db/\\\\udce9", "db/\\", "db/\ud83d\ude00", "db/\0x"]
)
def test_no_two_names_are_taken_for_one_however_a_tenant_spells_them(state: Path, key: str) -> None:
    names = [
        "db/\udce9",
        "db/\\udce9",
        "db/\\\\udce9",
        "db/\\",
        "db/\ud83d\ude00",
        "db/\U0001f600",
        "db/",
        "db/\0x",
        "db/\0",
    ]
    write(state, Done(key, Nothing()))

    with Ledger.open(state, ANN, 2) as ledger, Reading.open(state) as reading:
        assert [name for name in names if name in ledger.done()] == [key]
        assert list(ledger.done()) == [record.key for record in reading.events(Filter(key=key))] == [key]


def test_facts_of_done_steps_are_there_in_the_next_run(state: Path) -> None:
    write(state, Done("a", Nothing("1")), Done("b", Nothing("2")), FAILED)

    with Ledger.open(state, ANN, 2) as ledger:
        assert dict(ledger.done()) == {"a": Done("a", Nothing("1")), "b": Done("b", Nothing("2"))}


def test_what_was_done_in_part_stands_where_it_is_asked_for_by_the_beginning_of_its_key(state: Path) -> None:
    load, mail = Partial("load/a", Nothing("1"), ("a view",)), Partial("mail/a", Nothing("2"), ("a mail",))
    write(state, load, mail)

    with Ledger.open(state, ANN, 2) as ledger:
        assert (dict(ledger.done()), dict(ledger.done(in_part=("load/",)))) == ({}, {"load/a": load})
        assert ledger.facts(("load/",)) == (load.fact,)


def test_what_stands_done_is_remembered_by_the_beginning_of_its_key_oldest_first(state: Path) -> None:
    facts = [Nothing(str(number)) for number in range(4)]
    keys = ("switch/b", "look/a", "load/a", "switch/a")
    write(state, *(Done(key, fact) for key, fact in zip(keys, facts, strict=True)), Undone("switch/a"))

    with Ledger.open(state, ANN, 1) as ledger:
        assert ledger.facts(("switch/", "load/")) == (facts[0], facts[2])


@pytest.mark.parametrize(
    "attempt",
    [
        "UPDATE event SET operator = 'nobody'",
        "DELETE FROM event",
        "DELETE FROM event WHERE seq = 2",
        "INSERT OR REPLACE INTO event SELECT 1, at, epoch, kind, 'other', job, work, customer, subject, operator,"
        " origin, uid, pid, host, body, hash FROM event WHERE seq = 2",
        "INSERT INTO event SELECT seq + 7, at, epoch, kind, key, job, work, customer, subject, operator, origin,"
        " uid, pid, host, body, hash FROM event WHERE seq = 2",
    ],
)
def test_events_are_only_ever_added(state: Path, attempt: str) -> None:
    write(state, Started("a"), Started("b"))
    with sqlite3.connect(state / NAME) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(attempt)

    with Reading.open(state) as reading:
        assert [record.key for record in reading.events()] == ["a", "b"]


def tamper(state: Path, statement: str) -> None:
    with sqlite3.connect(state / NAME) as connection:
        for trigger in ("event_never_changed", "event_never_deleted", "event_in_order"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.executescript(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET operator = 'nobody' WHERE seq = 2",
        "UPDATE event SET body = replace(body, 'b', 'x') WHERE seq = 2",
        "UPDATE event SET at = '2020-01-01T00:00:00.000000Z' WHERE seq = 1",
        "DELETE FROM event WHERE seq = 2",
        "UPDATE event SET hash = zeroblob(32) WHERE seq = 3",
    ],
)
def test_a_changed_past_shows(state: Path, statement: str) -> None:
    write(state, Started("a"), Started("b"), Started("c"))
    tamper(state, statement)

    with Reading.open(state) as reading, pytest.raises(LedgerDamaged):
        reading.verify_chain()


def test_a_cut_end_shows_against_a_copy_of_the_head_alone(state: Path) -> None:
    head = write(state, Started("a"), Started("b"), Started("c"))
    tamper(
        state, "DELETE FROM event WHERE seq = 3; DELETE FROM step WHERE seq = 3; UPDATE tally SET steps = 2"
    )

    with Reading.open(state) as reading:
        assert reading.verify_chain().seq == 2
        with pytest.raises(LedgerDamaged, match="has 3 events, it ends at 2: it was cut"):
            reading.verify_chain(head)


def test_a_ledger_written_anew_shows_against_a_copy_of_the_head(state: Path, tmp_path: Path) -> None:
    head = write(state, Started("a"), Started("b"))
    write(tmp_path / "forged", Started("a"), Started("x"), Started("c"))

    with Reading.open(tmp_path / "forged") as reading, pytest.raises(LedgerDamaged, match="rewritten"):
        reading.verify_chain(head)


def test_a_copy_of_the_head_holds_while_the_ledger_grows(state: Path) -> None:
    head = write(state, Started("a"), Started("b"))
    later = write(state, Done("a", Nothing()), epoch=2)

    with Reading.open(state) as reading:
        assert reading.verify_chain(head) == later


def test_copies_of_the_head_kept_in_a_file_are_held_against_the_ledger(state: Path, tmp_path: Path) -> None:
    for number in range(3):
        keep_copy(tmp_path / "heads", write(state, Started(f"s{number}")))
    copies = read_copies(tmp_path / "heads", "night")

    assert [copy.seq for copy in copies] == [1, 2, 3]
    with Reading.open(state) as reading:
        assert reading.verify_chain(*copies) == copies[-1]
        with pytest.raises(LedgerDamaged):
            reading.verify_chain(Head(2, "0" * 64))


@pytest.mark.parametrize("text", ["", "3", "3:abc", "x:" + "0" * 64])
def test_a_copy_of_the_head_that_is_none_is_said(tmp_path: Path, text: str) -> None:
    (tmp_path / "heads").write_text(f"{text}\n")

    with pytest.raises(RecordUnreadable):
        read_copies(tmp_path / "heads", "night")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE step SET kind = 'done' WHERE key = 's'",
        "DELETE FROM step",
        "UPDATE tally SET steps = 7",
        "INSERT INTO tally VALUES ('mail', 'done', 100)",
    ],
)
def test_sums_that_are_not_what_the_events_say_show(state: Path, statement: str) -> None:
    write(state, Started("s"), FAILED, Started("t"), Done("t", Nothing()), Abandoned("t", "drained"))
    with Reading.open(state) as reading:
        reading.verify_chain()
    with sqlite3.connect(state / NAME) as connection:
        connection.execute(statement)

    with Reading.open(state) as reading, pytest.raises(LedgerDamaged):
        reading.verify_chain()


def test_on_a_full_disk_it_says_so_keeps_what_it_has_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k,mode=700", "none", state], check=True)
    try:
        with Ledger.open(state, ANN, 1) as ledger:
            acknowledged = 0
            with pytest.raises(StateUnwritable, match="full"):
                while True:
                    ledger.append_all([Started(f"{acknowledged}.{part}") for part in range(20)])
                    acknowledged += 1
            subprocess.run(["mount", "-o", "remount,size=4m", state], check=True)
            ledger.append_all([Started("after")])
        with Reading.open(state) as reading:
            keys = [record.key for record in reading.events()]
            reading.verify_chain()
    finally:
        subprocess.run(["umount", state], check=True)

    assert keys == [*(f"{batch}.{part}" for batch in range(acknowledged) for part in range(20)), "after"]


def test_an_earlier_coordinator_that_wakes_up_records_nothing_more(state: Path) -> None:
    with Ledger.open(state, ANN, 1) as sleeper:
        sleeper.append_all([Started("a")])
        write(state, Started("b"), epoch=2)

        with pytest.raises(Fenced):
            sleeper.append_all([Done("a", Nothing())])
    with pytest.raises(Fenced):
        Ledger.open(state, ANN, 1)


def test_a_batch_with_a_mistake_in_it_records_nothing_and_the_ledger_goes_on(state: Path) -> None:
    answer = Answered(Answer("no-such-item", "", "keep"))
    with Ledger.open(state, ANN, 1) as ledger, Reading.open(state) as reading:
        with pytest.raises(ItemUnknown):
            ledger.append_all([Asked(ITEM), Started("a"), answer])
        ledger.append_all([Asked(ITEM)])

        assert [record.event for record in reading.events()] == [Asked(ITEM)]
        assert reading.verify_chain() == ledger.head


def test_a_file_or_folder_that_others_can_enter_is_refused(state: Path) -> None:
    state.mkdir(mode=0o755)

    with pytest.raises(StateUnsafe, match="mode 0755"):
        Ledger.open(state, ANN, 1)


def test_the_ledger_is_for_its_owner_alone(state: Path) -> None:
    with Ledger.open(state, ANN, 1) as ledger:
        ledger.append_all([Started("a")])

        assert state.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in state.iterdir()} == {0o600}


def test_a_state_folder_without_a_ledger_is_said(tmp_path: Path) -> None:
    with pytest.raises(LedgerMissing):
        Reading.open(tmp_path)


@pytest.mark.parametrize("statement", ["", "PRAGMA journal_mode = WAL"])
def test_a_ledger_whose_making_was_killed_is_not_there_yet_and_is_made_by_the_next_run(
    state: Path, statement: str
) -> None:
    state.mkdir(mode=0o700)
    (state / NAME).touch(mode=0o600)
    connection = sqlite3.connect(state / NAME)
    connection.execute(statement)
    connection.close()

    with pytest.raises(LedgerMissing):
        Reading.open(state)
    assert write(state, Started("a")).seq == 1


def test_after_a_power_cut_the_log_beside_the_ledger_is_read_too(state: Path, tmp_path: Path) -> None:
    after = tmp_path / "after"
    after.mkdir(mode=0o700)
    with Ledger.open(state, ANN, 1) as ledger:
        ledger.append_all([Started("a")])
        for name in (NAME, f"{NAME}-wal"):
            shutil.copy(state / name, after)

    with Reading.open(after) as reading:
        assert [record.key for record in reading.events()] == ["a"]
    assert write(after, Started("b"), epoch=2).seq == 2


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be read as one" * 20, b"\0" * 4096]
)
def test_a_file_that_is_no_ledger_is_refused_for_reading(state: Path, content: bytes) -> None:
    state.mkdir(mode=0o700)
    (state / NAME).write_bytes(content)

    with pytest.raises(LedgerDamaged):
        Reading.open(state)


def test_readers_see_whole_commits_while_the_writer_goes_on(state: Path) -> None:
    with Ledger.open(state, ANN, 1) as ledger, Reading.open(state) as one, Reading.open(state) as two:
        ledger.append_all(Started(f"s{number}") for number in range(50))
        slow = one.events()
        next(slow)
        ledger.append_all(Done(f"s{number}", Nothing()) for number in range(50))

        assert len(list(slow)) == 49
        assert two.tallies() == (Tally("", "done", 50),)
        assert len(list(one.events())) == 100


def test_status_says_which_run_it_was_and_how_it_ended(state: Path) -> None:
    write(state, RunStarted("aa", "run"), RunEnded("all done"))
    write(state, RunStarted("bb", "run --only mail"), Drained("lunch"), epoch=2)
    with Reading.open(state) as reading:
        running = reading.run()
    write(state, RunEnded("drained"), epoch=2)
    with Reading.open(state) as reading:
        ended = reading.run()

    assert running is not None and ended is not None
    assert (running.epoch, running.event, running.ended) == (2, RunStarted("bb", "run --only mail"), None)
    assert (ended.because, ended.ended) == ("drained", ended.latest)


def test_tallies_count_each_step_where_it_stands_now(state: Path) -> None:
    with Ledger.open(state, ANN, 1) as ledger, Reading.open(state) as reading:
        for key in ("m1", "m2", "m3"):
            ledger.about(job(key))
        ledger.about(Job("d1", "database", "anna", (Step("d1", Rest()),)))
        ledger.append_all(Started(key) for key in ("m1", "m2", "m3", "d1"))
        ledger.append_all(
            [Done("m1", Nothing()), Failed("m2", "c", Scope.STEP, "m", "h"), Unchanged("d1", Nothing())]
        )
        ledger.append_all([Abandoned("m1", "drained"), Started("m2"), Done("m2", Nothing())])

        assert reading.tallies() == (
            Tally("database", "unchanged", 1),
            Tally("mail", "done", 2),
            Tally("mail", "started", 1),
        )


def test_failures_that_were_mended_are_not_shown(state: Path) -> None:
    write(state, FAILED, Failed("t", "x", Scope.STEP, "m", "h"), Done("s", Nothing()))

    with Reading.open(state) as reading:
        assert [one.failed.key for one in reading.failures()] == ["t"]


def test_the_log_is_filtered_by_customer_operator_kind_and_time(state: Path) -> None:
    with Ledger.open(state, ANN, 1) as ledger, Reading.open(state) as reading:
        ledger.about(job("a", "anna"))
        ledger.about(job("b", "bert"))
        ledger.append_all([Started("a"), Started("b")])
        ledger.append_all([Done("a", Nothing()), Done("b", Nothing())], by=BOB)
        keys = {
            name: [(record.kind, record.key) for record in reading.events(which)]
            for name, which in {
                "customer": Filter(customer="anna"),
                "operator and kind": Filter(operator="bob", kinds=("done", "failed")),
                "newest": Filter(limit=1),
                "past": Filter(until=datetime.now(UTC) - timedelta(hours=1)),
                "since": Filter(since=datetime.now(UTC) - timedelta(hours=1), customer="bert"),
            }.items()
        }

    assert keys == {
        "customer": [("started", "a"), ("done", "a")],
        "operator and kind": [("done", "a"), ("done", "b")],
        "newest": [("done", "b")],
        "past": [],
        "since": [("started", "b"), ("done", "b")],
    }


def test_a_step_that_stops_at_a_question_asks_it_in_the_same_commit(state: Path) -> None:
    with Ledger.open(state, ANN, 1) as ledger, Reading.open(state) as reading:
        ledger.about(job("mail/1"))
        ledger.append_all([Manual("mail/1", (ITEM,))])
        ledger.append_all([Done("mail/1", Nothing())])

        assert [record.event for record in reading.events()] == [
            Manual("mail/1", (ITEM,)),
            Asked(ITEM, "mail/1", True),
            Done("mail/1", Nothing()),
            Settled("i1", "mail/1"),
        ]


WRITER = """
import sys
from pathlib import Path
from restore.ledger.ledger import Ledger
from restore.ledger.events import Started
from restore.model.operator import Operator
state, epoch, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
with Ledger.open(state, Operator("ann", "login", 0, 1, "h"), epoch) as ledger:
    for number in range(10**9):
        ledger.append_all(Started(f"{epoch}.{number}.{part}") for part in range(size))
        print(number, flush=True)
"""


@pytest.mark.parametrize("size", [1, 40])
def test_killed_at_any_moment_it_has_every_acknowledged_event_and_whole_commits_only(
    state: Path, size: int
) -> None:
    chance = Random(size)
    for epoch in range(1, 5):
        command = [sys.executable, "-c", WRITER, str(state), str(epoch), str(size)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randint(1, 40)):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        with Reading.open(state) as reading:
            reading.verify_chain()
            keys = [record.key for record in reading.events() if record.epoch == epoch]

        assert keys == [f"{epoch}.{number // size}.{number % size}" for number in range(len(keys))]
        assert len(keys) >= (acknowledged + 1) * size
        assert len(keys) % size == 0
