"""A database server in memory. It passes the same conformance suite as a real MariaDB."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from detectors.finding import Secret
from restore.errors import (
    DatabaseRefused,
    DumpDamaged,
    DumpRefused,
    LiveDiffers,
    LoginRefused,
    ObjectRefused,
    StagingDiffers,
)
from restore.model.mysql import (
    KEPT_PREFIX,
    STAGING_PREFIX,
    UNDONE_PREFIX,
    AccountName,
    AccountState,
    Loaded,
    Move,
    RefusedStatement,
    SchemaObject,
    ServerFacts,
    TableState,
    state_digest,
)
from restore.model.verifier import native_verifier, verifier_digest
from restore.systems.dump import DumpReader, Kind, Statement
from restore.systems.dump_rows import CELL, ROW, Sum, decoded, quoted
from restore.systems.dump_session import DumpSession
from restore.systems.dump_statements import (
    CutOut,
    DropTables,
    InsertRows,
    MakeTable,
    NameDatabase,
    Refuse,
    classify,
)

VERSION = 101119
MOMENT = re.compile(rb"'(\d{4}-\d\d-\d\d(?: \d\d:\d\d:\d\d)?)'")


@dataclass(slots=True)
class MemoryTable:
    """A table: its definition's text and its rows, each as one canonical text."""

    definition: str
    rows: list[bytes] = field(default_factory=list)

    def state(self, name: str) -> TableState:
        """Counted and summed from the rows as they are now."""
        total = Sum()
        for row in self.rows:
            total.add(row)
        moments = [found.decode() for row in self.rows for found in MOMENT.findall(row)]
        digest = hashlib.sha256(self.definition.encode("utf-8", "surrogateescape")).hexdigest()
        return TableState(name, total.rows, total.checksum, digest, max(moments, default=""))


@dataclass(slots=True)
class MemorySchema:
    """A database. `objects` are its views, triggers, routines and events by (kind, name), with their definer."""

    charset: str = "utf8mb4"
    collation: str = "utf8mb4_general_ci"
    tables: dict[str, MemoryTable] = field(default_factory=dict)
    objects: dict[tuple[str, str], AccountName] = field(default_factory=dict)
    aside: dict[tuple[str, str], AccountName] = field(default_factory=dict)


@dataclass(slots=True)
class MemoryAccount:
    """An account: `verifier` as the server keeps it."""

    verifier: bytes
    locked: bool = True
    databases: set[str] = field(default_factory=set)


def _nothing(moment: str) -> None:
    """The hook that does nothing."""


