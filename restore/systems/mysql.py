"""A live MySQL or MariaDB server behind the DatabaseServer port: one administrator's connection, reopened when lost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from detectors.finding import Secret
from restore.model.incident import DatabaseTarget
from restore.model.mysql import (
    KEPT_PREFIX,
    UNDONE_PREFIX,
    AccountName,
    AccountState,
    Loaded,
    Move,
    SchemaObject,
    ServerFacts,
    TableState,
)
from restore.systems import mysql_accounts
from restore.systems.dump_text import quoted_name
from restore.systems.mysql_connection import Connection, Login
from restore.systems.mysql_definers import defined_by, redefine
from restore.systems.mysql_facts import facts_of
from restore.systems.mysql_load import check_staging, load_dump
from restore.systems.mysql_objects import STORE, create_objects, objects_of
from restore.systems.mysql_switch import switch, undo
from restore.systems.mysql_tables import table_states, text

# Databases in which a table of ours may stand beside what they keep.
OURS = (KEPT_PREFIX, UNDONE_PREFIX)


class MysqlServer:
    """Satisfies restore.model.ports.DatabaseServer. `password` is the administrator's."""

    def __init__(self, target: DatabaseTarget, password: Secret) -> None:
        self._target = target
        self._login = Login(target.admin_user, password)
        self._kept: Connection | None = None

    @property
    def name(self) -> str:
        return self._target.name

    def _connect(self) -> Connection:
        return Connection(self._target, self._login)

    @property
    def _admin(self) -> Connection:
        if self._kept is None or not self._kept.open:
            self._kept = self._connect()
        return self._kept

    def facts(self) -> ServerFacts:
        return facts_of(self._admin)

    def databases(self) -> frozenset[str]:
        return frozenset(text(row[0]) for row in self._admin.rows(b"SHOW DATABASES"))

    def tables(self, database: str) -> tuple[TableState, ...]:
        return table_states(self._admin, database, without=STORE if database.startswith(OURS) else "")

    def objects(self, database: str) -> tuple[str, ...]:
        return tuple(sorted(f"{kind} {name}" for kind, name in objects_of(self._admin, database)))

    def drop_staging(self, staging: str) -> None:
        check_staging(staging)
        self._admin.run(b"DROP DATABASE IF EXISTS " + quoted_name(staging))

    def drop_kept(self, name: str) -> None:
        if not name.startswith(OURS) or name in OURS:
            raise ValueError(f"{name} is no database that keeps what was set aside")
        self._admin.run(b"DROP DATABASE IF EXISTS " + quoted_name(name))

    def load(self, staging: str, dump: Iterable[bytes]) -> Loaded:
        return load_dump(self._admin, staging, dump)

    def switch(self, move: Move) -> None:
        switch(self._admin, self._connect, move)

    def create_objects(self, database: str, objects: Sequence[SchemaObject], definer: AccountName) -> None:
        create_objects(self._admin, database, objects, definer)

    def defined_by(self, database: str, definer: AccountName) -> tuple[str, ...]:
        return tuple(f"{kind} {name}" for kind, name in defined_by(self._admin, database, definer))

    def redefine(self, database: str, old: AccountName, new: AccountName) -> None:
        redefine(self._admin, database, old, new)

    def undo(self, move: Move, undone: str) -> None:
        undo(self._admin, self._connect, move, undone)

    def account(self, account: AccountName) -> AccountState | None:
        return mysql_accounts.account_state(self._admin, account)

    def hosts_of(self, user: str) -> tuple[str, ...]:
        return mysql_accounts.hosts_of(self._admin, user)

    def create_account(self, account: AccountName, verifier: Secret) -> None:
        mysql_accounts.create_account(self._admin, account, verifier)

    def grant(self, account: AccountName, database: str) -> None:
        mysql_accounts.grant(self._admin, account, database)

    def unlock(self, account: AccountName) -> None:
        mysql_accounts.unlock(self._admin, account)

    def lock(self, account: AccountName) -> None:
        mysql_accounts.lock(self._admin, account)

    def drop_account(self, account: AccountName) -> None:
        mysql_accounts.drop_account(self._admin, account)

    def login(self, account: AccountName, password: Secret, database: str, table: str) -> str | None:
        return mysql_accounts.login(self._admin, account, password, database, table)

    def close(self) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None
