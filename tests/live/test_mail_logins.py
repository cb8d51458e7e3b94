"""A live mail server is logged in to as the incident file says: by tokens, or by each mailbox's own password."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.finding import Secret
from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from fixtures.servers.folder import fresh_folder
from restore.errors import MailLoginRefused, MailPasswordRefused, SecretMissing
from restore.incident.secrets import password_of, token
from restore.model.incident import MailTarget, SecretRef
from restore.model.mail import INBOX
from restore.systems.imap import ImapServer
from tests.live.mailroom import NO_PENALTY

KEY = b"a key that the mail server shares with whoever signs tokens"
OAUTH2 = """auth_mechanisms = plain xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = %(folder)s/oauth2.conf
}
""" + NO_PENALTY  # fmt: skip


def signed(address: str, key: bytes = KEY, seconds: int = 600) -> str:
    """A JSON Web Token (RFC 7519), HS256."""
    now = int(time.time())
    claims = {"email": address, "sub": address, "iat": now - 10, "nbf": now - 10, "exp": now + seconds}
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "typ": "JWT"}, claims)
    ]
    text = b".".join(parts)
    return (
        text + b"." + base64.urlsafe_b64encode(hmac.digest(key, text, hashlib.sha256)).rstrip(b"=")
    ).decode()


@pytest.fixture(scope="module")
def dovecot() -> Iterator[PrivateDovecot]:
    with fresh_folder("tokens") as folder:  # the server reads it as a user of its own
        keys = folder / "keys" / "default" / "HS256"
        keys.mkdir(parents=True)
        (keys / "default").write_bytes(base64.b64encode(KEY))
        (folder / "oauth2.conf").write_text(
            f"introspection_mode = local\nlocal_validation_key_dict = fs:posix:prefix={folder}/keys/\n"
        )
        options = DovecotOptions(extra=OAUTH2 % {"folder": folder})
        with PrivateDovecot({"anna@x.test": "anna's own", "bert@x.test": "pw"}, options=options) as server:
            yield server


def server(dovecot: PrivateDovecot, login: str, credential: SecretRef) -> ImapServer:
    target = MailTarget(
        "live", "127.0.0.1", dovecot.imaps_port, "verify", str(dovecot.ca), "", SecretRef("", ""), timeout=20,
        login=login, credential=credential,
    )  # fmt: skip
    return ImapServer(target, lambda address: token(credential, address))


@pytest.mark.parametrize("login", ["xoauth2", "oauthbearer"])
def test_a_command_gives_the_token_of_each_mailbox(
    dovecot: PrivateDovecot, tmp_path: Path, login: str
) -> None:
    for user in ("anna", "bert"):
        (tmp_path / f"{user}@x.test").write_text(signed(f"{user}@x.test") + "\n")
    live = server(dovecot, login, SecretRef("command", f"/bin/cat '{tmp_path}/{{address}}'"))
    for user in ("anna", "bert"):
        session = live.open(f"{user}@x.test")
        assert session.state(INBOX).messages == 0
        session.close()

    (tmp_path / "anna@x.test").write_text(signed("bert@x.test"))
    with pytest.raises(MailPasswordRefused):
        live.open("anna@x.test")
    with pytest.raises(SecretMissing):
        live.open("carl@x.test")


@pytest.mark.parametrize("login", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize(
    "wrong", [signed("anna@x.test", b"another key"), signed("anna@x.test", seconds=-5), "no token"]
)
def test_a_token_that_the_server_refuses_is_said_and_shown_nowhere(
    dovecot: PrivateDovecot, tmp_path: Path, login: str, wrong: str
) -> None:
    (tmp_path / "token").write_text(wrong)
    (tmp_path / "token").chmod(0o600)
    with pytest.raises(MailLoginRefused) as refused:
        server(dovecot, login, SecretRef("file", str(tmp_path / "token"))).open("anna@x.test")
    assert wrong not in str(refused.value)


def test_each_mailbox_is_opened_with_its_own_password_and_one_that_is_wrong_stops_no_other(
    dovecot: PrivateDovecot,
) -> None:
    passwords = Secret(b"anna@x.test:anna's own\nbert@x.test:wrong\n")
    target = MailTarget(
        "live",
        "127.0.0.1",
        dovecot.port,
        "starttls",
        str(dovecot.ca),
        "",
        SecretRef("", ""),
        timeout=20,
        login="users",
    )
    live = ImapServer(target, lambda address: password_of(passwords, address))
    session = live.open("anna@x.test")
    assert session.state(INBOX).messages == 0
    session.close()

    for address in ("bert@x.test", "carl@x.test"):
        with pytest.raises(MailPasswordRefused):
            live.open(address)


def test_a_server_without_tokens_is_told_by_what_it_lacks(dovecot: PrivateDovecot) -> None:
    with (
        PrivateDovecot({"anna@x.test": "pw"}) as plain,
        pytest.raises(MailLoginRefused, match="does not offer AUTH=XOAUTH2"),
    ):
        ImapServer(
            MailTarget("live", "127.0.0.1", plain.port, "none", "", "", SecretRef("", ""), login="xoauth2"),
            Secret(b"x"),
        ).open("anna@x.test")
