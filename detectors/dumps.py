"""What a dump alone tells: which applications' tables it holds, under which prefix, of which version and address.

Bytes stream in, findings come out; the dump is never parsed whole, and never raises: the tables' names and a
few cells are all that is looked at. What a dump says is its customer's claim, like a config.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from detectors.dump_marks import MARKS, Mark
from detectors.dump_rows import Row, Rows, Table, read
from detectors.finding import text
from detectors.parsing import serialized

MAX_INSTALLS = 500
MAX_SITES = 1_000
MAX_CELL = 64 << 10
MAX_ADDRESS = 400
MAX_HELD = 8 << 20
URL = re.compile(rb"[\x21-\x7e\x80-\xff]{1,400}")
INFO_VERSION = re.compile(rb'"version";s:\d{1,3}:"([\w.-]{1,30})"')


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One install in a dump. "" where the dump does not say: `database` it lies in, `version` as the application
    states it, `schema` its tables' own version, `site` the address it is served under. `multisite`: it is a
    network, `sites` are then the addresses of its members. `extensions` are the plugins and themes in use, by
    the folder they lie in. `marks` are the tables that betrayed it."""

    system: str
    database: str
    prefix: str
    version: str = ""
    schema: str = ""
    site: str = ""
    multisite: bool = False
    sites: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DumpFacts:
    """All that a dump told. `databases` are those it has tables of ("" where it names none), `tables` how many;
    `complete` whether its last line says so (a dump without comments cannot); `limited` whether it has more
    tables or installs than were looked at."""

    installs: tuple[Fingerprint, ...]
    databases: tuple[str, ...]
    tables: int
    complete: bool
    limited: bool


def fingerprint(chunks: Iterable[bytes]) -> DumpFacts:
    """Read a dump as mysqldump, mariadb-dump or phpMyAdmin write it, in pieces of any size; memory does not grow
    with the dump. Errors of `chunks` itself pass through."""
    cells = _Cells()
    rows = Rows(cells.wanted, _keys, cells.row)
    complete = read(chunks, rows)
    facts = rows.facts
    by_database: dict[bytes, dict[bytes, None]] = {}
    for database, table in facts.tables:
        by_database.setdefault(database, {})[table] = None
    found: list[Fingerprint] = []
    for database, tables in by_database.items():
        for mark, prefix in _marked(tables):
            named = database or facts.header
            found.append(_install(cells, mark, (database, prefix), named, tables))
    names = tuple(text(database or facts.header) for database in by_database)
    limited = facts.full or len(found) > MAX_INSTALLS
    return DumpFacts(tuple(found[:MAX_INSTALLS]), names, len(facts.tables), complete, limited)


def _marked(tables: Mapping[bytes, None]) -> Iterable[tuple[Mark, bytes]]:
    """The marks that stand complete, each with its prefix."""
    for mark in MARKS:
        first, *others = [name.encode() for name in mark.tables]
        for table in tables:
            if table.endswith(first):
                prefix = table[: len(table) - len(first)]
                if all(prefix + name in tables for name in others) and not any(
                    prefix + name.encode() in tables for name in mark.never
                ):
                    yield mark, prefix


@cache
def _wanted_suffixes() -> tuple[bytes, ...]:
    names = {table for mark in MARKS for _, table, *_ in mark.cells} | {"blogs"}
    return tuple(sorted(name.encode() for name in names))


@cache
def _asked() -> Mapping[bytes, Sequence[tuple[bytes, bytes, bytes]]]:
    """By the table's name without prefix: (key column, key, value column)."""
    asked: dict[bytes, dict[tuple[bytes, bytes, bytes], None]] = {}
    for mark in MARKS:
        for _, table, column, key, value in mark.cells:
            asked.setdefault(table.encode(), {})[column.encode(), key.encode(), value.encode()] = None
    return {table: tuple(cells) for table, cells in asked.items()}


@cache
def _keys_of(suffixes: tuple[bytes, ...]) -> re.Pattern[bytes] | None:
    keys = {key for suffix in suffixes for _, key, _ in _asked()[suffix]}
    if b"" in keys or not keys:
        return None
    return re.compile(rb"'(?:" + b"|".join(re.escape(key) for key in sorted(keys)) + rb")'")


