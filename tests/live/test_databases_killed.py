"""A restore of a database on a real MariaDB, its process gone at any act: the next run ends as an uncut one."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.finding import Secret
from fixtures.servers.mariadb import PrivateMariadb
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import AccountName, Loaded, state_digest
from restore.model.outcome import Done, Outcome, Unchanged
from restore.systems.mysql import MysqlServer
from restore.systems.mysql_connection import Connection
from tests.memory.cut import Cut
from tests.run.database_steps import Steps, fact_of
from tests.systems.dumps import OBJECTS, POSTS, Again, dump

NEW = dump(POSTS, OBJECTS)
OLD = dump(POSTS.replace(b"(3,''", b"(4,'live until now'"), OBJECTS)
ACTS = (
    b"CREATE",
    b"DROP",
    b"RENAME",
    b"INSERT",
    b"GRANT",
    b"REPLACE",
    b"LOCK",
    b"UNLOCK",
    b"COMMIT",
    b"ALTER",
    b"KILL",
)
SYSTEM = {"mysql", "sys", "information_schema", "performance_schema"}


def target(server: PrivateMariadb) -> DatabaseTarget:
    reference = SecretRef("env", "unused")
    return DatabaseTarget("db1", server.admin_user, reference, socket=str(server.socket))


def ours(server: PrivateMariadb) -> MysqlServer:
    return MysqlServer(target(server), Secret(server.admin_password.encode()))


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        yield server


@pytest.fixture
def database(private: PrivateMariadb) -> Iterator[MysqlServer]:
    """Our side of it, with an older content live and nothing else."""
    server = ours(private)
    prepare(server)
    yield server
    server.close()


def prepare(server: MysqlServer) -> None:
    for name in server.databases() - SYSTEM:
        server._admin.run(b"DROP DATABASE `" + name.encode() + b"`")
    for user, host in server._admin.rows(b"SELECT User, Host FROM mysql.user WHERE User LIKE 'br\\_%'"):
        server.drop_account(AccountName((user or b"").decode(), (host or b"").decode()))


def with_old(server: MysqlServer, folder: Path) -> str:
    """The older content is live; its digest."""
    old = Steps(server, folder, {b"old.sql": OLD}, "br_stage_old")
    old.switch(old.load())
    return state_digest(server.tables("shop"))


def seen(server: MysqlServer) -> object:
    """Every database with its tables and objects, and every account of ours."""
    accounts = server._admin.rows(b"SELECT User, Host FROM mysql.user WHERE User LIKE 'br\\_%' ORDER BY 1, 2")
    databases = sorted(server.databases() - SYSTEM)
    return [(name, server.tables(name), server.objects(name)) for name in databases], accounts


class Cutter:
    """Lets so many acts pass, then the process is gone: nothing more reaches the server."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.count, self.at, self.open = 0, at, list[Connection]()
        run, stream, made = Connection.run, Connection.stream, Connection.__init__

        def cut_run(connection: Connection, sql: bytes, doing: str = "") -> int:
            self.check()
            result = run(connection, sql, doing)
            if sql.startswith(ACTS):
                self.count += 1
                self.check()
            return result

        def cut_stream(connection: Connection, sql: bytes) -> Iterator[tuple[bytes | None, ...]]:
            self.check()
            return stream(connection, sql)

        def cut_made(connection: Connection, *arguments: object, giving: bool = False) -> None:
            self.check()
            made(connection, *arguments, giving=giving)  # type: ignore[arg-type]
            self.open.append(connection)

        monkeypatch.setattr(Connection, "run", cut_run)
        monkeypatch.setattr(Connection, "stream", cut_stream)
        monkeypatch.setattr(Connection, "__init__", cut_made)

    def check(self) -> None:
        if self.count >= self.at:
            raise Cut(f"after act {self.count}")


def replace_it(server: MysqlServer, folder: Path, digest: str) -> Outcome:
    steps = Steps(server, folder, {b"new.sql": NEW})
    return steps.switch(steps.load(), digest)


