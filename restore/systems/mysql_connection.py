"""One connection to a MySQL or MariaDB server: bytes in, bytes out, the library's errors made ours.

No result is converted: every value is the server's text or None. Multi-statements are off. A server's wish for a local
file is answered on a connection made `giving`, to a statement of ours and from memory alone: no path is ever opened. https://mariadb.com/kb/en/mariadb-error-code-reference/
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pymysql
from pymysql.constants import COMMAND
from pymysql.cursors import SSCursor
from pymysql.protocol import OKPacketWrapper

from detectors.finding import Secret
from restore.errors import (
    DatabaseBusy,
    DatabaseLoginRefused,
    DatabaseRefused,
    DatabaseUnreachable,
    RestoreError,
)
from restore.model.incident import DatabaseTarget
from restore.model.text import safe

Row = tuple[bytes | None, ...]
# A scan or an INSERT of a huge table is silent for long; a server that hangs is noticed after this many seconds.
LONGEST_STATEMENT = 3600.0
# Seconds that any statement of ours waits for open transactions on a live table; live writers wait behind it as long.
LOCK_PATIENCE = 20
# Well below the smallest max_allowed_packet a server can have been given by a sane administrator.
PACKET = 1 << 18
UNREACHABLE = frozenset(
    (1040, 1053, 1129, 1130, 1152, 1153, 1158, 1159, 1160, 1161, 1203, 1226, 1927, 2002, 2003)
)
LOST = frozenset((0, 2005, 2006, 2013, 2014, 2026, 2027, 2055))
BUSY = frozenset((1205, 1213))
LOGIN = frozenset((1044, 1045, 1251, 1698, 1862, 4151))


class Refusal(DatabaseRefused):
    """The server refused a statement; `number` is its error number, on which a caller's next move may depend."""

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.number = number


@dataclass(frozen=True, slots=True)
class Login:
    """As whom to connect."""

    user: str
    password: Secret
    database: str = ""


