"""MySQL accounts on a live server: created locked, granted one database, proven by their own login, unlocked last.

https://mariadb.com/kb/en/create-user/, https://mariadb.com/kb/en/mysqlglobal_priv-table/
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re

from detectors.finding import Secret
from restore.errors import DatabaseLoginRefused, LoginRefused
from restore.model.mysql import AccountName, AccountState
from restore.model.text import safe
from restore.model.verifier import NATIVE, plugin_of, verifier_digest
from restore.systems.dump_text import quoted_name, quoted_pattern, quoted_string
from restore.systems.mysql_connection import Connection, Login, Refusal
from restore.systems.mysql_tables import table_names, text
from restore.systems.mysql_throwaway import account_sql, our_host


def account_state(admin: Connection, account: AccountName) -> AccountState | None:
    """What stands under that name; None where nothing does."""
    rows = admin.rows(
        b"SELECT JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'),"
        b" JSON_VALUE(Priv, '$.account_locked'), JSON_VALUE(Priv, '$.access'), JSON_EXISTS(Priv, '$.auth_or')"
        b" FROM mysql.global_priv WHERE User = "
        + quoted_string(account.user)
        + b" AND Host = "
        + quoted_string(account.host)
    )
    if not rows:
        return None
    plugin, stored, locked, access, several = rows[0]
    names = text(plugin) or NATIVE
    return AccountState(
        account,
        names + (" and others" if several == b"1" else ""),
        locked in (b"1", b"true"),
        verifier_digest(Secret(stored or b"")),
        _databases(admin, account),
        int(access or 0) != 0,
    )


def _databases(admin: Connection, account: AccountName) -> tuple[str, ...]:
    who = b" WHERE User = " + quoted_string(account.user) + b" AND Host = " + quoted_string(account.host)
    rows = admin.rows(b"SELECT Db FROM mysql.db" + who + b" UNION SELECT Db FROM mysql.tables_priv" + who)
    return tuple(sorted({re.sub(r"\\([_%\\])", r"\1", text(row[0])) for row in rows}))


def hosts_of(admin: Connection, user: str) -> tuple[str, ...]:
    """Every host that has an account of that user."""
    rows = admin.rows(b"SELECT Host FROM mysql.global_priv WHERE User = " + quoted_string(user))
    return tuple(sorted(text(row[0]) for row in rows))


def create_account(admin: Connection, account: AccountName, verifier: Secret) -> None:
    """Create it locked; raises DatabaseRefused where the name exists."""
    plugin = plugin_of(verifier)
    if not plugin:
        raise ValueError("a verifier has the form of mysql_native_password's or ed25519's")
    admin.run(
        b"CREATE USER " + account_sql(account) + b" IDENTIFIED VIA " + plugin.encode() + b" USING "
        + quoted_string(verifier.reveal()) + b" ACCOUNT LOCK",
        f"creating the account {safe(str(account))}",
    )  # fmt: skip


def grant(admin: Connection, account: AccountName, database: str) -> None:
    """ALL on that one database."""
    admin.run(b"GRANT ALL PRIVILEGES ON " + quoted_pattern(database) + b".* TO " + account_sql(account))


def unlock(admin: Connection, account: AccountName) -> None:
    """Let it log in."""
    admin.run(b"ALTER USER " + account_sql(account) + b" ACCOUNT UNLOCK")


def lock(admin: Connection, account: AccountName) -> None:
    """Let it not log in any more; what it has stays."""
    admin.run(b"ALTER USER " + account_sql(account) + b" ACCOUNT LOCK")


def drop_account(admin: Connection, account: AccountName) -> None:
    """Drop it; no error where it is gone."""
    admin.run(b"DROP USER IF EXISTS " + account_sql(account))


def login(admin: Connection, account: AccountName, password: Secret, database: str, table: str) -> str | None:
    """Log in as the account and read a row; see DatabaseServer.login."""
    if not host_matches(account.host, our_host(admin)):
        return None
    try:
        customer = Connection(admin.target, Login(account.user, password, database))
    except DatabaseLoginRefused as refused:
        raise LoginRefused(f"{safe(str(account))} cannot log in: {refused.message}") from refused
    except Refusal as refused:
        raise LoginRefused(
            f"{safe(str(account))} cannot use {safe(database)}: {refused.message}"
        ) from refused
    try:
        return _read_a_table(customer, account, database, table)
    except Refusal as refused:
        raise LoginRefused(f"{safe(str(account))} cannot read its table: {refused.message}") from refused
    finally:
        customer.close()


def _read_a_table(customer: Connection, account: AccountName, database: str, table: str) -> str:
    became = text(customer.one(b"SELECT CURRENT_USER()")[0])
    if became != f"{account.user}@{account.host}":
        raise LoginRefused(f"logging in as {safe(str(account))} the server takes us for {safe(became)}")
    names = table_names(customer, database)
    chosen = table or (names[0] if names else "")
    if chosen:
        # A view could run a tenant's function with our rights; here the rights are his own, a base table needs none.
        customer.rows(b"SELECT 1 FROM " + quoted_name(database) + b"." + quoted_name(chosen) + b" LIMIT 1")
    return chosen


def host_matches(pattern: str, host: str) -> bool:
    """Whether a client at `host` can be an account's `pattern`: a name, an address with % and _, or a netmask.

    https://mariadb.com/kb/en/create-user/#host-name-component
    """
    if "/" in pattern:
        try:
            return ipaddress.ip_address(host) in ipaddress.ip_network(pattern, strict=False)
        except ValueError:
            return False
    glob = "".join(
        {"%": "*", "_": "?"}.get(letter, f"[{letter}]" if letter in "*?[" else letter) for letter in pattern
    )
    return fnmatch.fnmatchcase(host.lower(), glob.lower())
