"""What a worker had not yet sent when it was killed, or gave up, is not stored later, while its successor works."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import pytest

from detectors.finding import Secret
from fixtures.servers.dovecot import PrivateDovecot
from restore.errors import MailStalled, MailUnreachable
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import INBOX, NewMessage
from restore.systems.imap import ImapServer
from restore.systems.imap_session import ImapSession
from tests.live.program import wait_for

SMALL = NewMessage(b"Subject: small\r\n\r\n", 1_600_000_000, frozenset())
SO_SNDBUFFORCE = 32  # socket(7); Python does not name it
BIG = NewMessage(b"Subject: big\r\n\r\n" + b"a line of mail\r\n" * 20_000, 1_600_000_000, frozenset())


def _hold_much(connection: socket.socket) -> None:
    """So that the kernel takes the whole batch though the server takes little of it."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 16 << 20)
    except PermissionError:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 << 20)


class Batch(Sequence[NewMessage]):
    """Two messages; `between` is called when the server has asked for the first."""

    def __init__(self, between: Callable[[], object]) -> None:
        self._between = between
        self._looks = 0

    def __len__(self) -> int:
        return 2

    def __getitem__(self, place: int) -> NewMessage:  # type: ignore[override]
        self._looks += place == 1
        if place == 1 and self._looks == 2:  # the first look counts bytes, the second one sends
            self._between()
        return (SMALL, BIG)[range(2)[place]]


@pytest.fixture(scope="module")
def dovecot() -> Iterator[PrivateDovecot]:
    with PrivateDovecot({"anna@x.test": "pw"}) as server:
        yield server


def as_killed(session: ImapSession) -> None:
    """What the kernel does to a killed process's connection: its descriptor is closed, nothing else."""
    os.close(session._client.socket().detach())
    session._client._imap.file.detach()


@pytest.mark.parametrize(("end", "tls"), [(as_killed, "none"), (ImapSession.close, "verify")])
def test_bytes_that_a_stopped_server_had_not_taken_are_never_stored(
    dovecot: PrivateDovecot, tls: str, end: Callable[[ImapSession], None]
) -> None:
    port = dovecot.imaps_port if tls == "verify" else dovecot.port
    target = MailTarget("live", "127.0.0.1", port, tls, str(dovecot.ca), "master", SecretRef("env", "X"))
    password = Secret(dovecot.master_password.encode())
    session = ImapServer(target, password).open("anna@x.test")
    session.state(INBOX)
    _hold_much(session._client.socket())
    sent: list[str] = []
    with ExitStack() as stopped:

        def stop() -> None:
            stopped.enter_context(dovecot.stop_cont())
            session._client.socket().settimeout(1)

        batch = Batch(stop)
        with pytest.raises((MailStalled, MailUnreachable)):
            session.append(INBOX, batch, lambda: sent.append("all but the end"))
        end(session)
    wait_for(lambda: "anna@x.test" not in dovecot.doveadm("who"), "the server to let go of the connection")

    later = ImapServer(target, password).open("anna@x.test")
    assert (sent, later.state(INBOX).messages) == (["all but the end"], 0)
    later.close()


def test_a_connection_that_ends_well_is_still_ended_by_the_server(dovecot: PrivateDovecot) -> None:
    target = MailTarget("live", "127.0.0.1", dovecot.port, "none", "", "master", SecretRef("env", "X"))
    session = ImapServer(target, Secret(dovecot.master_password.encode())).open("anna@x.test")
    connection = session._client.socket()
    wait = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    session.close()

    wait_for(lambda: "anna@x.test" not in dovecot.doveadm("who"), "the server to end the connection")
    assert wait == 60_000
