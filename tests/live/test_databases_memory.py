"""How much memory a worker takes while it loads what is large: measured in a process of its own, and printed."""

from __future__ import annotations

import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from detectors.finding import Secret
from fixtures.servers.mariadb import PrivateMariadb
from restore.model.incident import DatabaseTarget, SecretRef
from restore.systems.mysql import MysqlServer
from tests.systems.dumps import HEAD, TAIL

MOST = 300  # MB a worker
TABLE = (
    b"CREATE TABLE `big` (\n  `id` int(11) NOT NULL,\n  `body` %b DEFAULT NULL,\n  PRIMARY KEY (`id`)\n"
    b") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n"
)
ESCAPES = (
    (b"\\", b"\\\\"),
    (b"'", b"\\'"),
    (b"\0", b"\\0"),
    (b"\n", b"\\n"),
    (b"\r", b"\\r"),
    (b'"', b'\\"'),
)
TEXT = b"'a row of \\'some\\' text, as there are many of them in a large table\\n'"
PIECE = 1 << 20


def bytes_of_16_megabytes() -> Iterator[bytes]:
    yield TABLE % b"longblob"
    for number in range(3):
        value = random.Random(number).randbytes(16_000_000)
        for raw, written in ESCAPES:
            value = value.replace(raw, written)
        yield b"INSERT INTO `big` VALUES\n(%d,'" % number
        yield from (value[start : start + PIECE] for start in range(0, len(value), PIECE))
        yield b"');\n"


def texts_of_16_megabytes() -> Iterator[bytes]:
    yield TABLE % b"longtext"
    for number in range(3):
        yield b"INSERT INTO `big` VALUES\n(%d,'" % number
        yield from (rb"""it\'s \"x\" \n\\ """ * (PIECE // 15) for _ in range(15))
        yield b"');\n"


def one_insert_of_60_megabytes() -> Iterator[bytes]:
    yield TABLE % b"longtext"
    yield b"INSERT INTO `big` VALUES\n(0,NULL)"
    for first in range(1, 740_000, 20_000):
        yield b"".join(b",\n(%d,%b)" % (number, TEXT) for number in range(first, first + 20_000))
    yield b";\n"


def a_table_of_320_megabytes() -> Iterator[bytes]:
    yield TABLE % b"longtext"
    for first in range(0, 4_000_000, 10_000):
        rows = b",\n".join(b"(%d,%b)" % (number, TEXT) for number in range(first, first + 10_000))
        yield b"INSERT INTO `big` VALUES\n" + rows + b";\n"


LARGE = {
    made.__name__: made
    for made in (
        bytes_of_16_megabytes,
        texts_of_16_megabytes,
        one_insert_of_60_megabytes,
        a_table_of_320_megabytes,
    )
}


@dataclass(frozen=True, slots=True)
class Made:
    """A dump that is written as it is read; it can be read again."""

    name: str

    def __iter__(self) -> Iterator[bytes]:
        yield HEAD
        yield from LARGE[self.name]()
        yield TAIL


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateMariadb]:
    settings = {
        "max-allowed-packet": "64M",
        "innodb-buffer-pool-size": "256M",
        "innodb-log-file-size": "256M",
    }
    with PrivateMariadb(settings=settings) as server:
        yield server


@pytest.mark.long
@pytest.mark.parametrize("name", LARGE)
def test_a_worker_stays_within_its_memory_whatever_the_dump(private: PrivateMariadb, name: str) -> None:
    worker = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.live.test_databases_memory",
            name,
            str(private.socket),
            private.admin_user,
        ],
        input=private.admin_password,
        capture_output=True,
        text=True,
        check=False,
    )

    assert worker.returncode == 0, worker.stderr
    sys.stdout.write(f"{name}: {worker.stdout.strip()}\n")
    assert int(worker.stdout.split()[0]) <= MOST


def main(name: str, socket: str, user: str) -> None:
    """Load it; the most memory this process ever had, in MB, and the rows."""
    target = DatabaseTarget("db1", user, SecretRef("env", "unused"), socket=socket)
    server = MysqlServer(target, Secret(sys.stdin.readline().strip().encode()))
    loaded = server.load("br_stage_large", Made(name))
    server.drop_staging("br_stage_large")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    rows = loaded.tables[0].rows
    sys.stdout.write(f"{peak} MB at most, {rows:,} rows of {loaded.bytes:,} bytes; {loaded.notes[1:]}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
