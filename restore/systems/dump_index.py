"""Where each database and each table of a dump stands, by plain bytes, so that one of them can be cut out.

Boundaries are those of the exact statement reader (dump.py): no comment is a marker, and no text inside a string, a
comment or a routine's body moves one. A change of database under another DELIMITER, which no dump program writes, is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from restore.errors import DumpDamaged, DumpRefused
from restore.systems.dump import DumpReader, Kind, Statement
from restore.systems.dump_statements import ALTER_DATABASE, CREATE_DATABASE, FLAGS, USE
from restore.systems.dump_text import NAME, effective, name_of

# Above every server's version: what any server may run counts.
ANY_VERSION = 999998
INSERT = re.compile(rb"(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+(?P<name>" + NAME + rb")", re.IGNORECASE)
TABLE = re.compile(
    rb"(?:CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?|DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)?|LOCK\s+TABLES\s+|ALTER\s+TABLE\s+)"
    rb"(?P<name>" + NAME + rb")",
    FLAGS,
)
SETTING = re.compile(rb"(?:SET|UNLOCK|COMMIT)\b", FLAGS)


@dataclass(frozen=True, slots=True)
class Stretch:
    """Plain bytes from `start` to before `end`: settings before all databases (`database` None), what is a database's
    as a whole (`table` ""), or a table."""

    database: str | None
    table: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DumpIndex:
    """The stretches of a dump of `size` plain bytes, in order and without gaps. A dump that names no database has
    one called "". `damage` says why the last one is not whole, "" where it is."""

    stretches: tuple[Stretch, ...]
    size: int
    damage: str = ""

    @property
    def databases(self) -> tuple[str, ...]:
        """Their names, in the dump's order."""
        return tuple(dict.fromkeys(one.database for one in self.stretches if one.database is not None))

    @property
    def damaged(self) -> str:
        """The database that the damage is in; "" where there is none."""
        named = [one.database for one in self.stretches if one.database is not None]
        return named[-1] if self.damage and named else ""

    def parts(self, database: str, table: str = "") -> tuple[tuple[int, int], ...]:
        """Where a database (or one of its tables) stands, with the settings it is to be read under; () where the
        dump does not hold it."""
        wanted = [one for one in self.stretches if one.database == database]
        if table:
            held = [one for one in wanted if one.table == table]
            opening = [one for one in wanted[:1] if not one.table]
            wanted = [*opening, *held] if held else []
        settings = [one for one in self.stretches if one.database is None]
        return (
            tuple((one.start, one.end) for one in sorted({*settings, *wanted}, key=_start)) if wanted else ()
        )


def _start(one: Stretch) -> int:
    return one.start


def index_of(chunks: Iterator[bytes]) -> DumpIndex:
    """Read a plain dump to its end. Raises DumpDamaged, DumpRefused."""
    return _index(DumpReader(chunks), [])


def index_of_part(chunks: Iterator[bytes]) -> DumpIndex:
    """The same, as far as a damaged dump can be read: its last database is then the one that the damage is in. Raises
    DumpDamaged where no database begins before it, DumpRefused."""
    reader, found = DumpReader(chunks), list[Stretch]()
    try:
        index = _index(reader, found)
        damage = reader.missing_end(made=True)
    except DumpDamaged as error:
        if not any(one.database is not None for one in found):
            raise
        index = DumpIndex(tuple(one for one in found if one.end > one.start), reader.size)
        damage = error.message
    return replace(index, damage=damage)


def _index(reader: DumpReader, found: list[Stretch]) -> DumpIndex:
    """The index; `found` is what was found of it where the reading breaks off."""
    database: str | None = None
    table, start = "", 0
    try:
        for statement in reader:
            if statement.kind is Kind.CUT:
                raise DumpDamaged(
                    f"the dump ends inside the statement that begins at byte {statement.offset:,}"
                )
            place = _place(statement, database, table, reader.plainly)
            if place != (database, table):
                found.append(Stretch(database, table, start, statement.offset))
                (database, table), start = place, statement.offset
    finally:
        found.append(Stretch(database, table, start, reader.size))
    return DumpIndex(tuple(one for one in found if one.end > one.start), reader.size)


def _place(statement: Statement, database: str | None, table: str, plainly: bool) -> tuple[str | None, str]:
    """To which database and table a statement belongs, the one before it belonging to these."""
    text = statement.text
    if insert := INSERT.match(text):
        return database or "", name_of(insert["name"])
    sql = effective(text, ANY_VERSION) or b""
    if other := USE.match(sql) or CREATE_DATABASE.match(sql):
        name = name_of(other["name"])
        if not plainly and name != database:
            raise DumpRefused(f"byte {statement.offset:,}: a change of database under another DELIMITER", ())
        return name, ""
    if not plainly:
        return database, table  # a table's triggers stand right behind it
    if named := TABLE.match(sql):
        return database or "", name_of(named["name"])
    if SETTING.match(sql) or ALTER_DATABASE.match(sql):
        return database, table
    return database or "", ""
