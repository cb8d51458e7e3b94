"""A live mail server's users as rows of an SQL table, by two statements of the incident file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from detectors.finding import Secret
from restore.errors import DatabaseRefused, MailboxNotMade
from restore.model.incident import UserTable
from restore.model.making import NewMailbox, filled, names_in
from restore.model.text import safe
from restore.systems.mysql_connection import Connection, Login

LOCK_SECONDS = 30


class UserTableMaker:
    """Satisfies MailboxMaker: a row of an SQL table. Looking and inserting happen under one lock of the server, in one
    transaction; what varies is a parameter of a prepared statement."""

    def __init__(self, spec: UserTable, password: Secret) -> None:
        self._spec = spec
        self._login = Login(spec.server.admin_user, password, spec.database)
        self.where = f"table of database {spec.database} for mail server {spec.server.name}"

    def stands(self, address: str) -> bool:
        """Whether `find` gives a row."""
        with self._connected() as connection:
            return self._found(connection, address)

    def make(self, mailbox: NewMailbox) -> bool:
        """Insert its row; False where one stands. Raises MailboxNotMade and what connecting raises."""
        secrets = {name: one.reveal() for name, one in mailbox.hashes().items()}
        try:
            with self._connected() as connection:
                lock = b"X'%s'" % f"bulkrestore {self._spec.database}".encode().hex().encode()
                if connection.one(b"SELECT GET_LOCK(%s, %d)" % (lock, LOCK_SECONDS)) != (b"1",):
                    raise MailboxNotMade(f"{self.where}: another worker holds its lock")
                connection.run(b"START TRANSACTION")
                if self._found(connection, mailbox.address):
                    return False
                _execute(connection, self._spec.make, {**mailbox.values(), **secrets})
                if not self._found(connection, mailbox.address):
                    raise MailboxNotMade(f"{self.where}: `find` does not find what `make` inserted; undone")
                connection.run(b"COMMIT")
        except DatabaseRefused as error:
            raise MailboxNotMade(f"mailbox {safe(mailbox.address)} was not made: {error.message}") from error
        return True

    def _found(self, connection: Connection, address: str) -> bool:
        return bool(_execute(connection, self._spec.find, NewMailbox(address, "", Secret(b"")).values()))

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        connection = Connection(self._spec.server, self._login)
        try:
            yield connection
        finally:
            connection.close()


def _execute(connection: Connection, template: str, values: Mapping[str, bytes]) -> Sequence[object]:
    """Prepare and execute a statement of the incident file; its names in braces are parameters. The rows it gives."""
    names = names_in(template)
    text = filled(template, dict.fromkeys(names, b"?"))
    for place, name in enumerate(names):
        number = name.startswith("quota")
        literal = values[name] if number else b"CONVERT(X'%s' USING utf8mb4)" % values[name].hex().encode()
        connection.run(b"SET @br_%d = %s" % (place, literal), f"giving {{{name}}}")
    connection.run(b"SET @br_text = X'%s'" % text.hex().encode())
    connection.run(b"PREPARE br FROM @br_text", "preparing a statement of [mail_target.create]")
    using = b" USING " + b", ".join(b"@br_%d" % place for place in range(len(names))) if names else b""
    return connection.rows(b"EXECUTE br" + using)
