"""What a load knows while it goes on: its connections, its tables, and what is to be said of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from restore.errors import DumpRefused
from restore.model.mysql import RefusedStatement, SchemaObject, TableState
from restore.model.text import safe
from restore.systems.dump import Statement
from restore.systems.dump_rows import RowReader
from restore.systems.dump_session import DumpSession
from restore.systems.dump_statements import Refuse
from restore.systems.dump_text import blanked, quoted_string
from restore.systems.mysql_connection import Connection
from restore.systems.mysql_lanes import Lanes
from restore.systems.mysql_load_limits import Watch
from restore.systems.mysql_tables import STANDING_CHARSET, STANDING_ZONE, text

# The releases that repaired bulk insertion into empty tables (MDEV-34703); before them it stays off.
BULK_REPAIRED = ((10, 11, 11), (11, 4, 5), (11, 7, 2))


@dataclass(slots=True)
class Table:
    """A table of the dump: how its rows are read, under which settings they were written; what is still to be made of
    it (`keys`, `constraints`, as SQL), and its state once it was read back."""

    name: str
    offset: int
    reader: RowReader | None = None
    columns: tuple[str, ...] = ()
    charset: str = STANDING_CHARSET
    time_zone: str = STANDING_ZONE
    doubt: str = ""
    keys: tuple[bytes, ...] = ()
    constraints: bytes = b""
    state: TableState | None = None


@dataclass(slots=True)
class Load:
    """The load as it goes on. `lanes` is None where every row goes by INSERT on the one connection `loader`.

    `standing` are tables that an earlier load left and the dump has not come to yet, `kept` those of them whose rows
    are compared with the stream instead of being sent."""

    admin: Connection
    loader: Connection
    staging: str
    version: int
    packet: int
    watch: Watch
    lanes: Lanes | None = None
    session: DumpSession = field(default_factory=DumpSession)
    rendered: bytes = b""
    tables: dict[str, Table] = field(default_factory=dict)
    objects: dict[tuple[str, str], SchemaObject] = field(default_factory=dict)
    refused: list[RefusedStatement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    database: str = ""
    charset: bytes = b""
    warnings: int = 0
    warned: dict[str, str] = field(default_factory=dict)
    current: str = ""
    pending: int = 0
    standing: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)

    def prepare(self) -> None:
        """Put the loader's connection into the session the dump asks for."""
        wanted = session_sql(self)
        if wanted != self.rendered:
            self.loader.run(wanted)
            self.rendered = wanted

    def flush(self) -> None:
        """Commit the rows so far: before any statement on another connection, and every few megabytes."""
        if self.pending:
            self.loader.run(b"COMMIT")
            self.pending = 0

    def count_warnings(self) -> None:
        """Count the warnings of the last statement; the first of each kind is kept in the server's words."""
        if not self.loader.warnings:
            return
        self.warnings += self.loader.warnings
        for _, number, words in self.loader.rows(b"SHOW WARNINGS LIMIT 20"):
            self.warned.setdefault(text(number), safe(words or b"", 200))

    def refuse(self, statement: Statement, refuse: Refuse) -> None:
        """List a statement as refused. Raises DumpRefused where rows or tables would be missing without it."""
        refused = RefusedStatement(statement.offset, head_of(statement.text), refuse.reason)
        self.refused.append(refused)
        if refuse.grave:
            raise DumpRefused(
                f"byte {refused.offset:,} of the dump: {refused.head}: refused ({refused.reason})",
                tuple(self.refused),
            )


def head_of(statement: bytes) -> str:
    """A statement's beginning with every string blanked: it may hold a password."""
    bare = blanked(statement[:4000])
    return safe(re.split(rb"''|['\"]", bare, maxsplit=1)[0][:80].strip() if b"'" in bare else bare[:80])


def session_sql(load: Load) -> bytes:
    """The session that the dump asks for, as one statement of ours."""
    session, variables = load.session, load.session.variables
    checks = b"0" if bulk_is_sound(load.version) else b"1"
    return (
        b"SET NAMES " + quoted_string(variables["character_set_connection"] or STANDING_CHARSET)
        + b", SESSION character_set_client = " + quoted_string(session.charset)
        + b", SESSION time_zone = " + quoted_string(session.time_zone or "SYSTEM")
        + b", SESSION sql_mode = " + quoted_string(session.sql_mode)
        + b", SESSION foreign_key_checks = 0, SESSION unique_checks = " + checks
        + b", SESSION default_storage_engine = InnoDB, SESSION innodb_strict_mode = 0, SESSION autocommit = 0"
    )  # fmt: skip


def bulk_is_sound(version: int) -> bool:
    """Whether inserting with all checks off into an empty InnoDB table is repaired in that release."""
    release = (version // 10000, version // 100 % 100, version % 100)
    branches = [fixed for fixed in BULK_REPAIRED if fixed[:2] == release[:2]]
    return release >= (branches[0] if branches else (11, 8, 0))