class MemoryDatabaseServer:
    """Satisfies restore.model.ports.DatabaseServer. `hook("before …" / "after …")` is called around every act that
    changes the server, so that a test can cut there; what was done by then stays, as after a SIGKILL."""

    def __init__(self, name: str, hook: Callable[[str], None] = _nothing) -> None:
        self._name = name
        self.hook = hook
        self.schemas: dict[str, MemorySchema] = {}
        self.accounts: dict[AccountName, MemoryAccount] = {}
        self.refuse_object = ""

    @property
    def name(self) -> str:
        return self._name

    def _act(self, what: str, act: Callable[[], object]) -> None:
        self.hook(f"before {what}")
        act()
        self.hook(f"after {what}")

    def facts(self) -> ServerFacts:
        variables = (("version", "10.11.19-MariaDB"), ("max_allowed_packet", "16777216"))
        return ServerFacts("10.11.19-MariaDB", variables, (), False, False, 0.0, None)

    def databases(self) -> frozenset[str]:
        return frozenset(self.schemas)

    def tables(self, database: str) -> tuple[TableState, ...]:
        schema = self.schemas.get(database, MemorySchema())
        return tuple(schema.tables[name].state(name) for name in sorted(schema.tables))

    def objects(self, database: str) -> tuple[str, ...]:
        return tuple(sorted(f"{kind} {name}" for kind, name in self.schemas[database].objects))

    def drop_staging(self, staging: str) -> None:
        _check(staging)
        self._act("drop staging", lambda: self.schemas.pop(staging, None))

    def drop_kept(self, name: str) -> None:
        if not name.startswith((KEPT_PREFIX, UNDONE_PREFIX)) or name in (KEPT_PREFIX, UNDONE_PREFIX):
            raise ValueError(f"{name} is no database that keeps what was set aside")
        self._act("drop kept", lambda: self.schemas.pop(name, None))

    def load(self, staging: str, dump: Iterable[bytes]) -> Loaded:
        _check(staging)
        schema = MemorySchema()
        self._act("make staging", lambda: self.schemas.__setitem__(staging, schema))
        return _MemoryLoad(self, schema).read(DumpReader(iter(dump)))

    def switch(self, move: Move) -> None:
        wanted = state_digest(move.loaded)
        if self.tables(move.name) and state_digest(self.tables(move.name)) == wanted:
            self.drop_staging(move.staging)
            return
        if move.staging not in self.schemas or state_digest(self.tables(move.staging)) != wanted:
            raise StagingDiffers(f"{move.staging} does not hold what was loaded")
        empty = MemorySchema(move.charset, move.collation)
        if move.name not in self.schemas:
            self._act("make database", lambda: self.schemas.__setitem__(move.name, empty))
        live = self.schemas[move.name]
        if live.tables or live.objects:
            self._check_live(move)
            self._replace(move, live)
        else:
            self._act("rename", lambda: self._rename(move.staging, move.name))
        self.drop_staging(move.staging)

    def _check_live(self, move: Move) -> None:
        live = self.tables(move.name)
        if move.replace is None or state_digest(live) != move.replace:
            raise LiveDiffers(f"{move.name} is not empty", live, move.loaded, self.objects(move.name))

    def _replace(self, move: Move, live: MemorySchema) -> None:
        kept = self.schemas.get(move.kept, MemorySchema(live.charset, live.collation))
        if kept.tables:
            raise DatabaseRefused(f"{move.kept} already keeps other tables")
        self._act("make kept", lambda: self.schemas.__setitem__(move.kept, kept))
        kept.aside |= live.objects
        self._act("set objects aside", live.objects.clear)

        def rename() -> None:
            self._rename(move.name, move.kept)
            self._rename(move.staging, move.name)

        self._act("rename", rename)

    def _rename(self, old: str, new: str) -> None:
        self.schemas[new].tables |= self.schemas[old].tables
        self.schemas[old].tables.clear()

    def create_objects(self, database: str, objects: Sequence[SchemaObject], definer: AccountName) -> None:
        for one in objects:
            if one.name == self.refuse_object:
                raise ObjectRefused(f"{one.kind} {one.name} cannot be created")
            found = {(one.kind, one.name): definer}
            self._act(f"create {one.kind}", functools.partial(self.schemas[database].objects.update, found))

    def defined_by(self, database: str, definer: AccountName) -> tuple[str, ...]:
        objects = self.schemas[database].objects if database in self.schemas else {}
        return tuple(sorted(f"{kind} {name}" for (kind, name), whose in objects.items() if whose == definer))

    def redefine(self, database: str, old: AccountName, new: AccountName) -> None:
        objects = self.schemas[database].objects
        for one in [one for one, whose in objects.items() if whose == old]:
            self._act(f"redefine {one[0]}", functools.partial(objects.__setitem__, one, new))

    def undo(self, move: Move, undone: str) -> None:
        aside = self.schemas.get(undone, MemorySchema())
        if not aside.tables or state_digest(self.tables(undone)) != state_digest(move.loaded):
            self._move_out(move, undone)
        if move.kept in self.schemas:
            self._put_back(move)

    def _move_out(self, move: Move, undone: str) -> None:
        live = self.schemas[move.name]
        if state_digest(self.tables(move.name)) != state_digest(move.loaded):
            raise LiveDiffers(f"{move.name} changed", self.tables(move.name), move.loaded)
        empty = self.schemas.get(undone, MemorySchema(live.charset, live.collation))
        self._act("make undone", lambda: self.schemas.__setitem__(undone, empty))
        empty.aside |= live.objects
        self._act("set objects aside", live.objects.clear)

        def rename() -> None:
            self._rename(move.name, undone)
            if move.kept in self.schemas:
                self._rename(move.kept, move.name)

        self._act("rename", rename)

    def _put_back(self, move: Move) -> None:
        kept = self.schemas[move.kept]
        self._act("put objects back", lambda: self.schemas[move.name].objects.update(kept.aside))
        self._act("drop kept", lambda: self.schemas.pop(move.kept))

    def account(self, account: AccountName) -> AccountState | None:
        found = self.accounts.get(account)
        if found is None:
            return None
        digest = verifier_digest(Secret(found.verifier))
        databases = tuple(sorted(found.databases))
        return AccountState(account, "mysql_native_password", found.locked, digest, databases, False)

    def hosts_of(self, user: str) -> tuple[str, ...]:
        return tuple(sorted(account.host for account in self.accounts if account.user == user))

    def create_account(self, account: AccountName, verifier: Secret) -> None:
        if account in self.accounts:
            raise DatabaseRefused(f"{account} exists")
        made = MemoryAccount(verifier.reveal())
        self._act("create account", lambda: self.accounts.__setitem__(account, made))

    def grant(self, account: AccountName, database: str) -> None:
        self._act("grant", lambda: self.accounts[account].databases.add(database))

    def unlock(self, account: AccountName) -> None:
        self._act("unlock", lambda: setattr(self.accounts[account], "locked", False))

    def lock(self, account: AccountName) -> None:
        self._act("lock", lambda: setattr(self.accounts[account], "locked", True))

    def drop_account(self, account: AccountName) -> None:
        self._act("drop account", lambda: self.accounts.pop(account, None))

    def login(self, account: AccountName, password: Secret, database: str, table: str) -> str | None:
        if account.host not in {"localhost", "%"}:
            return None
        found = self.accounts.get(account)
        if found is None or found.locked or found.verifier != native_verifier(password).reveal():
            raise LoginRefused(f"{account} cannot log in")
        names = sorted(self.schemas[database].tables) if database in found.databases else []
        if database not in found.databases or (table and table not in names):
            raise LoginRefused(f"{account} cannot read {table}")
        return table or (names[0] if names else "")

    def close(self) -> None:
        """Nothing is held."""


