"""Database URLs (mysql://user:password@host:port/database?…) and PDO's DSNs (mysql:host=…;dbname=…).

https://www.php.net/manual/en/ref.pdo-mysql.connection.php and RFC 3986
"""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from detectors.finding import Status
from detectors.parsing.stated import Stated

URL = re.compile(
    rb"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^:@/]*)(?::(.*))?@)?(\[[0-9A-Fa-f:.]+\]|[^:@/?#]*)(?::(\d{1,5}))?"
    rb"(?:\(([^)]*)\))?/?([^?#]*)(?:\?(.*))?",
    re.DOTALL,
)


def _unknown(stated: Stated, reason: str) -> dict[str, Stated | None]:
    one = Stated(None, Status.PARTIAL, stated.path, stated.line, stated.how, reason)
    return {"host": one, "database": one, "user": one, "password": one}


def from_url(stated: Stated) -> dict[str, Stated | None]:
    """The fields of a database URL; each is unknown where the URL is."""
    if stated.value is None:
        return dict.fromkeys(("host", "database", "user", "password"), stated)
    match = URL.fullmatch(stated.value.strip())
    if match is None:
        return _unknown(stated, "a database URL that is not understood")
    scheme, user, password, host, port, _, database, query = match.groups()
    how = "; ".join(part for part in (stated.how, "database URL") if part)

    def part(value: bytes | None) -> Stated | None:
        return None if value is None else replace(stated, value=unquote_to_bytes(value), how=how)

    options = dict(pair.partition(b"=")[::2] for pair in (query or b"").split(b"&") if pair)
    socket = options.get(b"unix_socket") or options.get(b"socket")
    return {
        "driver": part(scheme.split(b"+")[0]),
        "host": part(host),
        "port": part(port),
        "socket": part(socket),
        "database": part(database.partition(b"/")[0] if b"/" in database else database),
        "user": part(user),
        "password": part(password if password is not None else b""),
    }


def from_pdo(stated: Stated) -> dict[str, Stated | None]:
    """The fields of a PDO DSN; user and password are not part of it unless it names them."""
    if stated.value is None:
        return {"host": stated, "database": stated}
    driver, colon, rest = stated.value.partition(b":")
    if not colon:
        unknown = _unknown(stated, "a PDO DSN that is not understood")
        return {"host": unknown["host"], "database": unknown["database"]}
    options: dict[bytes, bytes] = {}
    for pair in rest.split(b";"):
        name, equals, value = pair.partition(b"=")
        if equals:
            options[name.strip().lower()] = value.strip()
    fields: dict[str, Stated | None] = {"driver": replace(stated, value=driver.strip())}
    for field, key in (
        ("host", b"host"),
        ("port", b"port"),
        ("socket", b"unix_socket"),
        ("database", b"dbname"),
        ("user", b"user"),
        ("password", b"password"),
    ):
        if key in options:
            fields[field] = replace(stated, value=options[key], how="PDO DSN")
    return fields
