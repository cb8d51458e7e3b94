"""What the names of mydumper's files tell: whose a file is, what it holds, in which order they are read.

DB-schema-create.sql, DB.TABLE-schema.sql, DB.TABLE.sql or DB.TABLE.NNNNN.sql, DB.VIEW-schema-view.sql,
DB.TABLE-schema-triggers.sql, DB-schema-post.sql, packed or not; and one `metadata` for all, which is called
metadata.partial until mydumper has ended. https://github.com/mydumper/mydumper
"""

from __future__ import annotations

import re
from collections.abc import Iterable

PACKED = rb"(?:\.(?:gz|zst|xz|bz2))?"
METADATA, PARTIAL = b"metadata", b"metadata.partial"
CREATE = re.compile(rb"(.+)-schema-create\.sql" + PACKED, re.DOTALL)
OTHER = re.compile(rb"-schema-(?:post|triggers)\.sql" + PACKED)
PIECES = re.compile(
    rb"\.(?P<table>.+?)(?P<kind>-schema|-schema-view|-schema-triggers|-schema-sequence)?(?P<part>(?:\.\d+)*)\.sql"
    + PACKED,
    re.DOTALL,
)
# Rows that are no SQL: of --csv, --load-data and --json.
UNREAD = re.compile(rb".+\.(?:dat|csv|json)" + PACKED, re.DOTALL)
# A view's place-holder is made first, and dropped by the view's own file.
ORDER = {b"": 1, b"-schema": 0, b"-schema-sequence": 0, b"-schema-view": 2, b"-schema-triggers": 3}


def is_mydumper(names: Iterable[bytes]) -> bool:
    """Whether a folder of these files is one of mydumper's."""
    return any(name in (METADATA, PARTIAL) or CREATE.fullmatch(name) for name in names)


def databases_of(names: Iterable[bytes]) -> dict[bytes, tuple[bytes, ...]]:
    """The files of each database, in the order in which they are to be read; those of the whole are left out."""
    names = sorted(names)
    known = {match[1] for name in names if (match := CREATE.fullmatch(name))}
    found: dict[bytes, list[bytes]] = {database: [] for database in sorted(known)}
    for name in names:
        database = _database(name, known)
        if database and name not in (METADATA, PARTIAL):
            found.setdefault(database, []).append(name)
    return {
        database: tuple(sorted(files, key=lambda name: _place(name, database)))
        for database, files in found.items()
    }


def _database(name: bytes, known: set[bytes]) -> bytes:
    """Whose a file is: the longest name that fits, else what stands before the first dot."""
    fitting = [one for one in known if name.startswith((one + b".", one + b"-schema"))]
    if fitting:
        return max(fitting, key=len)
    rest = name.partition(b".")
    is_ours = PIECES.fullmatch(b"." + rest[2]) or UNREAD.fullmatch(rest[2])
    return rest[0] if rest[0] and is_ours else b""


def _place(name: bytes, database: bytes) -> tuple[int, bytes, int, bytes]:
    rest = name[len(database) :]
    if rest.startswith(b"-schema-create"):
        return 0, b"", 0, name
    found = PIECES.fullmatch(rest)
    if found is None:
        return 4, b"", 0, name
    kind = ORDER[found["kind"] or b""]
    return (1 if kind < 2 else kind), (found["table"] if kind < 2 else b""), kind, name


def kind_of(name: bytes, database: bytes) -> str:
    """What a file of a database holds."""
    rest = name[len(database) :]
    if rest.startswith(b"-schema-create"):
        return "create"
    found = PIECES.fullmatch(rest)
    if OTHER.fullmatch(rest) or found is None or found["kind"] == b"-schema-triggers":
        return "body"
    return {b"": "rows", b"-schema-view": "view"}.get(found["kind"] or b"", "schema")
