"""Customers of an old server of which no customers file survived: told from its homes and its web server's configs.

A home's name is its customer. Domains are those that a virtual host serves from below the home. Databases are those
that a panel named after him (alice_shop, or the first eight letters of his name), and those whose dump lies in his
home. https://httpd.apache.org/docs/2.4/mod/core.html#virtualhost, https://nginx.org/en/docs/http/server_names.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from detectors.walk import join
from restore.errors import SourceUnreadable
from restore.model.incident import OldServer
from restore.model.mysql import DumpFile
from restore.model.ports import Content, Source
from restore.model.survey import Customer
from restore.model.text import safe
from restore.survey.places import expand

VHOSTS = (
    b"etc/apache2/sites-available", b"etc/apache2/sites-enabled", b"etc/httpd/conf.d", b"etc/apache2/vhosts.d",
    b"etc/nginx/sites-available", b"etc/nginx/sites-enabled", b"etc/nginx/conf.d",
)  # fmt: skip
MOST_CONFIGS = 50_000
CONFIG_LIMIT = 1 << 20
BLOCK = re.compile(
    rb"<VirtualHost\b[^>]*>(.*?)</VirtualHost>|\bserver\s*\{(.*?)(?=\bserver\s*\{|\Z)", re.DOTALL | re.I
)
NAMES = re.compile(rb"^\s*(?:ServerName|ServerAlias|server_name)\s+([^\n;#]+)", re.MULTILINE | re.IGNORECASE)
ROOT = re.compile(rb"^\s*(?:DocumentRoot|root)\s+[\"']?([^\n;\"']+)", re.MULTILINE | re.IGNORECASE)
DOMAIN = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
PANEL = 8


def list_customers(
    server: OldServer, backup: Source, dumps: Iterable[DumpFile], notes: list[str]
) -> tuple[Customer, ...]:
    """One customer for each home that the server's `homes` pattern finds."""
    homes = {
        names["customer"]: path
        for path, names, entry in expand(backup, server.path.encode(), server.homes, notes)
        if entry is None or entry.kind == "folder"
    }
    root = server.path.strip("/").encode()
    below = {name: path.removeprefix(root).strip(b"/") for name, path in homes.items()}
    domains = _domains(server, backup, below, notes)
    databases = _databases(below, root, dumps)
    notes.append(f"{server.name}: no customers file; {len(homes):,} customers told from their homes")
    return tuple(
        Customer(
            server.name, name, home.decode("utf-8", "surrogateescape"), tuple(domains.get(name, ())), (),
            tuple(sorted(databases.get(name, ()))), "", "", listed=False,
        )
        for name, home in sorted(below.items())
    )  # fmt: skip


def _databases(homes: Mapping[str, bytes], root: bytes, dumps: Iterable[DumpFile]) -> Mapping[str, set[str]]:
    """The databases that names and places give to each customer; one may be given to several."""
    by_start: defaultdict[str, set[str]] = defaultdict(set)
    for name in homes:
        by_start[name].add(name)
        by_start[name[:PANEL]].add(name)
    found: defaultdict[str, set[str]] = defaultdict(set)
    for dump in dumps:
        database = dump.database.name
        parts = database.split("_")
        starts = ["_".join(parts[:end]) for end in range(1, len(parts))] or []
        for start in (*starts, database):
            for name in by_start.get(start, ()):
                found[name].add(database)
        inside = dump.fingerprint.path.removeprefix(root).strip(b"/")
        for name, home in homes.items() if inside.count(b"/") > 1 else ():
            if inside.startswith(home + b"/"):
                found[name].add(database)
    return found


def _domains(
    server: OldServer, backup: Source, homes: Mapping[str, bytes], notes: list[str]
) -> Mapping[str, list[str]]:
    """The domains that each home serves, in the order of the configs."""
    by_home = {b"/" + home: name for name, home in homes.items()}
    depth = max((home.count(b"/") for home in by_home), default=0)
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for text in _configs(server, backup, notes):
        for match in BLOCK.finditer(text):
            block = match.group(1) or match.group(2) or b""
            root = ROOT.search(block)
            home = b"/".join(root.group(1).strip().split(b"/")[: depth + 1]) if root else b""
            name = by_home.get(home)
            for domain in _names(block) if name else ():
                found[name or ""][domain] = None
    return {name: list(domains) for name, domains in found.items()}


def _names(block: bytes) -> Iterator[str]:
    for line in NAMES.findall(block):
        for word in line.decode("latin-1").lower().split():
            domain = word.partition(":")[0].rstrip(".")
            if DOMAIN.fullmatch(domain):
                yield domain


def _configs(server: OldServer, backup: Source, notes: list[str]) -> Iterator[bytes]:
    paths: dict[bytes, bytes] = {}
    for folder in VHOSTS:
        where = join(server.path.encode(), folder)
        try:
            entries = backup.list(where) if backup.lstat(where) is not None else ()
        except SourceUnreadable as error:
            notes.append(f"{safe(where)}: {error.message}")
            continue
        for entry in entries:
            if entry.kind == "file" and len(paths) < MOST_CONFIGS:
                paths.setdefault(entry.name, join(where, entry.name))
    for one in backup.read_many(list(paths.values()), CONFIG_LIMIT):
        if isinstance(one, Content):
            yield one.data
        else:
            notes.append(f"{safe(one.path)}: {one.reason}")
