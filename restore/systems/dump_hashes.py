"""Accounts and password hashes in a dump of the `mysql` database, read as text: nothing of it is ever run.

MariaDB 10.4 and later keep them as JSON in global_priv, older releases and MySQL as columns of user.
https://mariadb.com/kb/en/mysqlglobal_priv-table/ https://mariadb.com/kb/en/mysqluser-table/
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from detectors.finding import Secret
from restore.errors import DumpDamaged
from restore.model.mysql import AccountName
from restore.model.ports import SurvivingHash
from restore.systems.dump import DumpReader, Kind
from restore.systems.dump_rows import CELL, ROW, decoded
from restore.systems.dump_statements import CREATE_TABLE, INSERT
from restore.systems.dump_text import effective, name_of

TABLES = ("user", "global_priv")
GRANTS = "db"
NATIVE = "mysql_native_password"
VERSION = 101100
COLUMN = re.compile(rb"^\s*`((?:[^`]|``)+)`\s", re.MULTILINE)
CHARSET = "utf8mb4"


def read_hashes(dump: Iterator[bytes]) -> Iterator[SurvivingHash]:
    """Every account with a password in the dump's tables user and global_priv, with the databases that its table db
    lets it use. Raises DumpDamaged where the dump is cut or a row of these tables cannot be read."""
    granted: defaultdict[AccountName, dict[str, None]] = defaultdict(dict)
    found = list(_read(dump, granted))
    for one in found:
        yield replace(one, databases=tuple(granted.get(one.account, ())))


def read_table(dump: Iterator[bytes], table: str) -> Iterator[dict[str, bytes]]:
    """The rows of one table of a dump, by column name in lower case. Raises DumpDamaged as read_hashes does."""
    for name, columns, text, insert in _inserts(dump):
        if name == table:
            yield from _rows(table, columns, text, insert)


def _read(
    dump: Iterator[bytes], granted: defaultdict[AccountName, dict[str, None]]
) -> Iterator[SurvivingHash]:
    for table, standing, text, insert in _inserts(dump):
        if table in TABLES:
            yield from _accounts(table, standing, text, insert)
        elif table == GRANTS:
            for row in _rows(table, standing, text, insert):
                if (name := _database(row)) and row.get("select_priv") == b"Y":
                    granted[_account(row)][name] = None


def _inserts(dump: Iterator[bytes]) -> Iterator[tuple[str, tuple[str, ...], bytes, re.Match[bytes]]]:
    """Every INSERT: its table, the columns which that was made with, its text and its head."""
    columns: dict[str, tuple[str, ...]] = {}
    reader = DumpReader(dump)
    for statement in reader:
        if statement.kind is Kind.CUT:
            raise DumpDamaged(f"the dump ends at byte {reader.size:,} inside a statement")
        text = (
            effective(statement.text, VERSION) if b"CREATE" in statement.text[:64].upper() else statement.text
        )
        if text and (made := CREATE_TABLE.match(text)):
            names = COLUMN.findall(text[made.end() :])
            columns[name_of(made["name"], CHARSET)] = tuple(
                name.decode("utf-8", "replace").lower() for name in names
            )
        elif insert := INSERT.match(statement.text):
            table = name_of(insert["name"], CHARSET)
            yield table, columns.get(table, ()), statement.text, insert


def _accounts(
    table: str, standing: tuple[str, ...], text: bytes, insert: re.Match[bytes]
) -> Iterator[SurvivingHash]:
    for found in _rows(table, standing, text, insert):
        account = _account(found)
        plugin, verifier = _priv(found.get("priv", b"")) if table == "global_priv" else _user(found)
        if verifier and account.user:
            yield SurvivingHash(account, plugin, Secret(verifier))


def _account(found: dict[str, bytes]) -> AccountName:
    return AccountName(_text(found.get("user")), _text(found.get("host")))


def _database(found: dict[str, bytes]) -> str:
    """The one database that a row of db names, "" where it is a pattern for several."""
    raw = _text(found.get("db"))
    return "" if re.search(r"(?<!\\)%", raw) else re.sub(r"\\([_%\\])", r"\1", raw)


def _rows(
    table: str, standing: tuple[str, ...], text: bytes, insert: re.Match[bytes]
) -> Iterator[dict[str, bytes]]:
    named = re.findall(rb"`((?:[^`]|``)+)`", insert["columns"] or b"")
    columns = tuple(name.decode("utf-8", "replace").lower() for name in named) or standing
    position = insert.end()
    while position < len(text):
        row = ROW.match(text, position)
        if row is None:
            raise DumpDamaged(f"a row of the table {table} in the dump cannot be read")
        cells = [_value(cell[1]) for cell in CELL.finditer(row[1])]
        yield dict(zip(columns, cells, strict=False))
        position = row.end()


def _value(literal: bytes) -> bytes:
    return decoded(literal) if literal[:1] in b"'\"xX_" or literal[:2] in (b"0x", b"0X") else literal


def _text(value: bytes | None) -> str:
    return (value or b"").decode("utf-8", "surrogateescape")


def _priv(raw: bytes) -> tuple[str, bytes]:
    """Plugin and verifier of a row of global_priv; an account with several plugins states them under auth_or."""
    try:
        stated = json.loads(raw)
    except ValueError:
        return "", b""
    choices = [stated, *stated.get("auth_or", [])] if isinstance(stated, dict) else []
    for one in choices:
        word = one.get("authentication_string", "") if isinstance(one, dict) else ""
        if isinstance(word, str) and word and word != "invalid":
            return str(one.get("plugin") or stated.get("plugin") or NATIVE), word.encode()
    return "", b""


def _user(found: dict[str, bytes]) -> tuple[str, bytes]:
    verifier = found.get("authentication_string", b"") or found.get("password", b"")
    return _text(found.get("plugin")) or NATIVE, b"" if verifier in (b"NULL", b"invalid") else verifier