def restart(server: MysqlServer, cutter: Cutter) -> None:
    """What the kernel does to a dead process: its connections end."""
    for connection in cutter.open:
        connection.close()
    server.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_replacement_cut_after_any_act_ends_as_if_it_never_had_been(
    private: PrivateMariadb, database: MysqlServer, tmp_path: Path
) -> None:
    digest = with_old(database, tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        counter = Cutter(patch, 10_000)
        replace_it(database, tmp_path, digest)
    uncut = seen(database)
    assert counter.count > 25
    for cut_at in range(1, counter.count):
        prepare(database)
        assert with_old(database, tmp_path) == digest
        with pytest.MonkeyPatch.context() as patch:
            cutter = Cutter(patch, cut_at)
            with pytest.raises(Cut):
                replace_it(database, tmp_path, digest)
        restart(database, cutter)
        outcome = replace_it(database, tmp_path, digest)
        assert isinstance(outcome, Done | Unchanged), cut_at
        assert seen(database) == uncut, cut_at


def table(number: int, rows: int) -> bytes:
    """A table with a key of its own and a foreign key to the first, as mariadb-dump writes it."""
    values = b",\n".join(b"(%d,1,'row %d of %d')" % (row, row, number) for row in range(1, rows + 1))
    return (
        b"DROP TABLE IF EXISTS `t%d`;\nCREATE TABLE `t%d` (\n  `id` int(11) NOT NULL,\n"
        b"  `one` int(11) NOT NULL,\n"
        b"  `text` varchar(40) NOT NULL,\n  PRIMARY KEY (`id`),\n  KEY `one` (`one`),\n"
        b"  CONSTRAINT `to_one_%d` FOREIGN KEY (`one`) REFERENCES `t0` (`id`)\n"
        b") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n"
        b"INSERT INTO `t%d` VALUES\n%b;\n"
    ) % (number, number, number, number, values)


TABLES = dump(*(table(number, 3 + number) for number in range(3)))
STAGING = "br_stage_resumed"


def kept_of(loaded: Loaded) -> int:
    """How many tables were not loaded again."""
    return sum(
        int(note.split()[0]) for note in loaded.notes if note.endswith("compared with the dump and kept")
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_load_cut_after_any_act_goes_on_with_the_tables_that_were_whole(database: MysqlServer) -> None:
    uncut = database.load(STAGING, Again(TABLES)).tables
    database.drop_staging(STAGING)
    cut_at, cut, kept = 0, True, list[int]()
    while cut:
        cut_at += 1
        with pytest.MonkeyPatch.context() as patch:
            cutter = Cutter(patch, cut_at)
            try:
                database.load(STAGING, Again(TABLES))
                cut = False
            except Cut:
                pass
        restart(database, cutter)
        loaded = database.load(STAGING, Again(TABLES))
        kept.append(kept_of(loaded))
        assert state_digest(loaded.tables) == state_digest(uncut), cut_at
        assert state_digest(database.tables(STAGING)) == state_digest(uncut), cut_at
        database.drop_staging(STAGING)

    assert kept[0] == 0 and kept[-1] == 3 and any(0 < number < 3 for number in kept)


@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE t2 SET text = 'another' WHERE id = 2",
        "DELETE FROM t1 WHERE id = 1",
        "ALTER TABLE t2 ADD KEY another (text)",
        "CREATE TABLE t9 (i INT)",
        "DROP TABLE t0",
    ],
)
def test_nothing_of_an_earlier_load_is_believed(
    private: PrivateMariadb, database: MysqlServer, harm: str
) -> None:
    uncut = database.load(STAGING, Again(TABLES)).tables
    private.sql(f"SET foreign_key_checks = 0; USE {STAGING}; {harm}")

    loaded = database.load(STAGING, Again(TABLES))

    assert state_digest(database.tables(STAGING)) == state_digest(uncut)
    assert kept_of(loaded) == (3 if "t9" in harm else 2)


def test_a_worker_killed_at_any_time_is_healed_by_the_next(
    private: PrivateMariadb, database: MysqlServer, tmp_path: Path
) -> None:
    digest = with_old(database, tmp_path)
    replace_it(database, tmp_path, digest)
    uncut = seen(database)
    chooser = random.Random(5)
    arguments = [str(private.socket), private.admin_user, str(tmp_path), digest]
    for _ in range(6):
        prepare(database)
        with_old(database, tmp_path)
        worker = subprocess.Popen(
            [sys.executable, "-m", "tests.live.test_databases_killed", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert worker.stdin is not None and worker.stdout is not None
        worker.stdin.write(private.admin_password.encode() + b"\n")
        worker.stdin.flush()
        assert worker.stdout.readline() == b"begun\n"
        time.sleep(chooser.random() * 0.25)
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
        worker.stdin.close()
        worker.stdout.close()
        outcome = replace_it(database, tmp_path, digest)
        assert fact_of(outcome).kept
        assert seen(database) == uncut


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_undo_cut_after_any_act_ends_as_if_it_never_had_been(
    private: PrivateMariadb, database: MysqlServer, tmp_path: Path
) -> None:
    digest = with_old(database, tmp_path)
    steps = Steps(database, tmp_path, {b"new.sql": NEW})
    switched = steps.switch(steps.load(), digest)
    with pytest.MonkeyPatch.context() as patch:
        counter = Cutter(patch, 10_000)
        steps.undo(switched)
    uncut = seen(database)
    assert state_digest(database.tables("shop")) == digest
    for cut_at in range(1, counter.count):
        prepare(database)
        with_old(database, tmp_path)
        switched = steps.switch(steps.load(), digest)
        with pytest.MonkeyPatch.context() as patch:
            cutter = Cutter(patch, cut_at)
            with pytest.raises(Cut):
                steps.undo(switched)
        restart(database, cutter)
        steps.undo(switched)
        assert seen(database) == uncut, cut_at


def _work() -> None:
    """The worker process that is killed."""
    socket, user, folder, digest = sys.argv[1:]
    password = Secret(sys.stdin.buffer.readline().rstrip(b"\n"))
    server = MysqlServer(DatabaseTarget("db1", user, SecretRef("env", "unused"), socket=socket), password)
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    replace_it(server, Path(folder), digest)


if __name__ == "__main__":
    _work()
