"""Databases like those of a hoster, made on a real server from a seed and dumped by the stock programs."""

# ruff: noqa: E501 - SQL reads best as it stands

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from detectors.finding import Secret
from fixtures.servers.daemon import plain_environment
from fixtures.servers.mariadb import PrivateMariadb
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import state_digest
from restore.systems.mysql import MysqlServer

MB = 1_000_000
ROWS_AT_ONCE = 400
WORDS = (
    'the quick brown fox jumps over a lazy dog while it\\\'s raining \\"softly\\" on <b>roofs</b>, and\\nnobody '
    "knows Größe or naïveté; price: 12,50 (net), see https://example.is/a?b=1&c=2 \\\\ end "
).encode()
TEXT = WORDS * (2 + 7000 // len(WORDS))
STARTS = [place + 1 for place in range(len(WORDS)) if WORDS[place : place + 1] == b" "]
BLOG = """
CREATE TABLE wp_posts (ID bigint(20) unsigned NOT NULL AUTO_INCREMENT, post_author bigint(20) unsigned NOT NULL DEFAULT 0,
 post_date datetime NOT NULL DEFAULT '0000-00-00 00:00:00', post_content longtext NOT NULL, post_title text NOT NULL,
 post_status varchar(20) NOT NULL DEFAULT 'publish', post_name varchar(200) NOT NULL DEFAULT '',
 post_parent bigint(20) unsigned NOT NULL DEFAULT 0, post_type varchar(20) NOT NULL DEFAULT 'post', PRIMARY KEY (ID),
 KEY post_name (post_name(191)), KEY type_status_date (post_type,post_status,post_date,ID), KEY post_parent (post_parent),
 KEY post_author (post_author)) ENGINE=InnoDB;
CREATE TABLE wp_postmeta (meta_id bigint(20) unsigned NOT NULL AUTO_INCREMENT, post_id bigint(20) unsigned NOT NULL DEFAULT 0,
 meta_key varchar(255) DEFAULT NULL, meta_value longtext DEFAULT NULL, PRIMARY KEY (meta_id), KEY post_id (post_id),
 KEY meta_key (meta_key(191))) ENGINE=InnoDB;
CREATE TABLE wp_options (option_id bigint(20) unsigned NOT NULL AUTO_INCREMENT, option_name varchar(191) NOT NULL DEFAULT '',
 option_value longtext NOT NULL, autoload varchar(20) NOT NULL DEFAULT 'yes', PRIMARY KEY (option_id),
 UNIQUE KEY option_name (option_name), KEY autoload (autoload)) ENGINE=InnoDB;
CREATE TABLE wp_comments (comment_ID bigint(20) unsigned NOT NULL AUTO_INCREMENT,
 comment_post_ID bigint(20) unsigned NOT NULL DEFAULT 0, comment_author tinytext NOT NULL,
 comment_author_email varchar(100) NOT NULL DEFAULT '', comment_date datetime NOT NULL, comment_content text NOT NULL,
 comment_approved varchar(20) NOT NULL DEFAULT '1', PRIMARY KEY (comment_ID), KEY comment_post_ID (comment_post_ID),
 KEY approved_date (comment_approved,comment_date), KEY comment_author_email (comment_author_email(10))) ENGINE=InnoDB;
"""
SHOP = """
CREATE TABLE customer (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, email varchar(150) NOT NULL, name varchar(100) NOT NULL,
 made timestamp NOT NULL DEFAULT current_timestamp(), UNIQUE KEY email (email), KEY name (name)) ENGINE=InnoDB;
CREATE TABLE orders (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, customer int NOT NULL, total decimal(12,2) NOT NULL,
 note text, made datetime(3) NOT NULL, KEY made (made), CONSTRAINT whose FOREIGN KEY (customer) REFERENCES customer (id))
 ENGINE=InnoDB;
CREATE TABLE order_line (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, orders int NOT NULL, sku varchar(40) NOT NULL,
 amount smallint NOT NULL, price decimal(10,4) NOT NULL, KEY sku (sku), KEY orders (orders), KEY sku_amount (sku,amount))
 ENGINE=InnoDB;
"""


SCRATCH = Path("/var/tmp/bulkrestore-bench")
NAMES = (*(f"blog{number:02}" for number in range(30)), "shop")
# What the digests of the originals depend on.
METHOD = ("tests/bench/corpus.py", "restore/systems/dump_rows.py", "restore/systems/mysql_tables.py")


@dataclass(frozen=True, slots=True)
class Corpus:
    """`dumps` by database, made by mariadb-dump, `folder` mydumper's of all of them, and what each original held
    (state_digest); `plain` bytes in all."""

    dumps: dict[str, Path]
    folder: Path
    digests: dict[str, str]
    plain: int


def cached(megabytes: int, note: Callable[[str], None]) -> Corpus:
    """Thirty blogs and one shop of about a quarter of everything, made once and kept below SCRATCH."""
    root = Path(__file__).parents[2]
    key = hashlib.sha256(b"".join((root / one).read_bytes() for one in METHOD)).hexdigest()[:12]
    folder = SCRATCH / f"databases-{megabytes}-{key}"
    stated = folder / "digests.json"
    if not stated.exists():
        note(f"making {megabytes:,} MB of dumps in {folder}, once")
        for older in SCRATCH.glob(f"databases-{megabytes}-*"):
            shutil.rmtree(older)
        folder.mkdir(mode=0o700, parents=True)
        with PrivateMariadb(settings={"innodb-buffer-pool-size": "1G"}) as server:
            stated.write_text(json.dumps(_make(server, folder, megabytes)))
    dumps = {name: folder / f"{name}.sql" for name in NAMES}
    size = sum(path.stat().st_size for path in dumps.values())
    return Corpus(dumps, folder / "all.my", json.loads(stated.read_text()), size)


def _make(server: PrivateMariadb, folder: Path, megabytes: int) -> dict[str, str]:
    """On `server` and dumped below `folder`; what each database holds."""
    blogs = NAMES[:-1]
    for number, name in enumerate(blogs):
        _fill(server, name, BLOG, _blog(random.Random(number), megabytes * MB * 3 // 4 // len(blogs)))
    _fill(server, "shop", SHOP, _shop(random.Random(99), megabytes * MB // 4))
    for name in NAMES:
        with (folder / f"{name}.sql").open("wb") as out:
            command = server.client("--single-transaction", name, program="mariadb-dump")
            subprocess.run(command, stdout=out, check=True, env=plain_environment())
    regex = ("--regex", r"^(blog\d\d|shop)\.", "--threads=2", "--trx-consistency-only", "--verbose=0")
    command = server.client("--outputdir", str(folder / "all.my"), program="mydumper")
    subprocess.run([*command, *regex], check=True, env=plain_environment())
    ours = connect(server)
    digests = {name: state_digest(ours.tables(name)) for name in NAMES}
    ours.close()
    return digests


def connect(server: PrivateMariadb) -> MysqlServer:
    """Our side of the server."""
    target = DatabaseTarget("live", server.admin_user, SecretRef("env", "X"), socket=str(server.socket))
    return MysqlServer(target, Secret(server.admin_password.encode()))


def _fill(server: PrivateMariadb, name: str, tables: str, rows: Iterator[bytes]) -> None:
    first = f"CREATE DATABASE {name} CHARACTER SET utf8mb4; USE {name}; SET unique_checks=0, foreign_key_checks=0;"
    with subprocess.Popen(server.client(), stdin=subprocess.PIPE, env=plain_environment()) as client:
        if client.stdin is None:
            raise ValueError("a client without an input")
        client.stdin.write((first + tables + "BEGIN;\n").encode())
        for statement in rows:
            client.stdin.write(statement)
        client.stdin.write(b"COMMIT;\n")
    if client.returncode:
        raise ValueError(f"the corpus could not be made: {name}")


def _blog(chance: random.Random, size: int) -> Iterator[bytes]:
    posts = size // 5500
    yield from _inserts("wp_posts", (_post(chance, number) for number in range(1, posts + 1)))
    meta = (_meta(chance, number, posts) for number in range(1, posts * 8))
    yield from _inserts("wp_postmeta", meta)
    options = (
        b"(%d,'option_%d_%d','%s','yes')" % (number, number, chance.randrange(10**6), _words(chance, 60, 700))
        for number in range(1, 300)
    )
    yield from _inserts("wp_options", options)
    yield from _inserts("wp_comments", (_comment(chance, number, posts) for number in range(1, posts * 2)))


def _post(chance: random.Random, number: int) -> bytes:
    return b"(%d,%d,'2024-%02d-%02d 10:11:12','%s','%s','publish','name-%d',%d,'post')" % (
        number,
        chance.randrange(9),
        chance.randrange(1, 13),
        chance.randrange(1, 29),
        _words(chance, 200, 6000),
        _words(chance, 10, 80),
        chance.randrange(10**9),
        chance.randrange(100),
    )


def _meta(chance: random.Random, number: int, posts: int) -> bytes:
    value = b"NULL" if chance.random() < 0.1 else b"'" + _words(chance, 1, 120) + b"'"
    return b"(%d,%d,'_meta_%d',%s)" % (number, chance.randrange(posts), chance.randrange(40), value)


def _comment(chance: random.Random, number: int, posts: int) -> bytes:
    return b"(%d,%d,'someone','a%d@example.is','2023-05-%02d 01:02:03','%s','1')" % (
        number,
        chance.randrange(posts),
        chance.randrange(10**6),
        chance.randrange(1, 29),
        _words(chance, 40, 500),
    )


def _shop(chance: random.Random, size: int) -> Iterator[bytes]:
    customers = size // 1000
    rows = (
        b"(%d,'c%d-%d@example.is','Name %d','2022-03-04 05:06:07')" % (n, n, chance.randrange(10**6), n)
        for n in range(1, customers)
    )
    yield from _inserts("customer", rows)
    orders = (
        b"(%d,%d,%d.%02d,'%s','2024-01-02 03:04:05.%03d')"
        % (
            n,
            chance.randrange(1, customers),
            chance.randrange(900),
            chance.randrange(100),
            _words(chance, 1, 90),
            n % 1000,
        )
        for n in range(1, customers * 4)
    )
    yield from _inserts("orders", orders)
    lines = (
        b"(%d,%d,'sku-%06d',%d,%d.2500)"
        % (
            n,
            chance.randrange(1, customers * 4),
            chance.randrange(10**6),
            chance.randrange(1, 20),
            chance.randrange(500),
        )
        for n in range(1, customers * 14)
    )
    yield from _inserts("order_line", lines)


def _words(chance: random.Random, least: int, most: int) -> bytes:
    """A text of so many bytes or a little more, whole words, already escaped."""
    start = chance.choice(STARTS)
    return TEXT[start : TEXT.index(b" ", start + chance.randrange(least, most))]


def _inserts(table: str, rows: Iterator[bytes]) -> Iterator[bytes]:
    while batch := [row for _, row in zip(range(ROWS_AT_ONCE), rows, strict=False)]:
        yield b"INSERT INTO " + table.encode() + b" VALUES " + b",".join(batch) + b";\n"
