"""A live mail server reached by IMAP: TLS verified, logged in for any mailbox as the incident file states."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
import struct
from collections.abc import Callable

from imapclient import IMAPClient, SocketTimeout

from detectors.finding import Secret
from restore.errors import (
    MailboxMissing,
    MailBusy,
    MailLoginRefused,
    MailPasswordRefused,
    MailUnreachable,
)
from restore.model.incident import MailTarget
from restore.model.text import safe
from restore.systems.imap_errors import translated
from restore.systems.imap_login import log_in
from restore.systems.imap_session import ImapSession
from restore.systems.imap_wire import response_code
from restore.systems.pace import Pace
from restore.systems.throttle import Throttle

TRY_LATER = frozenset(("UNAVAILABLE", "SERVERBUG"))
BUSY = frozenset(("INUSE", "LIMIT"))

# imapclient logs every command at DEBUG, the login among them.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class ImapServer:
    """Satisfies MailServer. One connection a session; nothing is kept between sessions."""

    def __init__(
        self,
        target: MailTarget,
        secret: Secret | Callable[[str], Secret],
        bytes_per_second: float = 0,
    ) -> None:
        """`secret` is the master user's password, or gives what logs in for an address; what is appended goes out no
        faster than stated (0: no limit)."""
        self._throttle = Throttle(bytes_per_second)
        self._target = target
        self._secret_for = (lambda _: secret) if isinstance(secret, Secret) else secret
        self._known_good = False

    @property
    def name(self) -> str:
        """The target's name in the incident file."""
        return self._target.name

    def open(self, address: str) -> ImapSession:
        """Log in for that mailbox. Raises MailUnreachable, MailStalled, MailCertificateRefused,
        MailLoginRefused, MailPasswordRefused, MailboxMissing."""
        return ImapSession(self.name, lambda: self._connect(address), Pace(self._throttle))

    def _connect(self, address: str) -> IMAPClient:
        with translated(self.name, "connecting"):
            client = self._dial()
        try:
            with translated(self.name, f"logging in for {address}"):
                self._login(client, address)
        except BaseException:
            client.shutdown()
            raise
        self._known_good = True
        return client

    def _dial(self) -> IMAPClient:
        target = self._target
        timeout = SocketTimeout(target.timeout, target.timeout)
        if target.tls == "none" and not _is_loopback(target.host):
            raise MailLoginRefused(
                f"mail server {self.name}: tls = none is allowed on loopback only, and {target.host} is not",
                server=self.name,
            )
        if target.tls == "verify":
            client = IMAPClient(
                target.host, target.port, ssl=True, ssl_context=self._trust(), timeout=timeout
            )
        else:
            client = IMAPClient(target.host, target.port, ssl=False, timeout=timeout)
        _let_go_at_once(client.socket(), target.timeout)
        client._imap.debug = 0  # else imaplib formats every command for the log, the password too
        if target.tls == "starttls":
            client.starttls(self._trust())
        return client

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._target.ca or None)

    def _login(self, client: IMAPClient, address: str) -> None:
        target = self._target
        refused = log_in(client, target.login, target.master_user, address, self._secret_for(address))
        if refused:
            self._refused(address, refused)

    def _refused(self, address: str, words: str) -> None:
        target = self._target
        code = response_code(words)
        who = f"master user {target.master_user}" if target.login == "master" else f"login by {target.login}"
        said = f"mail server {self.name}, mailbox {safe(address)}, {who}: {safe(words, 300)}"
        if code in BUSY:
            raise MailBusy(said, server=self.name)
        if code in TRY_LATER:
            raise MailUnreachable(said, server=self.name)
        if target.login == "users" or target.credential.kind == "command":
            raise MailPasswordRefused(said)
        if code == "AUTHORIZATIONFAILED" or self._known_good:
            raise MailboxMissing(said) if target.login == "master" else MailPasswordRefused(said)
        raise MailLoginRefused(said, server=self.name)


def _let_go_at_once(connection: socket.socket, timeout: float) -> None:
    """Where this process is killed, or gives the connection up, bytes of an APPEND that wait in the kernel are dropped
    and the connection is reset: else they would be stored while a successor works. `timeout` in seconds: so long may
    they wait for a server that takes none (socket(7), tcp(7))."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(timeout * 1000))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
