"""What mydumper's files hold but for rows: whether it came to its end, how many rows it states, routines' bodies.

0.10 writes "Finished dump at:" into `metadata`, later versions "# Finished dump at:" and sections with `rows = N` for
each table. Statements end with `;` and a line feed; inside a routine's body mydumper puts a space between the two.
Tried with 0.10.0; the layout of later versions is read as their sources state it.
https://github.com/mydumper/mydumper
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from restore.errors import DumpDamaged
from restore.model.mydumper import PARTIAL

FINISHED = re.compile(rb"^(?:# )?Finished dump at: *\d", re.MULTILINE)
SECTION = re.compile(rb"^\[`(?P<database>[^`]+)`\.`(?P<table>[^`]+)`\]\s*$")
VALUE = re.compile(rb"^(?P<key>\w+) *= *(?P<value>.*?)\s*$")
STATED = 4 << 20


def check_finished(name: bytes, metadata: bytes, where: str) -> None:
    """Raise DumpDamaged where the metadata says that mydumper did not come to its end."""
    if name == PARTIAL or not FINISHED.search(metadata):
        raise DumpDamaged(f'{where}: mydumper did not come to its end (metadata has no "Finished dump at")')


def stated_rows(metadata: bytes, database: bytes) -> dict[str, int]:
    """How many rows each table of a database has, as the metadata of later versions states it."""
    found: dict[str, int] = {}
    table, rows = "", None
    for line in metadata[:STATED].splitlines():
        if section := SECTION.match(line):
            table = _text(section["table"]) if section["database"] == database else ""
        elif line.startswith(b"["):
            table = ""
        elif table and (value := VALUE.match(line)):
            if value["key"] == b"real_table_name":
                rows = found.pop(table, None)
                table = _text(value["value"])
                if rows is not None:
                    found[table] = rows
            elif value["key"] == b"rows" and value["value"].isdigit():
                found[table] = int(value["value"])
    return found


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def with_delimiters(text: bytes) -> Iterator[bytes]:
    """Triggers, routines and events with DELIMITER lines, as the stock client and the exact reader read them."""
    word = b";;"
    while word in text:
        word += b";"
    for statement in re.split(rb"(?<=;)\n", text):
        bare = statement.strip()
        if re.match(rb"CREATE\b|/\*!\d+ CREATE\b", bare, re.IGNORECASE):
            yield b"DELIMITER " + word + b"\n" + bare.removesuffix(b";") + b"\n" + word + b"\nDELIMITER ;\n"
        elif bare:
            yield bare + b"\n"
