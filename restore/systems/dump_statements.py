"""What each statement of a dump may become: a whitelist, by its opened and comment-free text.

Nothing is run because it was not recognised as bad; it is run because it is one of the few things a dump writer
makes. What is cut out (views, triggers, routines, events) is created later with a head of ours; everything else is
refused and listed. A refusal is `grave` where rows or tables would be missing without the statement, or where
nobody can tell: then the load stops.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from restore.model.mysql import SchemaObject
from restore.systems.dump_session import DumpSession
from restore.systems.dump_text import NAME, blanked, effective, name_of

FLAGS = re.IGNORECASE | re.DOTALL

INSERT = re.compile(
    rb"(?P<verb>INSERT|REPLACE)\s+(?:(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY)\s+)?(?P<ignore>IGNORE\s+)?(?:INTO\s+)?"
    rb"(?P<name>" + NAME + rb")\s*(?:\((?P<columns>\s*" + NAME + rb"\s*(?:,\s*" + NAME + rb"\s*)*+)?\)\s*)?"
    rb"VALUES?\s*(?=\()",
    re.IGNORECASE,
)
CREATE_TABLE = re.compile(
    rb"CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>" + NAME + rb")\s*(?=\()", FLAGS
)
PLACEHOLDER = re.compile(rb"/\*!50001\s+CREATE\s+TABLE\s", FLAGS)
ALTER_KEYS = re.compile(rb"ALTER\s+TABLE\s+" + NAME + rb"\s+(?:DISABLE|ENABLE)\s+KEYS$", FLAGS)
ALTER_TABLE = re.compile(
    rb"ALTER\s+TABLE\s+(?P<name>" + NAME + rb")\s+(?=ADD\b|MODIFY\b|CHANGE\b|AUTO_INCREMENT\b)", FLAGS
)
DROP_TABLE = re.compile(
    rb"DROP\s+TABLE\s+(?:IF\s+EXISTS\s+)(?P<names>" + NAME + rb"(?:\s*,\s*" + NAME + rb")*+)$", FLAGS
)
DROP_OBJECT = re.compile(
    rb"DROP\s+(?:VIEW|TRIGGER|PROCEDURE|FUNCTION|EVENT)\s+IF\s+EXISTS\s+" + NAME + rb"$", FLAGS
)
NOT_NEEDED = re.compile(
    rb"(?:LOCK\s+TABLES?\s.*|UNLOCK\s+TABLES?|COMMIT(?:\s+WORK)?|START\s+TRANSACTION|BEGIN(?:\s+WORK)?)$",
    FLAGS,
)
USE = re.compile(rb"USE\s+(?P<name>" + NAME + rb")$", FLAGS)
CREATE_DATABASE = re.compile(
    rb"CREATE\s+(?:DATABASE|SCHEMA)\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>" + NAME + rb")", FLAGS
)
ALTER_DATABASE = re.compile(rb"ALTER\s+(?:DATABASE|SCHEMA)\s+(?P<name>" + NAME + rb")", FLAGS)
DATABASE_CHARSET = re.compile(rb"(?:CHARACTER\s+SET|CHARSET)\s*=?\s*(\w+)", FLAGS)
DATABASE_COLLATION = re.compile(rb"COLLATE\s*=?\s*(\w+)", FLAGS)

WHO = rb"(?:`(?:[^`]|``)*`|'[^'\\]*'|\"[^\"\\]*\"|[\w$.%\-]+)"
OBJECT = re.compile(
    rb"CREATE\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*(?P<algorithm>\w+)\s+)?"
    rb"(?:DEFINER\s*=\s*(?:CURRENT_USER\s*(?:\(\s*\))?|" + WHO + rb"(?:\s*@\s*" + WHO + rb")?)\s+)?"
    rb"(?:SQL\s+SECURITY\s+(?P<security>DEFINER|INVOKER)\s+)?"
    rb"(?P<kind>VIEW|TRIGGER|(?:AGGREGATE\s+)?FUNCTION|PROCEDURE|EVENT)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    rb"(?P<name>" + NAME + rb")(?=[\s(])(?P<body>.*)",
    FLAGS,
)
TRIGGER_ON = re.compile(
    rb"\s+(?:BEFORE|AFTER)\s+(?:INSERT|UPDATE|DELETE)\s+ON\s+(?P<table>" + NAME + rb")\s", FLAGS
)

OBJECT_SETTINGS = frozenset(("sql_mode", "character_set_client", "collation_connection", "time_zone"))
ENGINES = frozenset((b"INNODB", b"MYISAM", b"ARIA", b"MEMORY", b"HEAP", b"ARCHIVE"))
ENGINE = re.compile(rb"\bENGINE\s*=?\s*(''|`q`|[\w$]+)", FLAGS)
# MYSQL.md section 4: what an account's rights do not stop, and what only makes sense across databases or files.
FORBIDDEN = (
    (re.compile(rb"\b(?:DATA|INDEX)\s+DIRECTORY\b", FLAGS), "a path outside the server's own folders"),
    (re.compile(rb"\bCONNECTION\s*=?\s*''", FLAGS), "a connection to another server"),
    (re.compile(rb"\bUNION\b", FLAGS), "UNION joins other tables"),
    (re.compile(rb"\bTABLESPACE\b", FLAGS), "a tablespace of its own"),
    (re.compile(rb"\bSELECT\b|\(\s*LIKE\b", FLAGS), "a table made from another table"),
    (
        re.compile(rb"(?:`q`|[\w$\x80-\xff])\s*\.\s*(?:`q`|[A-Za-z_$\x80-\xff])", FLAGS),
        "a name in another database",
    ),
    (
        re.compile(
            rb"\b(?:SLEEP|BENCHMARK|GET_LOCK|RELEASE_LOCK|RELEASE_ALL_LOCKS|IS_FREE_LOCK|LOAD_FILE|SYS_EXEC"
            rb"|MASTER_POS_WAIT|MASTER_GTID_WAIT|SETVAL|NEXTVAL|LASTVAL)\s*\(",
            FLAGS,
        ),
        "a function that waits, locks or reads files",
    ),
)
ALTER_FORBIDDEN = re.compile(
    rb"\b(?:RENAME|DISCARD|IMPORT|EXCHANGE|DROP|TRUNCATE|REMOVE|COALESCE|REORGANIZE|CONVERT|PARTITION)\b",
    FLAGS,
)
# Statements whose absence changes no row: refused, listed, and the load goes on.
NO_ROWS = re.compile(
    rb"(?:SET|GRANT|REVOKE|FLUSH|SHOW|SELECT|KILL|SHUTDOWN|XA|INSTALL|UNINSTALL|CHANGE|RESET|PURGE|BINLOG|DO|EXPLAIN"
    rb"|DESCRIBE|OPTIMIZE|CHECK|REPAIR|HELP|STOP|START\s+(?:SLAVE|REPLICA|ALL)|BACKUP|HANDLER|CACHE"
    rb"|(?:CREATE|DROP|ALTER|RENAME)\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|SERVER|DATABASE|SCHEMA)"
    rb"|CREATE\s+.*\b(?:TRIGGER|VIEW|FUNCTION|PROCEDURE|EVENT)"
    rb"|(?:DROP|ALTER)\s+(?:\w+\s*=\s*\w+\s+)*(?:VIEW|TRIGGER|FUNCTION|PROCEDURE|EVENT))\b",
    FLAGS,
)


@dataclass(frozen=True, slots=True)
class MakeTable:
    """CREATE TABLE or a harmless ALTER of one of the dump's own tables; `sql` is what the server shall read."""

    table: str
    sql: bytes
    alters: bool = False


