"""Splitting what applications call "host" into host, port and socket, as mysqli and mysqlnd do.

https://www.php.net/manual/en/mysqli.construct.php and
https://developer.wordpress.org/reference/classes/wpdb/parse_db_host/
"""

from __future__ import annotations

from dataclasses import dataclass

MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """Where a site connects to; `socket` is None unless the site names one, `port` None where it names none."""

    host: bytes
    port: int | None = None
    socket: bytes | None = None


def port_number(value: bytes) -> int | None:
    """A TCP port from its digits, None for anything else."""
    digits = value.strip()
    if not digits.isdigit() or len(digits) > 5:
        return None
    number = int(digits)
    return number if 0 < number <= MAX_PORT else None


def split(value: bytes) -> Address:
    """host, host:port, host:/socket, host:port:/socket, :/socket, /socket, [::1]:port and bare IPv6."""
    value = value.strip()
    if value.startswith(b"p:"):
        value = value[2:]
    if value.startswith(b"/"):
        return Address(b"localhost", None, value)
    before, slash, after = value.partition(b":/")
    socket = b"/" + after if slash else None
    if before.startswith(b"["):
        host, _, rest = before[1:].partition(b"]")
        return Address(host, port_number(rest.removeprefix(b":")), socket)
    if before.count(b":") > 1:
        return Address(before, None, socket)
    host, _, port = before.partition(b":")
    if socket is None and port and port_number(port) is None:
        return Address(value)
    return Address(host or b"localhost", port_number(port), socket)
