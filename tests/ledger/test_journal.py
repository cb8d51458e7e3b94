"""A mail journal holds all that was acknowledged, forgives a line torn by a kill, and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from restore.errors import JournalDamaged, StateUnwritable
from restore.ledger.journal import Journals

MAILBOX = "web1/anna@example.org"
RECORDS = tuple(f'{{"$":"FolderCreated","folder":["INBOX","{number}"]}}' for number in range(5))


def written(state: Path) -> Path:
    journals = Journals(state)
    journals.append(MAILBOX, RECORDS[:2])
    journals.append(MAILBOX, RECORDS[2:])
    return journals.path(MAILBOX)


def test_records_come_back_in_order_in_the_next_run_and_go_on_there(state: Path) -> None:
    written(state)
    journals = Journals(state)
    journals.append(MAILBOX, RECORDS[:1])

    assert Journals(state).records(MAILBOX) == [*RECORDS, RECORDS[0]]


def test_a_mailbox_without_a_journal_has_no_records(state: Path) -> None:
    assert Journals(state).records(MAILBOX) == []


def test_a_journal_is_private_and_does_not_tell_its_mailbox_by_its_name(state: Path) -> None:
    path = written(state)

    assert path.stat().st_mode & 0o777 == 0o600
    assert "anna" not in path.name
    assert MAILBOX in path.read_text("ascii").splitlines()[0]


def test_wherever_a_kill_tore_the_last_line_the_rest_counts_and_the_torn_part_is_kept_aside(
    state: Path,
) -> None:
    path = written(state)
    content = path.read_bytes()
    last = content[:-1].rfind(b"\n") + 1
    for end in range(last + 1, len(content)):
        path.write_bytes(content[:end])
        aside = path.with_name(f"{path.name}.torn")
        aside.unlink(missing_ok=True)
        journals = Journals(state)
        records = journals.records(MAILBOX)
        journals.append(MAILBOX, RECORDS[4:])

        assert records == list(RECORDS[:4])
        assert (path.read_bytes(), aside.read_bytes()) == (content, content[last:end] + b"\n")


def test_a_header_torn_at_the_very_first_write_is_written_anew(state: Path) -> None:
    path = written(state)
    path.write_bytes(path.read_bytes()[:20])
    journals = Journals(state)
    journals.append(MAILBOX, RECORDS)

    assert Journals(state).records(MAILBOX) == list(RECORDS)


def test_any_other_damage_is_said_and_nothing_is_appended(state: Path) -> None:
    path = written(state)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    damages = {
        "a line lost": b"".join(lines[:2] + lines[3:]),
        "a line twice": b"".join([*lines[:3], lines[2], *lines[3:]]),
        "two lines swapped": b"".join([*lines[:2], lines[3], lines[2], *lines[4:]]),
        "no header": b"".join(lines[1:]),
        "zeros": content[:-30] + bytes(29) + b"\n",
        **{f"bit {bit}": flipped(content, bit) for bit in range(0, (len(content) - 1) * 8, 97)},
    }
    for damage, bad in damages.items():
        path.write_bytes(bad)
        with pytest.raises(JournalDamaged):
            Journals(state).append(MAILBOX, RECORDS)
        assert path.read_bytes() == bad, damage


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_the_journal_of_another_mailbox_under_this_ones_name_is_refused(state: Path) -> None:
    path = written(state)
    path.rename(Journals(state).path("web2/anna@example.org"))

    with pytest.raises(JournalDamaged, match="is not that of web2"):
        Journals(state).records("web2/anna@example.org")


def test_a_second_writer_is_noticed(state: Path) -> None:
    written(state)
    one, two = Journals(state), Journals(state)
    one.records(MAILBOX)
    two.append(MAILBOX, RECORDS)

    with pytest.raises(JournalDamaged, match="somebody else"):
        one.append(MAILBOX, RECORDS)


def test_on_a_full_disk_it_says_so_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "none", state], check=True)
    try:
        journals = Journals(state)
        written = 0
        with pytest.raises(StateUnwritable, match="No space"):
            while True:
                journals.append(MAILBOX, [f'{{"n":{written},"pad":"{"x" * 5000}"}}'])
                written += 1
        subprocess.run(["mount", "-o", "remount,size=1m", state], check=True)
        journals.append(MAILBOX, RECORDS)
        records = Journals(state).records(MAILBOX)
    finally:
        subprocess.run(["umount", state], check=True)

    assert [record[:10] for record in records[:-5]] == [
        f'{{"n":{number},"pad'[:10] for number in range(written)
    ]
    assert records[-5:] == list(RECORDS)


WRITER = """
import sys
from pathlib import Path
from restore.ledger.journal import Journals
journals = Journals(Path(sys.argv[1]))
number = len(journals.records("box"))
while True:
    journals.append("box", [f'{{"n":{number + part},"pad":"{"x" * 5000}"}}' for part in range(10)])
    number += 10
    print(number, flush=True)
"""


def test_killed_at_any_moment_every_acknowledged_record_is_there(state: Path) -> None:
    chance = Random(7)
    for _ in range(5):
        command = [sys.executable, "-c", WRITER, str(state)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(chance.randint(1, 30)):
                acknowledged = int(writer.stdout.readline())
            os.kill(writer.pid, signal.SIGKILL)
            acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
        records = Journals(state).records("box")

        assert len(records) >= acknowledged
        assert all(record.startswith(f'{{"n":{number},') for number, record in enumerate(records))