@dataclass(frozen=True, slots=True)
class InsertRows:
    """INSERT … VALUES; the rows begin at `start` of the statement. `columns` is () where none are named."""

    table: str
    columns: tuple[str, ...]
    start: int
    ignores: bool


@dataclass(frozen=True, slots=True)
class DropTables:
    """DROP TABLE IF EXISTS, which matters where dumps were put one behind the other."""

    tables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CutOut:
    """A view, trigger, routine or event, to be created after the move."""

    object: SchemaObject


@dataclass(frozen=True, slots=True)
class NameDatabase:
    """CREATE DATABASE, ALTER DATABASE or USE: whose dump this is, and the character set where it is said."""

    name: str
    charset: str = ""
    collation: str = ""


@dataclass(frozen=True, slots=True)
class Passed:
    """Nothing to do: a setting taken into the model, a lock, a view's placeholder."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not executed; `grave` stops the load."""

    reason: str
    grave: bool


Decision = MakeTable | InsertRows | DropTables | CutOut | NameDatabase | Passed | Refuse


def classify(text: bytes, offset: int, session: DumpSession, version: int) -> Decision:
    """What becomes of one statement; settings are taken into `session`.

    `version` as in effective(). Raises DumpRefused for settings that would change how the dump is read.
    """
    if insert := INSERT.match(text):
        return _insert(insert, session)
    if PLACEHOLDER.match(text):
        return Passed()
    sql = effective(text, version)
    if sql is None:
        return Refuse("a version comment that is never closed", grave=True)
    if not sql or NOT_NEEDED.match(sql) or ALTER_KEYS.match(sql) or DROP_OBJECT.match(sql):
        return Passed()
    if re.match(rb"SET\s", sql, FLAGS):
        return _setting(sql, offset, session)
    return _structure(text, sql, session, version)


