"""Reads and checks the incident file: every mistake at once, each with its key and what was expected."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from restore.errors import IncidentInvalid
from restore.incident.copies import moment, read_copies
from restore.incident.mail_layout import read_layout, with_imap
from restore.incident.mail_target import read_mail_target
from restore.incident.mail_users import read_pop3_logs, read_user_base
from restore.incident.outlets import head_copy, syslog
from restore.incident.secrets import secret
from restore.incident.source import absolute, inside, read_source
from restore.incident.table import Table, a_file, a_name
from restore.model.incident import (
    ASK,
    DUMPS,
    HOMES,
    KINDS,
    MAILDIRS,
    PARTIAL,
    USE,
    DatabaseTarget,
    Incident,
    MailTarget,
    OldServer,
    SourceSpec,
)
from restore.model.text import safe
from restore.model.verifier import NATIVE, PLUGINS

Spec = TypeVar("Spec", SourceSpec, OldServer, MailTarget, DatabaseTarget)
SECTIONS = (
    "incident",
    "limits",
    "source",
    "old_server",
    "mail_target",
    "database_target",
)

__all__ = ["incident_text", "read_incident", "secret"]


def _state(value: str) -> str:
    """An absolute path at or below a folder, where nothing but a folder stands."""
    if not value.startswith("/"):
        return "an absolute path"
    there = next(path for path in (Path(value), *Path(value).parents) if os.path.lexists(path))
    return "" if there.is_dir() else f"a folder; {safe(str(there))} is none"


def _pattern(*names: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        found = re.findall(r"\{([^}]*)\}", value)
        unknown = [name for name in found if name not in (*names, "date")]
        missing = [name for name in names if name not in found]
        wants = f"a path pattern with {' and '.join('{' + name + '}' for name in names)}"
        return wants if unknown or missing or inside(value) else ""

    return check


def _tab_charset(table: Table) -> str:
    return table.choice("tab_charset", ("binary", "utf8mb4"), "") if "tab_charset" in table.values else ""


def _more_dumps(table: Table) -> tuple[str, ...]:
    patterns = table.texts("more_dumps", ())
    if any(_pattern()(one.replace("{database}", "database")) for one in patterns):
        table.wrong("more_dumps", "a list of path patterns, in which {database} and {date} may stand")
    return patterns


def _old_server(table: Table) -> OldServer:
    return OldServer(
        name=table.text("name", check=a_name),
        source=table.text("source"),
        path=table.text("path", "", check=inside),
        customers=table.text("customers", ""),
        mail_to=table.text("mail_to", ""),
        databases_to=table.texts("databases_to", ()),
        homes=table.text("homes", HOMES, check=_pattern("customer")),
        maildirs=table.text("maildirs", MAILDIRS, check=_pattern("domain", "user")),
        dumps=table.text("dumps", DUMPS, check=_pattern("database")),
        kind=table.choice("kind", KINDS, "backup"),
        taken=moment(table, "date"),
        further=read_copies(table, inside),
        more_dumps=_more_dumps(table),
        tab_charset=_tab_charset(table),
        older_dumps=table.choice("older_dumps", (ASK, USE), ASK),
        damaged_dumps=table.choice("damaged_dumps", (ASK, PARTIAL), ASK),
        mail_users=read_user_base(table, inside),
        pop3_logs=read_pop3_logs(table, inside),
        mail=read_layout(table, inside),
    )


def _database_target(table: Table) -> DatabaseTarget:
    socket = table.text("socket", "", check=absolute)
    host = table.text("host", "")
    if bool(socket) == bool(host):
        table.wrong("socket", "either socket or host, not both and not neither")
    return DatabaseTarget(
        name=table.text("name", check=a_name),
        admin_user=table.text("admin_user"),
        admin_password=table.secret("admin_password"),
        socket=socket,
        host=host,
        port=table.number("port", 3306, 1, 65535),
        tls=table.choice("tls", ("verify", "none"), "verify"),
        ca=table.text("ca", "", check=a_file),
        loads=table.number("loads", 2, 1, 1000),
        account_hosts=table.texts("account_hosts", ("localhost",)),
        account_plugin=table.choice("account_plugin", PLUGINS, NATIVE),
        timeout=table.number("timeout", 60, 1, 3600),
        load_hours=table.number("load_hours", 12, 1, 1000),
        load_gigabytes=table.number("load_gigabytes", 500, 1, 1_000_000),
    )


def _many(
    name: str,
    document: Mapping[str, object],
    read: Callable[[Table], Spec],
    mistakes: list[str],
) -> tuple[Spec, ...]:
    rows = document.get(name, [] if name.endswith("_target") else None)
    if rows == []:
        return ()
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        mistakes.append(f"{name}: expected one [[{name}]] table or more")
        return ()
    specs = []
    for number, row in enumerate(rows, 1):
        table = Table(f"{name}[{row.get('name', number)}]", row, mistakes)
        specs.append(read(table))
        table.end()
    names = [spec.name for spec in specs]
    mistakes.extend(
        f"{name}: the name {safe(one)} stands twice" for one in sorted(set(names)) if names.count(one) > 1
    )
    return tuple(specs)


def _references(
    servers: tuple[OldServer, ...],
    key: str,
    wanted: Callable[[OldServer], tuple[str, ...]],
    names: set[str],
) -> list[str]:
    return [
        f"old_server[{server.name}].{key}: expected one of {', '.join(sorted(names)) or '(none is stated)'};"
        f" found {safe(repr(one), 60)}"
        for server in servers
        for one in wanted(server)
        if one not in names
    ]


def _unknown_tables(document: Mapping[str, object]) -> list[str]:
    found = []
    for key in document:
        if key not in SECTIONS:
            near = difflib.get_close_matches(key, SECTIONS, 1)
            found.append(
                f"{safe(key, 60)}: there is no such table" + (f"; did you mean {near[0]}?" if near else "")
            )
    return found


def _broken_references(incident: Incident) -> list[str]:
    """Names of servers that are stated nowhere."""
    servers = incident.old_servers
    sources, mail, databases = (
        {one.name for one in named}
        for named in (incident.sources, incident.mail_targets, incident.database_targets)
    )
    return [
        *_references(servers, "source", lambda one: tuple(copy.source for copy in one.copies), sources),
        *_references(servers, "mail_to", lambda one: (one.mail_to,) if one.mail_to else (), mail),
        *_references(servers, "databases_to", lambda one: one.databases_to, databases),
    ]


def read_incident(path: str) -> Incident:
    """The incident file at `path`, whole.

    Raises IncidentInvalid with every mistake in it, each with its key and what was expected.
    """
    try:
        raw = Path(path).read_bytes()
        document = tomllib.loads(raw.decode("utf-8"))
    except OSError as error:
        raise IncidentInvalid(path, (f"cannot be read: {error.strerror}",)) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise IncidentInvalid(path, (f"is not TOML: {safe(str(error))}",)) from error
    mistakes = _unknown_tables(document)
    head = Table("incident", _section(document, "incident", mistakes), mistakes)
    limits = Table("limits", _section(document, "limits", mistakes, optional=True), mistakes)
    vault_key = head.secret("vault_key", optional=True)
    incident = Incident(
        path=os.path.abspath(path),
        digest=hashlib.sha256(raw).hexdigest(),
        name=head.text("name", check=a_name),
        state=head.text("state", check=_state),
        workers=limits.number("workers", min(os.cpu_count() or 2, 8), 1, 512),
        vault_key=vault_key if vault_key.kind else None,
        sources=_many("source", document, read_source, mistakes),
        old_servers=_many("old_server", document, _old_server, mistakes),
        mail_targets=_many("mail_target", document, read_mail_target, mistakes),
        database_targets=_many("database_target", document, _database_target, mistakes),
        head_copy=head_copy(head),
        syslog=syslog(head),
        lost=moment(head, "lost", day=False),
        recompress=limits.choice("recompress", ("no", "yes"), "no") == "yes",
    )
    head.end()
    limits.end()
    incident = replace(incident, old_servers=with_imap(incident, mistakes))
    mistakes += _broken_references(incident)
    mistakes += _shared_names(incident)
    if mistakes:
        raise IncidentInvalid(path, tuple(mistakes))
    return incident


def _shared_names(incident: Incident) -> list[str]:
    """A name tells one server from every other, so that a failure is laid at the right door."""
    names = [one.name for one in incident.sources]
    names += [one.name for one in incident.mail_targets]
    names += [one.name for one in incident.database_targets]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    return [f"the name {name} is given to two servers; expected a name of its own for each" for name in twice]


def _section(
    document: Mapping[str, object],
    name: str,
    mistakes: list[str],
    *,
    optional: bool = False,
) -> Mapping[str, object]:
    section = document.get(name)
    if isinstance(section, dict):
        return section
    if section is not None or not optional:
        mistakes.append(f"{name}: expected a [{name}] table")
    return {}


def incident_text(incident: Incident) -> str:
    """The incident file as it was read; "" where it is no longer the same. It holds no secret."""
    try:
        text = Path(incident.path).read_bytes()
    except OSError:
        return ""
    same = hashlib.sha256(text).hexdigest() == incident.digest
    return text.decode("utf-8", "backslashreplace") if same else ""