class Connection:
    """An open connection. Raises DatabaseUnreachable, DatabaseLoginRefused, DatabaseBusy, DatabaseRefused."""

    def __init__(self, target: DatabaseTarget, login: Login, *, giving: bool = False) -> None:
        self.target = target
        self.giving = giving
        self._wire: pymysql.Connection[SSCursor] | None = None
        plain = bool(target.socket) or target.tls == "none"
        try:
            self._wire = pymysql.connect(
                user=login.user.encode("utf-8", "surrogateescape"),
                password=login.password.reveal(),
                database=login.database.encode("utf-8", "surrogateescape") or None,
                charset="utf8mb4",
                use_unicode=False,
                conv={},
                autocommit=True,
                cursorclass=SSCursor,
                connect_timeout=max(1, int(target.timeout)),
                read_timeout=LONGEST_STATEMENT,
                write_timeout=LONGEST_STATEMENT,
                unix_socket=target.socket or None,
                host=target.host or "localhost",
                port=target.port,
                ssl_disabled=plain,
                ssl=None if plain else ssl.create_default_context(cafile=target.ca or None),
                local_infile=giving,
            )
            # The capability is told at login; from here on the library refuses to open what a server names.
            self._wire._local_infile = False  # type: ignore[attr-defined]
        except (pymysql.err.Error, OSError, ssl.SSLError) as error:
            raise self._ours(error, f"logging in as {login.user}") from error
        self.run(
            b"SET SESSION lock_wait_timeout = %d, SESSION innodb_lock_wait_timeout = %d"
            % ((LOCK_PATIENCE,) * 2)
        )
        self.id = int(self._wire.thread_id())  # type: ignore[no-untyped-call]

    def _live(self) -> pymysql.Connection[SSCursor]:
        if self._wire is None:
            raise DatabaseUnreachable(
                f"database server {self.target.name}: no connection", server=self.target.name
            )
        return self._wire

    def run(self, sql: bytes, doing: str = "") -> int:
        """Execute a statement that gives no rows (or whose rows nobody wants); the number of affected rows.

        `doing` stands in an error's message for a statement that holds a secret or a tenant's rows.
        """
        try:
            return int(self._live().query(sql))
        except (pymysql.err.Error, OSError) as error:
            raise self._ours(error, doing or safe(sql, 120)) from error

    def rows(self, sql: bytes) -> list[Row]:
        """All rows of a query."""
        return list(self.stream(sql))

    def one(self, sql: bytes) -> Row:
        """The first row of a query that always has one."""
        return self.rows(sql)[0]

    def stream(self, sql: bytes) -> Iterator[Row]:
        """The rows of a query as they come, in bounded memory."""
        try:
            with self._live().cursor() as cursor:
                cursor.execute(sql)  # type: ignore[call-overload]
                while (row := cursor.fetchone()) is not None:
                    yield row
        except (pymysql.err.Error, OSError) as error:
            raise self._ours(error, safe(sql, 120)) from error

    def begin_local(self, sql: bytes, doing: str) -> None:
        """Send a LOAD DATA LOCAL of ours; rows follow by give() and end with end_local(). Raises what run() raises."""
        wire = self._live()
        try:
            wire._execute_command(COMMAND.COM_QUERY, sql)  # type: ignore[attr-defined]
            answer = wire._read_packet()  # type: ignore[no-untyped-call]
            if not self.giving or not answer.is_load_local_packet():
                self.close()
                raise DatabaseUnreachable(
                    f"database server {self.target.name}: an unexpected answer (while {doing})",
                    server=self.target.name,
                )
        except (pymysql.err.Error, OSError) as error:
            raise self._ours(error, doing) from error

    def give(self, rows: bytes) -> None:
        """Some more bytes of the rows."""
        wire = self._live()
        try:
            for start in range(0, len(rows), PACKET):
                wire.write_packet(rows[start : start + PACKET])
        except (pymysql.err.Error, OSError) as error:
            raise self._ours(error, "giving rows") from error

    def end_local(self, doing: str) -> int:
        """No more rows; the number of warnings. Raises what run() raises."""
        wire = self._live()
        try:
            wire.write_packet(b"")
            answer = wire._read_packet()  # type: ignore[no-untyped-call]
            return int(OKPacketWrapper(answer).warning_count)
        except (pymysql.err.Error, OSError) as error:
            raise self._ours(error, doing) from error

    @property
    def warnings(self) -> int:
        """How many warnings the last statement gave."""
        result = self._live()._result  # type: ignore[attr-defined]
        return int(result.warning_count) if result is not None else 0

    @property
    def open(self) -> bool:
        """Whether it was neither closed nor lost."""
        return self._wire is not None and bool(self._wire.open)

    def close(self) -> None:
        """Close, politely where the server still listens."""
        if self._wire is not None and self._wire.open:
            try:
                self._wire.close()
            except (pymysql.err.Error, OSError):
                self._wire._force_close()  # type: ignore[attr-defined]

    def cut(self) -> None:
        """Close at once, also under a statement that another thread waits for."""
        if self._wire is not None and self._wire.open:
            with suppress(OSError):  # the server may have been quicker
                self._wire._sock.shutdown(socket.SHUT_RDWR)  # type: ignore[attr-defined]

    def _ours(self, error: Exception, doing: str) -> RestoreError:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        words = safe(str(error.args[1]) if len(error.args) > 1 else str(error), 300)
        where = f"database server {self.target.name}"
        if isinstance(error, OSError | pymysql.err.InterfaceError) or number in UNREACHABLE | LOST:
            self.close()
            return DatabaseUnreachable(f"{where}: {words} (while {doing})", server=self.target.name)
        if number in BUSY:
            return DatabaseBusy(f"{where}: {words} (while {doing})", server=self.target.name)
        if number in LOGIN and doing.startswith("logging in"):
            return DatabaseLoginRefused(f"{where}: {words}", server=self.target.name)
        return Refusal(f"{where} refused: {words} (error {number}, while {doing})", number)
