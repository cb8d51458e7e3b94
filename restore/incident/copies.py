"""The further copies of a lost server that its [[old_server.copy]] tables state, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from restore.incident.mail_layout import read_layout
from restore.incident.moments import as_of, instant
from restore.incident.table import Table
from restore.model.incident import KINDS, ServerCopy

Check = Callable[[str], str]


def read_copies(server: Table, inside: Check) -> tuple[ServerCopy, ...]:
    """The copies that follow the one which the server's own `source` and `path` state; mistakes go to the table's.
    `inside` says what is wrong with a path inside a source, "" where nothing is."""
    server.known.add("copy")
    rows = server.values.get("copy", [])
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        server.wrong("copy", "[[old_server.copy]] tables")
        return ()
    copies = []
    for number, row in enumerate(rows, 2):
        table = Table(f"{server.where}.copy[{number}]", row, server.mistakes)
        copies.append(
            ServerCopy(
                table.text("source"),
                table.text("path", "", check=inside),
                table.choice("kind", KINDS, "backup"),
                moment(table, "date"),
                read_layout(table, inside),
            )
        )
        table.end()
    own = (server.values.get("source"), server.values.get("path", ""))
    places = [own, *((copy.source, copy.path) for copy in copies)]
    if len(set(places)) < len(places):
        server.wrong("copy", "another source or path for each copy")
    return tuple(copies)


def moment(table: Table, key: str, *, day: bool = True) -> float | None:
    """A time in epoch seconds, None where it is not stated: a TOML date or time, or one in quotes; UTC where no zone
    is stated. A day without a time means its last second; without `day` it is a mistake."""
    table.known.add(key)
    value = table.values.get(key)
    if value is None:
        return None
    try:
        return as_of(value) if day else instant(value).timestamp()
    except ValueError:
        allowed = "day or time like 2026-11-24 or" if day else "time like"
        table.wrong(key, f"a {allowed} 2026-11-24T02:00:00Z")
        return None