def _insert(insert: re.Match[bytes], session: DumpSession) -> Decision:
    charset = session.charset
    columns = tuple(name_of(name, charset) for name in re.findall(NAME, insert["columns"] or b""))
    ignores = bool(insert["ignore"]) or insert["verb"].upper() == b"REPLACE"
    return InsertRows(name_of(insert["name"], charset), columns, insert.end(), ignores)


def _setting(sql: bytes, offset: int, session: DumpSession) -> Decision:
    if (
        re.match(rb"SET\s+(?:PASSWORD|ROLE|DEFAULT|GLOBAL|STATEMENT|TRANSACTION)\b", sql, FLAGS)
        or b"@@global" in sql.lower()
    ):
        return Refuse(
            "it reaches beyond the dump's own session", grave=bool(re.match(rb"SET\s+STATEMENT", sql, FLAGS))
        )
    reason = session.apply(sql, offset)
    return Refuse(reason, grave=False) if reason else Passed()


def _structure(text: bytes, sql: bytes, session: DumpSession, version: int) -> Decision:
    charset = session.charset
    if found := CREATE_TABLE.match(sql):
        return _judged(MakeTable(name_of(found["name"], charset), sql))
    if found := ALTER_TABLE.match(sql):
        if ALTER_FORBIDDEN.search(blanked(sql)):
            return Refuse("an ALTER TABLE that does more than add keys", grave=True)
        return _judged(MakeTable(name_of(found["name"], charset), sql, alters=True))
    if found := DROP_TABLE.match(sql):
        return DropTables(tuple(name_of(name, charset) for name in re.findall(NAME, found["names"])))
    if found := USE.match(sql):
        return NameDatabase(name_of(found["name"], charset))
    if found := CREATE_DATABASE.match(sql) or ALTER_DATABASE.match(sql):
        return _database(sql, found, charset)
    made = OBJECT.match(effective(text, version, comments=True) or b"") or OBJECT.match(sql)
    if made is not None:
        return _object(made, session)
    if re.match(rb"USE\b", sql, FLAGS):
        return Refuse("a USE that cannot be read", grave=True)
    return Refuse("no dump writer makes it", grave=not NO_ROWS.match(sql))


def _database(sql: bytes, found: re.Match[bytes], charset: str) -> NameDatabase:
    rest = sql[found.end() :]
    named, collated = DATABASE_CHARSET.search(rest), DATABASE_COLLATION.search(rest)
    alters = sql[:5].upper() == b"ALTER"
    return NameDatabase(
        name_of(found["name"], charset),
        named[1].decode() if named and not alters else "",
        collated[1].decode() if collated and not alters else "",
    )


def _judged(make: MakeTable) -> Decision:
    """Refuse what a table may not ask for, wherever in its text it stands (per partition too)."""
    bare = blanked(make.sql)
    for engine in ENGINE.finditer(bare):
        if engine[1].upper() not in ENGINES:
            return Refuse(f"the storage engine {engine[1].decode('ascii', 'replace')}", grave=True)
    for pattern, reason in FORBIDDEN:
        if pattern.search(bare):
            return Refuse(reason, grave=True)
    return Refuse("more than one statement", grave=True) if b";" in bare else make


def _object(found: re.Match[bytes], session: DumpSession) -> Decision:
    kind = found["kind"].split()[-1].lower().decode()
    name, body, table = found["name"], found["body"], ""
    if kind in {"function", "procedure"} and not body.lstrip().startswith(b"("):
        return Refuse("a function from a shared library", grave=False)
    if kind == "trigger":
        on = TRIGGER_ON.match(body)
        if on is None:
            return Refuse("a trigger that cannot be read", grave=False)
        table = name_of(on["table"], session.charset)
    algorithm = b"ALGORITHM=" + found["algorithm"].upper() + b" " if found["algorithm"] else b""
    security = b"SQL SECURITY " + found["security"].upper() + b" " if found["security"] else b""
    word = b" ".join(found["kind"].upper().split())
    settings = tuple(
        (key, value) for key, value in sorted(session.variables.items()) if key in OBJECT_SETTINGS
    )
    text = algorithm + security + word + b" " + name + body.rstrip()
    return CutOut(SchemaObject(kind, name_of(name, session.charset), table, text, settings))
