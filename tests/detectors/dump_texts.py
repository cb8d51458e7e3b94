"""Dumps as mysqldump and mariadb-dump write them, from tables given as columns and rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from detectors.dump_marks import MARKS, Mark

Rows = Sequence[Sequence[bytes | int | None]]
Tables = Mapping[str, tuple[Sequence[str], Rows]]
QUOTE = {0: b"\\0", 10: b"\\n", 13: b"\\r", 26: b"\\Z", 34: b'\\"', 39: b"\\'", 92: b"\\\\"}


def literal(value: bytes | int | None) -> bytes:
    """A value as mysql_real_escape_string leaves it."""
    if value is None:
        return b"NULL"
    if isinstance(value, int):
        return b"%d" % value
    return b"'" + b"".join(QUOTE.get(byte, bytes([byte])) for byte in value) + b"'"


def statements(tables: Tables, listed: bool = False) -> Iterable[bytes]:
    """CREATE TABLE and INSERT of each table; `listed`: with column names, as phpMyAdmin and --complete-insert."""
    for name, (columns, rows) in tables.items():
        quoted = b"`" + name.encode() + b"`"
        body = b",\n".join(b"  `%b` longtext DEFAULT NULL" % column.encode() for column in columns)
        yield b"DROP TABLE IF EXISTS %b;\n/*!40101 SET character_set_client = utf8 */;\n" % quoted
        yield b"CREATE TABLE %b (\n%b,\n  KEY `k` (`%b`(20))\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n" % (
            quoted, body, columns[0].encode(),
        )  # fmt: skip
        if rows:
            names = b" (%b)" % b", ".join(b"`%b`" % one.encode() for one in columns) if listed else b""
            told = b",\n".join(b"(%b)" % b",".join(literal(value) for value in row) for row in rows)
            yield b"LOCK TABLES %b WRITE;\n/*!40000 ALTER TABLE %b DISABLE KEYS */;\n" % (quoted, quoted)
            yield b"INSERT INTO %b%b VALUES\n%b;\nUNLOCK TABLES;\n" % (quoted, names, told)


def dump(database: str, tables: Tables, listed: bool = False) -> bytes:
    """A whole dump of one database."""
    head = (
        b"/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n"
        b"-- Host: localhost    Database: %b\n"
        b"-- ------------------------------------------------------\n/*!40101 SET NAMES utf8mb4 */;\n"
    ) % database.encode()
    return head + b"".join(statements(tables, listed)) + b"\n-- Dump completed on 2024-03-01  3:00:01\n"


def marked(
    mark: Mark, prefix: str, cells: Mapping[str, Rows] | None = None
) -> dict[str, tuple[Sequence[str], Rows]]:
    """The tables of a mark, and rows for those it reads; the columns are those it reads."""
    tables: dict[str, tuple[Sequence[str], Rows]] = {prefix + name: (("id",), ()) for name in mark.tables}
    for name, rows in (cells or {}).items():
        columns = dict.fromkeys(
            column
            for _, table, key, _, value in mark.cells
            if table == name
            for column in (key, value)
            if column
        )
        tables[prefix + name] = (tuple(columns), rows)
    return tables


def mark_of(system: str, *tables: str) -> Mark:
    """The first mark of a system that has these tables."""
    return next(mark for mark in MARKS if mark.system == system and set(tables) <= set(mark.tables))
