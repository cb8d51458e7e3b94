"""For whom the views, triggers, routines and events of a database are defined, and how they come to another account.

Each is created anew from what SHOW CREATE says, with its DEFINER replaced: one statement, which takes the place of what
stood there. https://mariadb.com/kb/en/create-trigger/#or-replace
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from restore.errors import ObjectRefused
from restore.model.mysql import AccountName
from restore.model.text import safe
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_connection import Connection
from restore.systems.mysql_objects import Statement, create_statements, objects_of, shown
from restore.systems.mysql_tables import text

# What SHOW CREATE begins with; names in backquotes, a backquote doubled.
HEAD = re.compile(rb"\ACREATE (?P<algorithm>ALGORITHM=\w+ )?DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*` ")
# Where each kind stands in information_schema: table, kind, name, schema.
PLACES = (
    (b"VIEWS", b"'view'", b"TABLE_NAME", b"TABLE_SCHEMA"),
    (b"TRIGGERS", b"'trigger'", b"TRIGGER_NAME", b"TRIGGER_SCHEMA"),
    (b"ROUTINES", b"LOWER(ROUTINE_TYPE)", b"ROUTINE_NAME", b"ROUTINE_SCHEMA"),
    (b"EVENTS", b"'event'", b"EVENT_NAME", b"EVENT_SCHEMA"),
)


def defined_by(connection: Connection, database: str, definer: AccountName) -> tuple[tuple[str, str], ...]:
    """(kind, name) of what that account defines in a database, sorted."""
    schema, account = quoted_string(database), quoted_string(f"{definer.user}@{definer.host}")
    queries = [
        b"SELECT %s, %s FROM information_schema.%s WHERE %s = %s AND DEFINER = %s"
        % (kind, name, table, place, schema, account)
        for table, kind, name, place in PLACES
    ]
    return tuple(
        sorted((text(kind), text(name)) for kind, name in connection.rows(b" UNION ALL ".join(queries)))
    )


def redefine(admin: Connection, database: str, old: AccountName, new: AccountName) -> None:
    """Create what `old` defines anew, defined by `new`, and read back that nothing of it is left. Raises ObjectRefused;
    what is lost by that is put back as it was."""
    found = defined_by(admin, database, old)
    before = [_statement(admin, database, kind, name) for kind, name in found]
    owner = b"DEFINER=" + quoted_name(new.user) + b"@" + quoted_name(new.host) + b" "
    try:
        create_statements(admin, database, [_owned(one, owner) for one in before])
    except ObjectRefused:
        _put_back(admin, database, before)
        raise
    left = defined_by(admin, database, old)
    if left:
        names = ", ".join(f"{kind} {safe(name)}" for kind, name in left)
        raise ObjectRefused(f"{safe(database)}: still defined by {old}: {names}")


def _statement(admin: Connection, database: str, kind: str, name: str) -> Statement:
    _, _, sql, client, collation, mode, zone = shown(admin, database, kind, name)
    settings = (
        ("character_set_client", text(client)),
        ("collation_connection", text(collation)),
        ("sql_mode", text(mode)),
        ("time_zone", text(zone)),
    )
    return Statement(kind, name, sql or b"", settings)


def _owned(one: Statement, owner: bytes) -> Statement:
    head = HEAD.match(one.sql)
    if head is None:
        raise ObjectRefused(f"{one.kind} {safe(one.name)}: the server shows no definer of it")
    sql = b"CREATE OR REPLACE " + (head["algorithm"] or b"") + owner + one.sql[head.end() :]
    return Statement(one.kind, one.name, sql, one.settings)


def _put_back(admin: Connection, database: str, before: Sequence[Statement]) -> None:
    standing = set(objects_of(admin, database))
    create_statements(admin, database, [one for one in before if (one.kind, one.name) not in standing])
