"""A live mail server reached by IMAP: TLS verified, logged in as the master user for any mailbox."""

from __future__ import annotations

import ipaddress
import logging
import ssl

from imapclient import IMAPClient, SocketTimeout
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from detectors.finding import Secret
from restore.errors import (
    MailboxMissing,
    MailLoginRefused,
    MailUnreachable,
)
from restore.model.incident import MailTarget
from restore.model.text import safe
from restore.systems.imap_errors import translated
from restore.systems.imap_session import ImapSession
from restore.systems.imap_wire import response_code

TRY_LATER = frozenset(("UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG"))

# imapclient logs every command at DEBUG, the login among them.
logging.getLogger("imapclient").setLevel(logging.WARNING)


class ImapServer:
    """Satisfies MailServer. One connection a session; nothing is kept between sessions."""

    def __init__(self, target: MailTarget, password: Secret) -> None:
        self._target = target
        self._password = password
        self._known_good = False

    @property
    def name(self) -> str:
        """The target's name in the incident file."""
        return self._target.name

    def open(self, address: str) -> ImapSession:
        """Log in for that mailbox. Raises MailUnreachable, MailStalled, MailCertificateRefused,
        MailLoginRefused, MailboxMissing."""
        return ImapSession(self.name, lambda: self._connect(address))

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
        client._imap.debug = 0  # else imaplib formats every command for the log, the password too
        if target.tls == "starttls":
            client.starttls(self._trust())
        return client

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self._target.ca or None)

    def _login(self, client: IMAPClient, address: str) -> None:
        master, password = self._target.master_user, self._password.reveal()
        refusals = []
        if client.has_capability("AUTH=PLAIN"):
            answer = b"\0".join((address.encode(), master.encode(), password))
            try:
                client.sasl_login("PLAIN", lambda _: answer)
                return
            except IMAPClientError as error:
                refusals.append(_refusal(error))
        if not refusals or response_code(refusals[0]) == "AUTHENTICATIONFAILED":
            try:
                client.login(f"{address}*{master}", password.decode("ascii", "replace"))
                return
            except IMAPClientError as error:
                refusals.append(_refusal(error))
        self._refused(address, refusals[-1])

    def _refused(self, address: str, words: str) -> None:
        code = response_code(words)
        said = f"mail server {self.name}, mailbox {safe(address)}, master user {self._target.master_user}: {words}"
        if code in TRY_LATER:
            raise MailUnreachable(said, server=self.name)
        if code == "AUTHORIZATIONFAILED" or self._known_good:
            raise MailboxMissing(said)
        raise MailLoginRefused(said, server=self.name)


def _refusal(error: IMAPClientError) -> str:
    """The server's words; raises the lost connection that imapclient tells as a failed login."""
    if isinstance(error.__context__, IMAPClientAbortError):
        raise error.__context__
    # imaplib's words are bytes, and imapclient shows their repr.
    said = error.__context__.args[0] if error.__context__ and error.__context__.args else None
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
