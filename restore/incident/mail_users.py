"""Where an old server kept its mail users ([old_server.mail_users]), and how a live one is given new ones
([mail_target.create])."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from restore.incident.table import Table
from restore.model.incident import DatabaseTarget, MakeCommand, Maker, PasswdFile, UserTable
from restore.model.making import ADDRESS_NAMES, HASH_NAMES, QUOTA_NAMES, UserBase, names_in

KINDS = ("passwd-file", "shadow", "dump")
MAKERS = ("passwd-file", "sql", "command")
UNITS = {"B": 1, "kB": 1 << 10, "MB": 1 << 20}
WORD = re.compile(r"\w{1,64}")
SCHEME = re.compile(r"[A-Z0-9.-]{2,40}")


def _below(table: Table, key: str) -> Table | None:
    """The table of that key inside another one, None where there is none."""
    table.known.add(key)
    row = table.values.get(key)
    if row is None:
        return None
    if not isinstance(row, Mapping):
        table.wrong(key, f"a [{table.where.partition('[')[0]}.{key}] table")
        return None
    return Table(f"{table.where}.{key}", row, table.mistakes)


def read_user_base(server: Table, inside: Callable[[str], str]) -> UserBase | None:
    """What [old_server.mail_users] says; `inside` says what is wrong with a path inside a source, "" if nothing."""
    table = _below(server, "mail_users")
    if table is None:
        return None
    kind = table.choice("kind", KINDS)
    path = table.text("path", check=lambda value: inside(value) or _names(value, ("domain", "customer")))
    scheme = table.text("scheme", "CRYPT", check=_pattern(SCHEME, "a password scheme, like SHA512-CRYPT"))
    base = UserBase(kind, path, scheme)
    if kind == "dump":
        word = _pattern(WORD, "a name of letters, digits and _")
        base = UserBase(
            kind,
            path,
            scheme,
            table.text("table", base.table, check=word),
            table.text("address", base.address, check=word),
            table.text("hash", base.hash, check=word),
            table.text("quota", base.quota, check=lambda value: word(value) if value else ""),
            UNITS.get(table.choice("quota_unit", tuple(UNITS), "B"), 1),
        )
    table.end()
    return base


def read_pop3_logs(server: Table, inside: Callable[[str], str]) -> tuple[str, ...]:
    """The patterns that `pop3_logs` of an [[old_server]] states."""
    patterns = server.texts("pop3_logs", ())
    if any(inside(one) or "*" in one.rpartition("/")[0] for one in patterns):
        server.wrong("pop3_logs", "paths inside the source, * in the last part alone, like var/log/mail.log*")
    return patterns


def read_maker(target: Table, name: str) -> Maker | None:
    """What [mail_target.create] says; None where there is none. `name` is the mail target's."""
    table = _below(target, "create")
    if table is None:
        return None
    kind = table.choice("kind", MAKERS)
    maker: Maker | None = None
    if kind == "passwd-file":
        maker = PasswdFile(table.text("path", check=_absolute), table.text("line", check=_line))
    elif kind == "sql":
        maker = _user_table(table, name)
    elif kind == "command":
        maker = MakeCommand(
            _argv(table, "find"),
            _argv(table, "make"),
            _codes(table),
            table.number("timeout", 60, 1, 3600),
        )
    else:
        table.known.update(table.values)
    table.end()
    return maker


def _user_table(table: Table, name: str) -> UserTable:
    socket, host = table.text("socket", "", check=_absolute), table.text("host", "")
    if bool(socket) == bool(host):
        table.wrong("socket", "either socket or host, not both and not neither")
    server = DatabaseTarget(
        name,
        table.text("user"),
        table.secret("password"),
        socket,
        host,
        table.number("port", 3306, 1, 65535),
        table.choice("tls", ("verify", "none"), "verify"),
        table.text("ca", "", check=_absolute),
    )
    if host and server.tls == "none" and host not in ("127.0.0.1", "::1", "localhost"):
        table.wrong("tls", '"verify" for a host that is not this machine')
    return UserTable(
        server,
        table.text("database", check=_pattern(WORD, "a name of letters, digits and _")),
        table.text("find", check=lambda value: _statement(value, "SELECT", ADDRESS_NAMES)),
        table.text(
            "make",
            check=lambda value: _statement(value, "INSERT", (*ADDRESS_NAMES, *QUOTA_NAMES, *HASH_NAMES)),
        ),
    )


def _statement(value: str, verb: str, names: Collection[str]) -> str:
    if not value.upper().startswith(f"{verb} ") or not {"address", "user"} & set(names_in(value)):
        return f"a statement that begins with {verb} and names {{address}}, or {{user}}"
    if re.search(r"['\"]\s*\{|\}\s*['\"]", value):
        return "names in braces without quotes around them: they become parameters"
    if verb == "INSERT" and re.search(r"\bON\s+DUPLICATE\b", value, re.IGNORECASE):
        return "an INSERT that changes no row that stands"
    return _names(value, names)


def _line(value: str) -> str:
    names = names_in(value)
    if not re.match(r"\{(address|user)\}:", value) or not set(HASH_NAMES) & set(names) or "\n" in value:
        return (
            'one line that begins with {address}: or {user}: and names {hash}, like "{address}:{hash}::::::"'
        )
    return _names(value, (*ADDRESS_NAMES, *QUOTA_NAMES, *HASH_NAMES))


def _argv(table: Table, key: str) -> tuple[str, ...]:
    argv = table.texts(key)
    names = {name for one in argv for name in names_in(one)}
    if argv and not argv[0].startswith("/"):
        table.wrong(key, "a list of a program's absolute path and its arguments")
    elif argv and not {"address", "user"} & names:
        table.wrong(key, "an argument that names {address}, or {user}")
    elif names & set(HASH_NAMES):
        table.wrong(key, "no {hash}: arguments are seen by every user; the hash comes on standard input")
    elif wrong := _names("".join(argv), (*ADDRESS_NAMES, *QUOTA_NAMES)):
        table.wrong(key, wrong)
    return argv


def _codes(table: Table) -> tuple[int, ...]:
    table.known.add("missing")
    value = table.values.get("missing", [1, 67])
    if (
        not isinstance(value, list)
        or not value
        or not all(type(one) is int and 0 < one < 126 for one in value)
    ):
        table.wrong("missing", "a list of exit codes from 1 to 125, like [1, 67]")
        return (1, 67)
    return tuple(value)


def _names(value: str, allowed: Collection[str]) -> str:
    unknown = [name for name in names_in(value) if name not in allowed]
    return f"in braces only {', '.join(allowed)}" if unknown else ""


def _absolute(value: str) -> str:
    return "" if Path(value).is_absolute() else "an absolute path"


def _pattern(rule: re.Pattern[str], expected: str) -> Callable[[str], str]:
    return lambda value: "" if rule.fullmatch(value) else expected
