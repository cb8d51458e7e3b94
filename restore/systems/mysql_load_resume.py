"""What an earlier, stopped load left in the staging database, and what of it may stay.

Nothing is believed: a table that stands there already is kept only where the dump's own CREATE TABLE makes the same
one, and where its rows, read back, are those that the stream states. Its rows are then counted and hashed as they pass
and not sent again. Everything else is dropped and loaded anew.
"""

from __future__ import annotations

import re
import secrets

from restore.model.text import safe
from restore.systems.dump_keys import taken_apart
from restore.systems.dump_statements import CREATE_TABLE
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_connection import Connection, Refusal
from restore.systems.mysql_lanes import Doubtful
from restore.systems.mysql_load_state import Load
from restore.systems.mysql_tables import AUTO_INCREMENT, table_names

TWIN = "br_twin_"
FOREIGN_KEY = re.compile(rb"^  CONSTRAINT (`(?:[^`]|``)+`) FOREIGN KEY ", re.MULTILINE)


class Unlike(Doubtful):
    """Tables that an earlier load left do not hold what the dump states; they are dropped before this is raised."""


def begin(admin: Connection, staging: str, *, resume: bool) -> set[str]:
    """Make the staging database, anew or with the tables it has, which are told; its character set is the server's own
    until the dump says otherwise."""
    name = quoted_name(staging)
    if not resume:
        admin.run(b"DROP DATABASE IF EXISTS " + name)
    admin.run(b"CREATE DATABASE IF NOT EXISTS " + name)
    standing = set(table_names(admin, staging))
    if standing:
        charset, collation = admin.one(b"SELECT @@character_set_server, @@collation_server")
        admin.run(
            b"ALTER DATABASE " + name + b" CHARACTER SET " + quoted_string(charset or b"")
            + b" COLLATE " + quoted_string(collation or b"")
        )  # fmt: skip
    return standing


def keeps(load: Load, name: str, sql: bytes) -> bool:
    """Whether the table of that name, which `sql` would make, may be kept for now; else it is not there afterwards."""
    if name not in load.standing:
        return False
    load.standing.discard(name)
    place = quoted_name(load.staging) + b"." + quoted_name(name)
    if load.admin.rows(b"SELECT 1 FROM " + place + b" LIMIT 1") and _made_alike(load, name, sql):
        load.kept.add(name)
        return True
    load.admin.run(b"DROP TABLE " + place)
    return False


def _made_alike(load: Load, name: str, sql: bytes) -> bool:
    """Compare with a twin of the dump's own making, foreign keys aside: those are made again in the end."""
    found = CREATE_TABLE.match(sql)
    if found is None:
        return False
    twin = TWIN + secrets.token_hex(8)
    renamed = sql[: found.start("name")] + quoted_name(twin) + sql[found.end("name") :]
    apart = taken_apart(renamed, twin)
    try:
        for statement in (apart.bare, *apart.keys) if apart else (renamed,):
            load.loader.run(statement, f"making a twin of the table {safe(name)}")
        _drop_foreign_keys(load, name)
        return _shape(load.admin, load.staging, twin) == _shape(load.admin, load.staging, name)
    except Refusal:
        return False
    finally:
        load.admin.run(b"DROP TABLE IF EXISTS " + quoted_name(load.staging) + b"." + quoted_name(twin))


def _drop_foreign_keys(load: Load, name: str) -> None:
    names = FOREIGN_KEY.findall(_shape(load.admin, load.staging, name))
    if names:
        dropped = b", ".join(b"DROP FOREIGN KEY " + one for one in names)
        load.loader.run(b"ALTER TABLE " + quoted_name(name) + b" " + dropped)


def _shape(admin: Connection, staging: str, name: str) -> bytes:
    """SHOW CREATE TABLE behind the name, without its AUTO_INCREMENT counter."""
    made = admin.one(b"SHOW CREATE TABLE " + quoted_name(staging) + b"." + quoted_name(name))[1] or b""
    return AUTO_INCREMENT.sub(rb"\1", made).removeprefix(b"CREATE TABLE " + quoted_name(name))


def end(load: Load) -> None:
    """Drop what the dump does not have: twins of a killed load, tables of an earlier one."""
    for name in sorted(load.standing):
        load.admin.run(b"DROP TABLE IF EXISTS " + quoted_name(load.staging) + b"." + quoted_name(name))
    load.standing.clear()
