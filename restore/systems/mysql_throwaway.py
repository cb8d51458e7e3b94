"""Accounts that live for one act: they exist with a random password while it lasts, and are dropped after it.

A killed run leaves them; the next act of the same kind on the same thing cuts their connections and drops them
before it begins, so that no statement of a dead worker can still arrive.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from detectors.finding import Secret
from restore.errors import DatabaseUnreachable
from restore.model.mysql import AccountName
from restore.model.verifier import native_verifier
from restore.systems.dump_text import quoted_pattern, quoted_string
from restore.systems.mysql_connection import Connection, Login, Refusal
from restore.systems.mysql_tables import text

LOADER = "br_load_"
MAKER = "br_make_"
NO_SUCH_THREAD = 1094
# Whatever such an account runs comes from a tenant: an hour a statement (as our own patience), few connections.
LIMITS = b" WITH MAX_STATEMENT_TIME 3600 MAX_USER_CONNECTIONS 4"
# What loading takes; neither views, triggers, routines and events nor GRANT are among it.
LOADER_RIGHTS = b"SELECT, INSERT, CREATE, DROP, ALTER, INDEX, REFERENCES"


def account_sql(account: AccountName) -> bytes:
    """'user'@'host' as SQL."""
    return quoted_string(account.user) + b"@" + quoted_string(account.host)


def our_host(admin: Connection) -> str:
    """The host part under which the server sees us: new accounts of ours are made for it alone."""
    return text(admin.one(b"SELECT SUBSTRING_INDEX(USER(), '@', -1)")[0])


@contextmanager
def throwaway(
    admin: Connection, prefix: str, database: str, rights: bytes, beyond: bytes = b""
) -> Iterator[Login]:
    """A login with `rights` on that database alone (and the global right `beyond`), gone afterwards."""
    stem = prefix + hashlib.sha256(database.encode("utf-8", "surrogateescape")).hexdigest()[:8] + "_"
    sweep(admin, stem)
    account = AccountName(stem + secrets.token_hex(4), our_host(admin))
    password = Secret(secrets.token_urlsafe(24).encode())
    made = account_sql(account)
    encrypted = b" REQUIRE SSL" if not admin.target.socket and admin.target.tls != "none" else b""
    admin.run(
        b"CREATE USER " + made + b" IDENTIFIED VIA mysql_native_password USING "
        + quoted_string(native_verifier(password).reveal()) + encrypted + LIMITS,
        f"making the account {account}",
    )  # fmt: skip
    try:
        admin.run(b"GRANT " + rights + b" ON " + quoted_pattern(database) + b".* TO " + made)
        if beyond:
            admin.run(b"GRANT " + beyond + b" ON *.* TO " + made)
        yield Login(account.user, password, database)
    finally:
        _drop(admin, account)


def _drop(admin: Connection, account: AccountName) -> None:
    try:
        admin.run(b"DROP USER IF EXISTS " + account_sql(account))
    except DatabaseUnreachable:
        admin.close()  # the server is gone; the next act on it sweeps


def sweep(admin: Connection, stem: str) -> None:
    """Drop every account of ours whose name begins so, its connections cut first."""
    pattern = quoted_string(stem.replace("_", "\\_") + "%")
    for user, host in admin.rows(b"SELECT User, Host FROM mysql.user WHERE User LIKE " + pattern):
        admin.run(b"DROP USER IF EXISTS " + account_sql(AccountName(text(user), text(host))))
    for (thread,) in admin.rows(b"SELECT ID FROM information_schema.PROCESSLIST WHERE USER LIKE " + pattern):
        try:
            admin.run(b"KILL CONNECTION " + (thread or b"0"))
        except Refusal as gone:
            if gone.number != NO_SUCH_THREAD:
                raise
