"""The coordinator's socket: whom it listens to, and what a worker meets when the line or the coordinator breaks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detectors.finding import Secret
from restore.errors import CoordinatorGone, Fenced, RequestRefused
from restore.ledger import codec
from restore.ledger.journal import Journals
from restore.ledger.vault import Vault
from restore.model.mail import FolderCreated
from restore.request import LINE_LIMIT, DeskClient, pack, socket_path, workers_path
from restore.run.desk import DeskServer
from restore.run.leases import Leases

STEP = "mail/1"
BOX = "web1/anna@example.org"
RECORD = FolderCreated(("INBOX",))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def desk(state: Path, epoch: int = 1, lease: float = 30.0) -> DeskServer:
    server = DeskServer(state, epoch, Leases(epoch, lease), Vault.open(state, None), Journals(state))
    server.allow([STEP])
    return server


@pytest.fixture
def server(state: Path) -> Iterator[DeskServer]:
    with desk(state) as server:
        yield server


def say(path: Path, *lines: bytes) -> list[dict[str, Any]]:
    """What the desk replies to lines as they are, until it or we hang up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.connect(str(path))
        for text in lines:
            line.sendall(text)
        line.shutdown(socket.SHUT_WR)
        with line.makefile("rb") as replies:
            return [json.loads(reply) for reply in replies]


def request(**more: object) -> bytes:
    return pack({"op": "renew", "epoch": 1, "step": STEP, "worker": "w", "id": 1, **more})


def test_the_socket_is_for_its_owner_alone(server: DeskServer, state: Path) -> None:
    assert server.path.parent == state
    assert server.path.stat().st_mode & 0o777 == 0o600


def test_another_user_is_not_listened_to_even_if_he_can_reach_the_socket(
    server: DeskServer, state: Path
) -> None:
    for folder in (state, *state.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o011)
    server.path.chmod(0o666)
    stranger = (
        "import os, socket, sys; os.setgid(65534); os.setuid(65534);"
        "line = socket.socket(socket.AF_UNIX); line.connect(sys.argv[1]); line.sendall(sys.argv[2].encode());"
        "print(len(line.recv(100)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", stranger, str(server.path), request().decode()],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout == "0\n" or "Error: [Errno 32]" in done.stderr or "Error: [Errno 104]" in done.stderr
    assert say(server.path, request()) == [{"ok": None}]


