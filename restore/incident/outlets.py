"""Where copies of the ledger's head go: head_copy and syslog of [incident]."""

from __future__ import annotations

from restore.incident.table import Table

DEV_LOG = "/dev/log"


def head_copy(head: Table) -> str:
    """The file that copies are added to, "" for none."""
    return head.text("head_copy", "", check=lambda value: "" if value.startswith("/") else "an absolute path")


def syslog(head: Table) -> str:
    """A datagram socket's path or host:port, "" for none; `true` means /dev/log."""
    head.known.add("syslog")
    value = head.values.get("syslog", False)
    if isinstance(value, bool):
        return DEV_LOG if value else ""
    if isinstance(value, str) and value.startswith("/"):
        return value
    host, colon, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if host and colon and port.isascii() and port.isdecimal() and 0 < int(port) < 65536:
        return f"{host}:{port}"
    head.wrong("syslog", 'true, a socket\'s absolute path, or "host:port"')
    return ""
