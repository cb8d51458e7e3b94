"""A CREATE TABLE as servers before MySQL 5.1, and engines that are gone, wrote it, in today's words; each change told.

TYPE=… was the word for ENGINE=… up to 5.1; timestamp(14) told how many digits were shown; ISAM, BDB and TokuDB are no
more. And a second try for what a server refuses by its settings alone: row formats whose keys are short, encryption
that it has no keys for.
https://dev.mysql.com/doc/refman/5.1/en/create-table.html, https://mariadb.com/kb/en/innodb-row-formats-overview/
"""

from __future__ import annotations

import re

from restore.model.text import safe
from restore.systems.dump import STRING
from restore.systems.dump_mysql8 import Translated, for_mariadb

TABLE = re.compile(rb"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(`(?:[^`]|``)+`|\w+)\s*\(", re.IGNORECASE)
SIGNS = re.compile(rb"TYPE\s*=|timestamp\s*\(\s*(?:[89]|1\d)\s*\)|ENGINE\s*=", re.IGNORECASE)
TIMESTAMP = re.compile(
    STRING + rb"|\b(?P<word>timestamp)\s*\(\s*(?:[7-9]|1\d)\s*\)", re.IGNORECASE | re.DOTALL
)
ENGINE = re.compile(
    STRING + rb"|(?P<space>\s)(?P<word>TYPE|ENGINE)\s*=\s*(?P<name>\w+)", re.IGNORECASE | re.DOTALL
)
GONE = {
    b"ISAM": b"MyISAM",
    **dict.fromkeys((b"BDB", b"BERKELEYDB", b"GEMINI", b"FALCON", b"PBXT", b"XTRADB"), b"InnoDB"),
    **dict.fromkeys((b"TOKUDB", b"ROCKSDB", b"NDB", b"NDBCLUSTER"), b"InnoDB"),
    b"MARIA": b"Aria",
}
SETTING = re.compile(
    STRING
    + rb"|\s(?P<row>ROW_FORMAT\s*=\s*(?:COMPACT|REDUNDANT))\b"
    + rb"|\s(?P<key>`?ENCRYPT(?:ED|ION_KEY_ID)`?\s*=\s*\w+)",
    re.IGNORECASE | re.DOTALL,
)


def in_mariadbs_words(text: bytes, version: int) -> Translated:
    """The text of a statement, whichever server wrote it, for a MariaDB of `version`."""
    told = for_mariadb(text, version)
    old = in_todays_words(told.text)
    return Translated(old.text, [*told.notes, *old.notes], told.left_out)


def in_todays_words(text: bytes) -> Translated:
    """The text of a statement; anything but a CREATE TABLE of another time as it is."""
    made = TABLE.match(text)
    if made is None or not SIGNS.search(text):
        return Translated(text)
    told, table = Translated(text), safe(made[1].strip(b"`"))

    def stamp(found: re.Match[bytes]) -> bytes:
        return found["word"] or found[0]

    def engine(found: re.Match[bytes]) -> bytes:
        name = found["name"]
        other = GONE.get(name.upper()) if name else None
        if other is not None:
            told.notes.append(
                f"table {table}: the engine {safe(name)} is no more; {other.decode()} was taken"
            )
        elif found["word"] is None or found["word"].upper() != b"TYPE":
            return found[0]
        return found["space"] + b"ENGINE=" + (other or name)

    last = text.rfind(b")")
    body, options = text[:last], text[last:]
    changed = TIMESTAMP.sub(stamp, body) + ENGINE.sub(engine, options)
    told.text = text if changed == text else changed
    return told


def gentler(sql: bytes, table: str) -> Translated:
    """A CREATE TABLE that a server refused without what its settings may forbid; as it is where there is nothing."""
    told = Translated(sql)

    def other(found: re.Match[bytes]) -> bytes:
        if found["row"]:
            told.notes.append(
                f"table {safe(table)}: {safe(found['row'])} was left to the server, which refused keys that long"
            )
        elif found["key"]:
            told.notes.append(
                f"table {safe(table)}: {safe(found['key'])} was left out, which this server refused"
            )
        return b"" if found["row"] or found["key"] else found[0]

    changed = SETTING.sub(other, sql)
    told.text = sql if changed == sql else changed
    return told
