"""Values that a session of bytes would lose: under SET NAMES binary, as mydumper and mysqldump --tab write, MariaDB
takes the text of a UUID or an INET6 for its 16 bytes and stores NULL. An introducer says that it is text."""

from __future__ import annotations

from collections.abc import Sequence

from restore.systems.dump_rows import CELL, PLAIN, ROW, Column

BINARY = "binary"
INTRODUCER = b"_utf8mb4"


def introduced(text: bytes, start: int, columns: Sequence[Column], charset: str) -> bytes:
    """The INSERT `text`, whose first row begins at `start`, with such values introduced; any other as it is."""
    if charset != BINARY or not any(column.kind in PLAIN for column in columns):
        return text
    parts, place = [text[:start]], start
    while (row := ROW.match(text, place)) is not None:
        cells = [found[1] for found in CELL.finditer(row[1])]
        if len(cells) == len(columns):
            pairs = zip(cells, columns, strict=True)
            cells = [
                INTRODUCER + cell if column.kind in PLAIN and cell[:1] in b"'\"" else cell
                for cell, column in pairs
            ]
        parts.append((b"," if place > start else b"") + b"(" + b",".join(cells) + b")")
        place = row.end()
    return b"".join((*parts, text[place:]))
