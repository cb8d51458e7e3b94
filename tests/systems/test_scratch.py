"""What a scratch server must never do: show one tenant another's rows, reach anything, outlive its worker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pymysql
import pytest

from detectors.finding import Secret
from fixtures.servers.mariadb import PrivateMariadb, run_client
from restore.errors import DumpDamaged, DumpRefused, ScratchLimit
from restore.model.verifier import native_verifier
from restore.run.verify_dumps import UNUSABLE
from restore.systems.scratch import ScratchServer
from restore.systems.scratch_server import ScratchLimits, ScratchProcess, sweep

HEAD = b"-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n--\n-- Server version\t10.11.6-MariaDB\n\n"
TABLE = b"CREATE TABLE `notes` (`id` int NOT NULL PRIMARY KEY, `said` text) ENGINE=InnoDB;\n"
TRAILER = b"-- Dump completed on 2026-11-24  2:00:00\n"
CANARY = b"alice-keeps-this-to-herself"
WAIT_SECONDS = 300.0
SYSTEM = {"information_schema", "mysql", "performance_schema", "sys"}
HOLDER = """
import sys, time
from pathlib import Path
from restore.systems.scratch_server import ScratchLimits, ScratchProcess
process = ScratchProcess(Path(sys.argv[1]), ScratchLimits())
process.fresh()
print(process.pid, flush=True)
time.sleep(3600)
"""


def dump(*values: bytes) -> bytes:
    rows = b",".join(b"(%d,'%s')" % (number, value) for number, value in enumerate(values))
    return HEAD + TABLE + b"INSERT INTO `notes` VALUES " + rows + b";\n" + TRAILER


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def area(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As in a state folder: nobody else may enter."""
    state = tmp_path_factory.mktemp("state")
    state.chmod(0o700)
    return state / "scratch"


@pytest.fixture(scope="module")
def scratch(area: Path) -> Iterator[ScratchServer]:
    server = ScratchServer(area)
    yield server
    server.close()


def files_with(area: Path, needle: bytes) -> list[Path]:
    return [one for one in area.glob("*/data/**/*") if one.is_file() and needle in one.read_bytes()]


def test_no_tenant_meets_another_s_rows_in_a_table_or_in_any_file(scratch: ScratchServer, area: Path) -> None:
    seen: list[tuple[str, ...]] = []

    def bob() -> Iterator[bytes]:
        yield dump(b"bob")[:-20]
        assert not files_with(area, CANARY)
        (socket,) = area.glob("*/run/s.sock")
        folder = os.open(socket.parent, os.O_PATH)
        with pymysql.connect(user="root", unix_socket=f"/proc/self/fd/{folder}/{socket.name}") as admin:
            cursor = admin.cursor()
            cursor.execute("SELECT schema_name FROM information_schema.schemata")
            seen.extend(row for row in cursor.fetchall() if row[0] not in SYSTEM)
        os.close(folder)
        yield dump(b"bob")[-20:]

    scratch.load("web1/alice", iter([dump(CANARY)]))
    loaded = scratch.load("web1/bob", bob())

    assert [(table.name, table.rows) for table in loaded.tables] == [("notes", 1)]
    assert len(seen) == 1


def test_the_server_has_no_rights_no_network_and_cannot_enter_the_state_folder(area: Path) -> None:
    process = ScratchProcess(area, ScratchLimits())
    process.fresh()
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines()
    )
    networks = [os.readlink(f"/proc/{pid}/ns/net") for pid in ("self", process.pid)]
    listening = psutil.Process(process.pid).net_connections("inet")
    process.close()

    assert "0" not in status["Uid"].split()
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd") if name != "CapBnd"} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert networks[0] != networks[1]
    assert not listening
    assert not process.folder.exists()


@pytest.mark.parametrize(
    "middle",
    [
        pytest.param(
            b"INSERT INTO `notes` VALUES (1,'x'),(2,'\x00\x00\x00\x00", id="a hole of zeros in a string"
        ),
        pytest.param(b"INSERT INTO `notes` VAL@ES (1,'x');\n", id="a flipped bit in a word"),
        pytest.param(
            b"INSERT INTO `notes` VALUES (1,'x'),(1,'twice the same key');\n", id="a row written twice"
        ),
    ],
)
def test_a_dump_with_its_last_line_and_a_damaged_middle_is_named(
    scratch: ScratchServer, middle: bytes
) -> None:
    with pytest.raises(UNUSABLE):
        scratch.load(
            "web1/alice", iter([HEAD + TABLE + middle + b"INSERT INTO `notes` VALUES (7,'y');\n" + TRAILER])
        )


