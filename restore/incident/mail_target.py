"""A live mail server as a [[mail_target]] table states it."""

from __future__ import annotations

from restore.incident.mail_users import read_maker
from restore.incident.table import Table, a_file, a_name
from restore.model.incident import LOGINS, NO_SECRET, MailTarget, SecretRef


def read_mail_target(table: Table) -> MailTarget:
    """One table; its mistakes are noted there."""
    tls = table.choice("tls", ("verify", "starttls", "none"), "verify")
    host = table.text("host")
    if tls == "none" and host not in ("127.0.0.1", "::1", "localhost"):
        table.wrong("tls", '"verify" or "starttls" for a host that is not this machine')
    name = table.text("name", check=a_name)
    login = table.choice("login", LOGINS, "master")
    return MailTarget(
        name=name,
        host=host,
        port=table.number("port", 993 if tls == "verify" else 143, 1, 65535),
        tls=tls,
        ca=table.text("ca", "", check=a_file),
        master_user=table.text("master_user") if login == "master" else "",
        master_password=table.secret("master_password") if login == "master" else NO_SECRET,
        connections=table.number("connections", 8, 1, 1000),
        timeout=table.number("timeout", 60, 1, 3600),
        proof=table.choice("proof", ("sample", "full"), "sample"),
        create=read_maker(table, name),
        login=login,
        bytes_per_second=table.number("bytes_per_second", 0, 0, 10**12),
        credential=_credential(table, login),
    )


def _credential(table: Table, login: str) -> SecretRef:
    """What logs in where no master user does."""
    if login == "users":
        return table.secret("passwords")
    return table.token("token") if login in ("xoauth2", "oauthbearer") else NO_SECRET