def _keys(table: bytes) -> re.Pattern[bytes] | None:
    """What a row of a table must hold to be of interest; None where every row is."""
    if table.endswith(b"blogs"):
        return None
    return _keys_of(tuple(suffix for suffix in _asked() if table.endswith(suffix)))


class _Cells:
    """The cells that marks ask for, of every table that may be theirs; the first row that fits wins."""

    def __init__(self) -> None:
        self.found: dict[tuple[Table, bytes, bytes], bytes] = {}
        self.sites: dict[Table, dict[bytes, None]] = {}
        self.held = 0

    def wanted(self, table: bytes) -> bool:
        return table.endswith(_wanted_suffixes()) and self.held < MAX_HELD

    def row(self, table: Table, row: Row) -> None:
        name = table[1]
        if name.endswith(b"blogs") and b"domain" in row and b"path" in row:
            sites = self.sites.setdefault(table, {})
            address = row[b"domain"] + row[b"path"]
            if len(sites) < MAX_SITES and len(address) <= MAX_ADDRESS:
                sites[address] = None
                self.held += len(address) + 100
        for suffix, cells in _asked().items():
            if name.endswith(suffix):
                for column, key, value in cells:
                    fits = value in row and (not key or row.get(column) == key)
                    if fits and len(row[value]) <= MAX_CELL and (table, key, value) not in self.found:
                        self.found[table, key, value] = row[value]
                        self.held += len(row[value]) + 100

    def of(self, mark: Mark, database: bytes, prefix: bytes) -> dict[str, list[bytes]]:
        """The values found, by field, in the order the mark asks for them."""
        values: dict[str, list[bytes]] = {}
        for field, table, _, key, column in mark.cells:
            place = ((database, prefix + table.encode()), key.encode(), column.encode())
            if place in self.found:
                values.setdefault(field, []).append(self.found[place])
        return values


def _install(
    cells: _Cells, mark: Mark, where: tuple[bytes, bytes], named: bytes, tables: Mapping[bytes, None]
) -> Fingerprint:
    database, prefix = where
    values = cells.of(mark, database, prefix)
    blogs = prefix + b"blogs"
    network = mark.system == "wordpress" and blogs in tables
    sites = cells.sites.get((database, blogs), {}) if network else {}
    return Fingerprint(
        mark.system,
        text(named),
        text(prefix),
        _version(values),
        _schema(values),
        _site(values),
        network,
        tuple(text(one) for one in sites if URL.fullmatch(one)),
        _extensions(values),
        tuple(text(prefix) + table for table in mark.tables),
    )


def _first(values: Mapping[str, list[bytes]], field: str) -> bytes:
    return next((value for value in values.get(field, ()) if value), b"")


def _version(values: Mapping[str, list[bytes]]) -> str:
    info = INFO_VERSION.search(_first(values, "info_version"))
    cache = serialized.entry(_first(values, "cache_version"), b"version")
    found = _first(values, "version") or (info.group(1) if info else b"") or cache or b""
    return text(found[:40]) if URL.fullmatch(found.replace(b" ", b"_")[:40] or b"-") else ""


def _schema(values: Mapping[str, list[bytes]]) -> str:
    inner = serialized.loads(_first(values, "serialized_schema"))
    found = _first(values, "schema") or (b"%d" % inner if type(inner) is int else b"")
    return text(found) if re.fullmatch(rb"[\w.-]{1,60}", found) else ""


def _site(values: Mapping[str, list[bytes]]) -> str:
    """An address; a host and a path in two cells are joined."""
    inner = serialized.loads(_first(values, "serialized_site"))
    site = _first(values, "site") or (inner if isinstance(inner, bytes) else b"")
    path = _first(values, "path")
    if site and path and b"/" not in site:
        site += path if path.startswith(b"/") else b"/" + path
    return text(site) if URL.fullmatch(site) else ""


def _extensions(values: Mapping[str, list[bytes]]) -> tuple[str, ...]:
    """Folders of plugins in use, and of the theme."""
    plugins = [one.split(b"/")[0] for one in serialized.texts(_first(values, "extension")) if b"/" in one]
    names = dict.fromkeys([*plugins, *values.get("theme", ())])
    return tuple(text(name) for name in names if re.fullmatch(rb"[\w.-]{1,100}", name))[:500]
