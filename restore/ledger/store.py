"""The ledger's file: where it lies, how it is opened, what its rows look like and how they are chained."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

from restore.errors import Fenced, LedgerDamaged, LedgerMissing, StateUnsafe, StateUnwritable
from restore.ledger.disk import private_folder, sync_folder

NAME = "ledger.sqlite"
APPLICATION_ID = 0x62725374
VERSION = 1
BUSY_SECONDS = 10.0

Row = tuple[int, str, int, str, str, str, str, str, str, str, str, int, int, str, str]


def column(text: str) -> str:
    """Text as it stands in a column: backslashes doubled, and what UTF-8 cannot hold escaped, so that no two
    texts (a name of odd bytes, and a name that spells their escapes) become one."""
    return text.replace("\\", "\\\\").encode("utf-8", "backslashreplace").decode("utf-8")


def original(text: str) -> str:
    """The text that column() was given."""
    return (
        _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "\\", text)
        if "\\" in text
        else text
    )


_ESCAPE = re.compile(r"\\(?:\\|u(d[89a-f][0-9a-f]{2}))")


def stamp(at: datetime) -> str:
    """A time as the ledger writes it: UTC, microseconds, Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """SQLite's errors in our words."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        if "epoch over" in str(error):
            raise Fenced("another coordinator has taken over; this one may record no more") from error
        raise
    except sqlite3.ProgrammingError:
        raise
    except sqlite3.OperationalError as error:
        raise StateUnwritable(f"the ledger {path} could not be used: {error}") from error
    except sqlite3.DatabaseError as error:
        raise LedgerDamaged(f"the ledger {path} is damaged: {error}") from error


def open_for_writing(folder: Path) -> sqlite3.Connection:
    """The ledger of a state folder, made if there is none; every commit is on disk when it returns."""
    private_folder(folder)
    path = folder / NAME
    with translated(path):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
            raise StateUnwritable(
                f"{folder} lies on a file system that cannot hold a ledger; name a local disk"
            )
        connection.execute("PRAGMA synchronous = FULL")
        _make(connection)
        _check(connection, path)
    sync_folder(folder)
    return connection


def open_for_reading(folder: Path) -> sqlite3.Connection:
    """A view that cannot write and never holds up the writer; raises LedgerMissing."""
    path = folder / NAME
    try:
        path.lstat()
    except FileNotFoundError as error:
        raise LedgerMissing(f"there is no ledger in {folder}") from error
    except PermissionError as error:
        raise StateUnsafe(f"{folder} belongs to somebody else: {error.strerror}") from error
    with translated(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS,
                                     isolation_level=None)  # fmt: skip
        if _is_empty(connection):
            raise LedgerMissing(f"the ledger in {folder} was never begun")
        _check(connection, path)
    return connection


def _is_empty(connection: sqlite3.Connection) -> bool:
    """A kill at its very first moment leaves a database without a schema."""
    return bool(connection.execute("SELECT count(*) = 0 FROM sqlite_schema").fetchone()[0])


def _make(connection: sqlite3.Connection) -> None:
    """The whole schema in one transaction, so that a kill leaves all of it or none."""
    connection.execute("BEGIN IMMEDIATE")
    if _is_empty(connection):
        schema = resources.files("restore.ledger").joinpath("schema.sql").read_text("utf-8")
        for statement in _statements(schema):
            connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _statements(schema: str) -> Iterator[str]:
    statement = ""
    for line in schema.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check(connection: sqlite3.Connection, path: Path) -> None:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if (application, version) != (APPLICATION_ID, VERSION):
        raise LedgerDamaged(f"{path} is no ledger of this version (id {application:#x}, version {version})")