def test_a_dump_that_asks_for_more_than_its_own_tables_gets_nothing(scratch: ScratchServer) -> None:
    with pytest.raises(DumpRefused):
        scratch.load(
            "web1/mallory", iter([HEAD + b"INSERT INTO `mysql`.`global_priv` VALUES (1);\n" + TRAILER])
        )


def test_a_load_beyond_its_limits_is_ended_and_says_which(area: Path) -> None:
    scratch = ScratchServer(area, ScratchLimits(bytes=1))

    def endless() -> Iterator[bytes]:
        yield HEAD + TABLE
        number = 0
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            number += 1
            yield b"INSERT INTO `notes` VALUES (%d,'x');\n" % number
            time.sleep(0.01)

    with pytest.raises(ScratchLimit, match="bytes of disk"):
        scratch.load("web1/alice", endless())

    assert scratch.load("web1/bob", iter([dump()[:0] + HEAD + TABLE + TRAILER])) is not None
    scratch.close()


def test_a_killed_worker_takes_its_server_with_it(tmp_path: Path) -> None:
    area = tmp_path / "scratch"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(area)], stdout=subprocess.PIPE, text=True
    ) as worker:
        assert worker.stdout is not None
        pid = int(worker.stdout.readline())
        assert psutil.Process(pid).name() == "mariadbd"
        worker.send_signal(signal.SIGKILL)

    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    assert list(area.iterdir())
    assert sweep(area) == 0
    assert not area.exists()


def test_a_sweep_ends_a_server_that_was_left_and_no_other(scratch: ScratchServer, area: Path) -> None:
    scratch.close()
    left, other = (
        ScratchProcess(area, ScratchLimits()),
        ScratchProcess(area.with_name("other"), ScratchLimits()),
    )
    left.fresh()
    other.fresh()
    ended = sweep(area)

    assert (ended, left.running, other.running, area.exists()) == (1, False, True, False)
    left.close()
    other.close()


def test_hashes_are_read_from_a_dump_of_the_server_s_own_accounts(scratch: ScratchServer) -> None:
    with PrivateMariadb() as server:
        server.sql(
            "CREATE USER 'alice_db'@'localhost' IDENTIFIED BY 'it''s \\\\ hers';"
            "CREATE USER 'bob_db'@'10.0.0.%' IDENTIFIED BY 'his';"
            "CREATE USER 'nobody'@'localhost';"
        )
        text = run_client(server.client("mysql", program="mariadb-dump"), b"")

    found = {str(one.account): one.verifier.reveal() for one in scratch.hashes(iter([text.encode()]))}

    assert found["'alice_db'@'localhost'"] == native_verifier(Secret(rb"it's \ hers")).reveal()
    assert found["'bob_db'@'10.0.0.%'"] == native_verifier(Secret(b"his")).reveal()
    assert "'nobody'@'localhost'" not in found


def test_hashes_are_read_from_the_tables_of_older_servers(scratch: ScratchServer) -> None:
    verifier = native_verifier(Secret(b"old")).reveal()
    text = (
        HEAD
        + b"CREATE TABLE `user` (\n  `Host` char(60) NOT NULL,\n  `User` char(16) NOT NULL,\n  `Password` char(41)"
        + b" NOT NULL,\n  PRIMARY KEY (`Host`,`User`)\n) ENGINE=MyISAM;\nINSERT INTO `user` VALUES "
        + b"('localhost','root',''),('%%','carol_db','%s');\n" % verifier
        + TRAILER
    )

    found = [(str(one.account), one.verifier.reveal()) for one in scratch.hashes(iter([text]))]

    assert found == [("'carol_db'@'%'", verifier)]


def test_a_cut_dump_of_accounts_is_no_empty_one(scratch: ScratchServer) -> None:
    with pytest.raises(DumpDamaged):
        list(scratch.hashes(iter([HEAD + b"INSERT INTO `user` VALUES ('localhost','roo"])))
