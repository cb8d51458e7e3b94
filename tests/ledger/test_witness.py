"""Copies of the ledger's head leave the coordinator while it writes: what was cut or rewritten later shows."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from restore.errors import HeadNotCopied, LedgerDamaged, RecordUnreadable
from restore.ledger.chain import Head, read_copies
from restore.ledger.events import Started
from restore.ledger.ledger import Ledger
from restore.ledger.reading import Reading
from restore.ledger.witness import EVERY_EVENTS, Witness, tell_syslog, told
from tests.ledger.conftest import ANN

HEAD = Head(7, "ab" * 32)
RFC_5424 = re.compile(r"<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ bulkrestore \d+ ledger-head - (.+)")


@pytest.fixture
def log(tmp_path: Path) -> Iterator[socket.socket]:
    """A system's log, listening as /dev/log does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "log"))
        yield listening


def write(state: Path, heads: str, syslog: str, commits: int, clock: list[float]) -> Head:
    with Ledger.open(state, ANN, 1) as ledger:
        witness = Witness("night", heads, syslog, lambda: ledger.head, lambda: clock[0])
        ledger.committed = witness.committed
        with witness:
            for number in range(commits):
                ledger.append_all([Started(f"s{number}")])
                clock[0] += 25.0
        return ledger.head


def test_a_head_goes_out_at_the_begin_while_it_grows_and_at_the_end(state: Path, tmp_path: Path) -> None:
    head = write(state, str(tmp_path / "heads"), "", 8, [0.0])

    copies = read_copies(tmp_path / "heads", "night")
    assert [one.seq for one in copies] == [0, 4, 7, 8]
    assert copies[-1] == head
    with Reading.open(state) as reading:
        assert reading.verify_chain(*copies) == head


def test_many_commits_in_no_time_send_a_head_too(state: Path, tmp_path: Path) -> None:
    with Ledger.open(state, ANN, 1) as ledger:
        witness = Witness("night", str(tmp_path / "heads"), "", lambda: ledger.head, lambda: 0.0)
        ledger.committed = witness.committed
        with witness:
            ledger.append_all([Started(f"s{number}") for number in range(EVERY_EVENTS)])

            assert [one.seq for one in read_copies(tmp_path / "heads", "night")] == [0, EVERY_EVENTS]


def test_a_system_log_gets_it_and_what_it_kept_proves_a_cut(
    state: Path, tmp_path: Path, log: socket.socket
) -> None:
    write(state, "", str(tmp_path / "log"), 8, [0.0])
    log.settimeout(60)
    lines = [log.recv(4096).decode("ascii") for _ in range(4)]
    other = told(HEAD, "another-night")
    (tmp_path / "messages").write_text("\n".join(["Nov 24 kernel: out of memory", *lines, other]) + "\n")

    assert [bool(RFC_5424.fullmatch(line)) for line in lines] == [True] * 4
    copies = read_copies(tmp_path / "messages", "night")
    assert [one.seq for one in copies] == [0, 4, 7, 8]
    with Ledger.open(tmp_path / "short", ANN, 1) as ledger, Reading.open(tmp_path / "short") as reading:
        ledger.append_all([Started("s0")])
        with pytest.raises(LedgerDamaged, match="it was cut"):
            reading.verify_chain(*copies[-1:])


def test_a_log_elsewhere_gets_it_by_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(60)
        tell_syslog(f"127.0.0.1:{listening.getsockname()[1]}", "night", HEAD)

        found = RFC_5424.fullmatch(listening.recv(4096).decode("ascii"))

    assert found and found[1] == f"ledger head {HEAD} of incident night"


def test_nothing_is_begun_where_no_copy_can_go(state: Path, tmp_path: Path) -> None:
    for heads, syslog in ((str(tmp_path / "none" / "heads"), ""), ("", str(tmp_path / "no-log"))):
        with pytest.raises(HeadNotCopied, match="head"):
            write(state, heads, syslog, 1, [0.0])

    with Reading.open(state) as reading:
        assert list(reading.events()) == []


def test_a_copy_that_fails_meanwhile_stops_nothing_and_is_said_at_the_end(
    state: Path, tmp_path: Path
) -> None:
    heads = tmp_path / "elsewhere" / "heads"
    heads.parent.mkdir()
    with Ledger.open(state, ANN, 1) as ledger:
        witness = Witness("night", str(heads), "", lambda: ledger.head, lambda: 100.0 * ledger.head.seq)
        ledger.committed = witness.committed
        with pytest.raises(HeadNotCopied), witness:
            heads.unlink()
            heads.parent.rmdir()
            ledger.append_all([Started("a")])
            ledger.append_all([Started("b")])

        assert ledger.head.seq == 2


def test_a_file_of_heads_that_was_tampered_with_is_no_copy(tmp_path: Path) -> None:
    (tmp_path / "heads").write_text(f"{HEAD}\n{str(HEAD)[:-1]}\n")

    with pytest.raises(RecordUnreadable):
        read_copies(tmp_path / "heads", "night")
