"""A backup as a [[source]] table states it: a folder, an SFTP server, or a mail server that serves again."""

from __future__ import annotations

from restore.incident.table import Table, a_file, a_name
from restore.model.incident import SourceSpec

KINDS = ("sftp", "folder", "imap")
LOCAL = ("127.0.0.1", "::1", "localhost")
KEYS = (
    *("path", "host", "port", "user", "key", "known_hosts", "bytes_per_second", "timeout"),
    *("tls", "ca", "master_user", "master_password"),
)


def absolute(value: str) -> str:
    """What is expected of a path of this machine, "" where it is one."""
    return "" if value.startswith("/") else "an absolute path"


def inside(value: str) -> str:
    """What is expected of a path inside a source, "" where it is one."""
    parts = value.split("/")
    return (
        "a path inside the source, without .. and no leading /"
        if value.startswith("/") or ".." in parts
        else ""
    )


def read_source(table: Table) -> SourceSpec:
    """One table; its mistakes are noted there."""
    kind = table.choice("kind", KINDS)
    name = table.text("name", check=a_name)
    if kind == "imap":
        return _imap(name, table)
    remote = kind == "sftp"
    if not kind:
        table.known.update(KEYS)
        return SourceSpec(name, kind, "", copies=table.number("copies", 4, 1, 1000))
    return SourceSpec(
        name,
        kind,
        table.text("path", "", check=inside) if remote else table.text("path", check=absolute),
        host=table.text("host") if remote else "",
        port=table.number("port", 22, 1, 65535) if remote else 22,
        user=table.text("user") if remote else "",
        key=table.text("key", check=a_file) if remote else "",
        known_hosts=table.text("known_hosts", check=a_file) if remote else "",
        copies=table.number("copies", 4, 1, 1000),
        bytes_per_second=table.number("bytes_per_second", 0, 0, 10**12),
        timeout=table.number("timeout", 30, 1, 3600),
    )


def _imap(name: str, table: Table) -> SourceSpec:
    tls = table.choice("tls", ("verify", "starttls", "none"), "verify")
    host = table.text("host")
    if tls == "none" and host not in LOCAL:
        table.wrong("tls", '"verify" or "starttls" for a host that is not this machine')
    return SourceSpec(
        name,
        "imap",
        "",
        host=host,
        port=table.number("port", 993 if tls == "verify" else 143, 1, 65535),
        copies=table.number("copies", 4, 1, 1000),
        bytes_per_second=table.number("bytes_per_second", 0, 0, 10**12),
        timeout=table.number("timeout", 60, 1, 3600),
        tls=tls,
        ca=table.text("ca", "", check=a_file),
        master_user=table.text("master_user"),
        master_password=table.secret("master_password"),
    )
