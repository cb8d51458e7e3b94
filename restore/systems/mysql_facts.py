"""What preflight must know of a database server. https://mariadb.com/kb/en/server-system-variables/"""

from __future__ import annotations

import os

from restore.model.mysql import AccountName, ServerFacts
from restore.systems.mysql_connection import Connection
from restore.systems.mysql_tables import text

VARIABLES = (
    "version",
    "sql_mode",
    "character_set_server",
    "collation_server",
    "time_zone",
    "system_time_zone",
    "lower_case_table_names",
    "max_allowed_packet",
    "log_bin",
    "log_bin_trust_function_creators",
    "read_only",
    "local_infile",
    "event_scheduler",
    "have_ssl",
    "skip_name_resolve",
    "default_storage_engine",
    "datadir",
    "hostname",
)
# MariaDB 10.5 brought SET USER, by which views and triggers get a customer's definer without SUPER.
OLDEST = (10, 5)


def facts_of(admin: Connection) -> ServerFacts:
    """Read them afresh."""
    found = {text(name): text(value) for name, value in admin.rows(b"SHOW GLOBAL VARIABLES")}
    wanted = tuple((name, found[name]) for name in VARIABLES if name in found)
    anonymous = admin.rows(b"SELECT User, Host FROM mysql.user WHERE User = ''")
    cipher = admin.rows(b"SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    return ServerFacts(
        version=found["version"],
        variables=wanted,
        anonymous_accounts=tuple(str(AccountName(text(user), text(host))) for user, host in anonymous),
        replica=bool(admin.rows(b"SHOW ALL SLAVES STATUS")) if "MariaDB" in found["version"] else False,
        tls=bool(cipher and cipher[0][1]),
        clock=float(admin.one(b"SELECT UNIX_TIMESTAMP(NOW(6))")[0] or 0),
        disk_free=_disk_free(admin, found.get("datadir", "")),
        notes=_notes(found["version"]),
    )


def _disk_free(admin: Connection, datadir: str) -> int | None:
    """Free bytes of the data folder's disk; over TCP the server may stand on another host and cannot tell."""
    if not admin.target.socket or not os.path.isdir(datadir):
        return None
    disk = os.statvfs(datadir)
    return disk.f_bavail * disk.f_frsize


def _notes(version: str) -> tuple[str, ...]:
    if "MariaDB" not in version:
        return (f"the server is {version}: only MariaDB is supported as a target",)
    release = tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
    return (
        ()
        if release >= OLDEST
        else (f"MariaDB {version} is older than 10.5: views and triggers need SET USER",)
    )
