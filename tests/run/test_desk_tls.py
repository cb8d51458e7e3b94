"""The coordinator's TLS port: what a worker meets when the coordinator ends, and what a confused one hears."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from restore.errors import CoordinatorGone, DeskUnheard, Fenced
from restore.ledger.journal import Journals
from restore.ledger.vault import Vault
from restore.request import pack
from restore.run.certificates import Certificates, certificates_of, issue_cluster
from restore.run.desk import DeskServer
from restore.run.desk_tls import TlsDesk, context, open_tls
from restore.run.desk_tls_client import DeskAddress, TlsDeskClient
from restore.run.leases import Leases

STEP = "mail/1"


class Open:
    """A desk of epoch 2 at work, and a worker's certificates."""

    def __init__(self, folder: Path) -> None:
        issue_cluster(folder / "tls")
        self.worker = certificates_of(folder / "tls", "worker")
        self.how = TlsDesk(
            "127.0.0.1", 0, certificates_of(folder / "tls", "coordinator"), lambda: {"file:x": "pw"}
        )
        self._stack = ExitStack()
        state = folder / "state"
        self.server = DeskServer(state, 2, Leases(2), Vault.open(state, None), Journals(state))
        self._stack.enter_context(self.server)
        self.port = self._stack.enter_context(open_tls(self.server, 2, self.how))
        self.server.allow([STEP])

    def client(self, epoch: int = 2) -> TlsDeskClient:
        return TlsDeskClient(DeskAddress("127.0.0.1", self.port, epoch, 30), self.worker)

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Open]:
    made = Open(tmp_path)
    yield made
    made.close()


def say(port: int, files: Certificates, line: bytes) -> dict[str, Any]:
    """What the desk replies to one line."""
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context(files, ssl.Purpose.SERVER_AUTH).wrap_socket(plain) as talk,
    ):
        talk.sendall(line)
        with talk.makefile("rb") as replies:
            found: dict[str, Any] = json.loads(replies.readline())
            return found


def test_a_coordinator_that_ends_hangs_up_and_its_workers_know_at_once(desk: Open) -> None:
    client = desk.client()
    client.renew(STEP)

    desk.close()

    with pytest.raises(CoordinatorGone, match="the coordinator has ended"):
        client.renew(STEP)


def test_only_workers_of_this_epoch_are_given_passwords(desk: Open) -> None:
    assert desk.client().equipment() == {"file:x": "pw"}
    with pytest.raises(Fenced):
        desk.client(epoch=1).equipment()
    with pytest.raises(Fenced):
        desk.client(epoch=1).present([STEP])


@pytest.mark.parametrize(
    "line",
    [b"hello\n", b"[]\n", b'{"op":"ask","epoch":2}\n', b'{"op":"present","epoch":2}\n', pack({"op": "equipment"})],
)  # fmt: skip
def test_a_line_that_makes_no_sense_is_refused_and_the_desk_goes_on(desk: Open, line: bytes) -> None:
    assert say(desk.port, desk.worker, line)["error"]["code"] == "request-refused"
    desk.client().renew(STEP)
    desk.server.allow([])


def test_a_port_that_is_taken_is_said(desk: Open) -> None:
    taken = TlsDesk("127.0.0.1", desk.port, desk.how.files, dict)

    with pytest.raises(DeskUnheard, match="Address already in use"), open_tls(desk.server, 2, taken):
        pass
