"""Logging in for one mailbox, in the way the incident file states: master user, own password, or OAuth 2.0 token.

master: SASL PLAIN with an authorization identity (RFC 4616), else LOGIN with Dovecot's separator.
xoauth2: https://developers.google.com/workspace/gmail/imap/xoauth2-protocol oauthbearer: RFC 7628.
"""

from __future__ import annotations

from collections.abc import Callable

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from detectors.finding import Secret
from restore.systems.imap_wire import response_code

NOT_OFFERED = "the server does not offer AUTH={}"


def log_in(client: IMAPClient, way: str, master: str, address: str, secret: Secret) -> str:
    """Log in for `address`; `way` is one of model.incident.LOGINS. "", or the server's words where it refuses."""
    if way == "master":
        return _as_master(client, master, address, secret)
    if way == "users":
        return _as_user(client, address, secret)
    return _with_token(client, way, address, secret)


def _as_master(client: IMAPClient, master: str, address: str, secret: Secret) -> str:
    refused = NOT_OFFERED.format("PLAIN")
    if client.has_capability("AUTH=PLAIN"):
        refused = _plain(client, address.encode(), master.encode(), secret)
        if response_code(refused) != "AUTHENTICATIONFAILED":
            return refused
    return _try(lambda: client.login(f"{address}*{master}", secret.reveal().decode("ascii", "replace")))


def _as_user(client: IMAPClient, address: str, secret: Secret) -> str:
    if client.has_capability("AUTH=PLAIN"):
        return _plain(client, b"", address.encode(), secret)
    return _try(lambda: client.login(address, secret.reveal().decode("ascii", "replace")))


def _plain(client: IMAPClient, authorized: bytes, user: bytes, secret: Secret) -> str:
    answer = b"\0".join((authorized, user, secret.reveal()))
    return _try(lambda: client.sasl_login("PLAIN", lambda _: answer))


def _with_token(client: IMAPClient, way: str, address: str, secret: Secret) -> str:
    mechanism = way.upper()
    if not client.has_capability(f"AUTH={mechanism}"):
        return NOT_OFFERED.format(mechanism)
    if way == "xoauth2":
        head, end = b"user=" + address.encode(), b""
    else:
        name = address.replace("=", "=3D").replace(",", "=2C").encode()
        head, end = b"n,a=%s," % name, b"\1"
    answers = iter([b"%s\1auth=Bearer %s\1\1" % (head, secret.reveal())])
    # A refusal comes as a challenge that states why; its answer means nothing.
    return _try(lambda: client.sasl_login(mechanism, lambda _: next(answers, end)))


def _try(attempt: Callable[[], object]) -> str:
    """ "" where it succeeds, else the server's words; raises the lost connection that imapclient tells as a failed
    login."""
    try:
        attempt()
        return ""
    except IMAPClientError as error:
        if isinstance(error.__context__, IMAPClientAbortError):
            raise error.__context__ from None
        # imaplib's words are bytes, and imapclient shows their repr.
        said = error.__context__.args[0] if error.__context__ and error.__context__.args else None
        return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(error)