def _check(staging: str) -> None:
    if not staging.startswith(STAGING_PREFIX) or staging == STAGING_PREFIX:
        raise ValueError(f"{staging} is no staging database")


class _MemoryLoad:
    """One dump read into one schema, by the same reader and classifier as the real thing."""

    def __init__(self, server: MemoryDatabaseServer, schema: MemorySchema) -> None:
        self._server = server
        self._schema = schema
        self._session = DumpSession()
        self._objects: dict[tuple[str, str], SchemaObject] = {}
        self._refused: list[RefusedStatement] = []
        self._named = ""

    def read(self, reader: DumpReader) -> Loaded:
        for statement in reader:
            if statement.kind is Kind.CUT:
                raise DumpDamaged(f"the dump ends at byte {reader.size:,} inside {statement.text[:60]!r}")
            if statement.kind is Kind.COMMAND:
                self._refuse(statement, "a command of a client program", grave=False)
            if statement.kind is Kind.STATEMENT:
                self._statement(statement)
        if damage := reader.missing_end(made=bool(self._schema.tables or self._objects)):
            raise DumpDamaged(damage)
        for kind, name in self._objects:
            if kind == "view":
                self._schema.tables.pop(name, None)
        states = tuple(table.state(name) for name, table in self._schema.tables.items())
        return Loaded(
            states,
            tuple(self._objects.values()),
            tuple(self._refused),
            self._schema.charset,
            self._schema.collation,
            reader.size,
            stated=self._named,
        )

    def _refuse(self, statement: Statement, reason: str, *, grave: bool) -> None:
        head = statement.text[:60].decode("utf-8", "replace")
        self._refused.append(RefusedStatement(statement.offset, head, reason))
        if grave:
            raise DumpRefused(f"byte {statement.offset:,} of the dump: {reason}", tuple(self._refused))

    def _statement(self, statement: Statement) -> None:
        decision = classify(statement.text, statement.offset, self._session, VERSION)
        tables = self._schema.tables
        match decision:
            case MakeTable() if not decision.alters:
                text = " ".join(decision.sql.decode("utf-8", "surrogateescape").split())
                made = MemoryTable(re.sub(r" AUTO_INCREMENT=\d+", "", text))
                self._server._act("make table", lambda: tables.__setitem__(decision.table, made))
            case InsertRows():
                self._insert(statement, decision)
            case DropTables():
                for name in decision.tables:
                    tables.pop(name, None)
            case CutOut():
                self._objects.pop((decision.object.kind, decision.object.name), None)
                self._objects[decision.object.kind, decision.object.name] = decision.object
            case NameDatabase():
                self._named = self._named or decision.name
                if decision.name != self._named:
                    self._refuse(statement, "a second database in a dump of one", grave=True)
                self._schema.charset = decision.charset or self._schema.charset
                self._schema.collation = decision.collation or self._schema.collation
            case Refuse():
                self._refuse(statement, decision.reason, grave=decision.grave)

    def _insert(self, statement: Statement, insert: InsertRows) -> None:
        if insert.table not in self._schema.tables:
            self._refuse(statement, "rows for a table that the dump did not create", grave=True)
        rows, position = [], insert.start
        while position < len(statement.text):
            match = ROW.match(statement.text, position)
            if match is None:
                self._refuse(statement, "values that are not literals", grave=True)
                return
            cells = [cell[1] for cell in CELL.finditer(match[1])]
            rows.append(b",".join(quoted(decoded(c)) if c[:1] in b"'\"_xX" else c for c in cells))
            position = match.end()
        self._server._act("insert", lambda: self._schema.tables[insert.table].rows.extend(rows))