@pytest.mark.parametrize(
    "line",
    [
        b"hello\n",
        b"[]\n",
        b"{}\n",
        b"\xff\n",
        request(op="format-disk"),
        request(step=7),
        request(epoch="1"),
        request(op="record", mailbox=BOX),
        request(op="record", mailbox=BOX, records=["no record"]),
        request(op="record", mailbox=BOX, records=[7]),
        request(op="record", mailbox=BOX, records=['{"$":"Nothing","note":""}']),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_and_the_desk_goes_on(
    server: DeskServer, line: bytes
) -> None:
    (reply,) = say(server.path, line)

    assert reply["error"]["code"] in ("request-refused", "record-unreadable")
    assert say(server.path, request()) == [{"ok": None}]
    server.allow([])


def test_a_line_without_an_end_is_cut_off_at_the_limit(server: DeskServer) -> None:
    with pytest.raises((BrokenPipeError, ConnectionResetError)):
        for _ in range(3):
            say(server.path, b"x" * (LINE_LIMIT + 2))
            raise BrokenPipeError
    assert say(server.path, request()) == [{"ok": None}]


def test_a_record_whose_answer_was_lost_and_is_sent_again_stands_once(server: DeskServer) -> None:
    line = request(op="record", mailbox=BOX, records=[codec.encode(RECORD)], id=3)
    say(server.path, line)
    say(server.path, line)
    say(server.path, request(op="record", mailbox=BOX, records=[codec.encode(RECORD)], id=4))

    assert len(DeskClientOf(server).journal()) == 2


class DeskClientOf:
    """A look at the journal by a worker of its own."""

    def __init__(self, server: DeskServer) -> None:
        self._server = server

    def journal(self) -> list[dict[str, Any]]:
        replies = say(self._server.path, request(op="journal", mailbox=BOX))
        return [record for reply in replies[:-1] for record in reply["part"]]


def test_a_worker_whose_line_broke_connects_anew(state: Path) -> None:
    with desk(state) as server:
        client = DeskClient(server.path, 1)
        client.record(STEP, BOX, [RECORD])
    with desk(state) as server:
        client.record(STEP, BOX, [RECORD])
        assert client.journal(STEP, BOX) == (RECORD, RECORD)
        client.close()


def test_a_journal_longer_than_a_line_may_be_comes_whole(server: DeskServer) -> None:
    client = DeskClient(server.path, 1)
    records = [FolderCreated(("x" * 1000, str(number))) for number in range(6000)]
    for start in range(0, 6000, 1000):
        client.record(STEP, BOX, records[start : start + 1000])

    assert list(client.journal(STEP, BOX)) == records
    client.close()


def test_a_record_above_the_limit_is_refused_by_the_worker_itself(server: DeskServer) -> None:
    client = DeskClient(server.path, 1)
    with pytest.raises(RequestRefused):
        client.record(STEP, BOX, [FolderCreated(("x" * LINE_LIMIT,))])

    client.renew(STEP)
    client.close()


def test_a_coordinator_that_has_ended_is_said_at_once(state: Path) -> None:
    with desk(state) as server:
        client = DeskClient(server.path, 1)
        client.renew(STEP)
    with pytest.raises(CoordinatorGone):
        client.renew(STEP)
    client.close()


def test_a_coordinator_that_does_not_answer_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as mute:
        mute.bind(str(tmp_path / "desk.sock"))
        mute.listen()

        with pytest.raises(CoordinatorGone, match="no answer"):
            DeskClient(tmp_path / "desk.sock", 1, timeout=0.1).renew(STEP)


def test_a_state_folder_with_a_long_name_has_its_socket_under_run(tmp_path: Path) -> None:
    state = tmp_path / ("long" * 25)
    with desk(state) as server:
        client = DeskClient(socket_path(state), 1)
        client.renew(STEP)
        client.close()
        assert len(os.fsencode(server.path)) <= 107 and server.path.parent.stat().st_mode & 0o777 == 0o700
        folder = server.path.parent
    workers_path(server.path, 1).unlink()
    folder.rmdir()


def test_many_workers_at_once_are_all_answered(server: DeskServer) -> None:
    steps = [f"box/{number}" for number in range(16)]
    server.allow(steps)

    def work(step: str) -> None:
        client = DeskClient(server.path, 1)
        for _ in range(10):
            client.record(step, step, [RECORD])
        client.close()

    threads = [threading.Thread(target=work, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    counts = [
        len(say(server.path, request(op="journal", step=STEP, mailbox=step))[0]["part"]) for step in steps
    ]
    assert counts == [10] * 16


WORKER = """
import sys
from pathlib import Path
from restore.request import DeskClient
DeskClient(Path(sys.argv[1]), 1).renew("mail/1")
print("holding", flush=True)
sys.stdin.read()
"""


def test_a_new_coordinator_gives_nothing_out_while_an_old_worker_may_still_act(state: Path) -> None:
    with desk(state) as old, _worker(old.path) as worker:
        old_path = old.path
        begun = time.monotonic()
        with desk(state, epoch=2, lease=0.5) as new:
            waited = time.monotonic() - begun
            with pytest.raises(Fenced):
                DeskClient(new.path, 1).renew(STEP)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()

    assert waited >= 0.5
    assert not workers_path(old_path, 1).exists()


def test_a_new_coordinator_does_not_wait_where_all_old_workers_are_dead(state: Path) -> None:
    with desk(state) as old, _worker(old.path) as worker:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()

    with desk(state, epoch=2, lease=1e9) as new:
        client = DeskClient(new.path, 2)
        client.renew(STEP)
        client.close()


def _worker(path: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WORKER, str(path)]
    worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert worker.stdout is not None
    assert worker.stdout.readline() == "holding\n"
    return worker


def test_no_secret_shows_in_an_error_of_the_desk(server: DeskServer) -> None:
    client = DeskClient(server.path, 1)
    with pytest.raises(Fenced) as said:
        client.put_secret("mail/unknown", "verifier", Secret(b"hunter2"))
    client.close()

    assert "hunter2" not in f"{said.value!r} {said.value.__cause__!r} {client!r} {server!r}"
