"""Databases on a real MariaDB: every type as mariadb-dump writes it, writers during the switch, damaged parts."""

from __future__ import annotations

import gzip
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.finding import Secret
from fixtures.servers.certificates import PrivateCA
from fixtures.servers.mariadb import PrivateMariadb
from restore.errors import (
    DatabaseBusy,
    DatabaseLoginRefused,
    DatabaseRefused,
    DatabaseUnreachable,
    DumpDamaged,
    LiveDiffers,
    LoadDiffers,
    LoadTooLarge,
    LoadTooLong,
    StagingDiffers,
)
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import AccountName, Loaded, Move, state_digest
from restore.systems import mysql_connection, mysql_load_limits, mysql_switch
from restore.systems.mysql import MysqlServer
from tests.systems.dumps import HEAD, POSTS, TAIL, Again, chunks, dump

STAGING = "br_stage_live"
REFERENCE = SecretRef("env", "unused")

# ruff: noqa: E501 - one statement a line reads best here
EVERY_TYPE = r"""
CREATE DATABASE source CHARACTER SET latin1;
USE source;
SET sql_mode='', time_zone='+00:00';
CREATE TABLE every_type (id INT AUTO_INCREMENT PRIMARY KEY, z INT(6) ZEROFILL, u BIGINT UNSIGNED, t TINYINT, d DECIMAL(10,3),
 dz DECIMAL(8,2) ZEROFILL, f FLOAT, db DOUBLE, b BIT(10), b1 BIT(1), c CHAR(5), v VARCHAR(40), l VARCHAR(40) CHARACTER SET latin1,
 tx LONGTEXT, bl LONGBLOB, vb VARBINARY(10), bi BINARY(4), e ENUM('x','it''s',''), s SET('a','b','c'), da DATE, dt DATETIME,
 dt3 DATETIME(3), ts TIMESTAMP NULL, ts6 TIMESTAMP(6) NULL, ti TIME(2), y YEAR, g GEOMETRY, j JSON, ui UUID, ip INET6,
 gen INT AS (t + 1) VIRTUAL, st INT AS (t + 2) STORED, KEY (v), KEY (u)) DEFAULT CHARSET=utf8mb4;
INSERT INTO every_type (z,u,t,d,dz,f,db,b,b1,c,v,l,tx,bl,vb,bi,e,s,da,dt,dt3,ts,ts6,ti,y,g,j,ui,ip) VALUES
 (42,18446744073709551615,-128,-0.001,7.5,3.40282e38,1.7976931348623157e308,b'1000000001',1,'x ','Zwölf 🐦 Boxkämpfer','Grüße',
  'a\0b\nc\rd\Z\\e\'f"g\tü','\0\'"\\\n\r\Z\x1a',x'00ff','ab','it''s','a,c','0000-00-00','2020-02-30','2020-01-02 03:04:05.678',
  '2020-03-29 00:30:00','1970-01-01 00:00:01.000001','-838:59:58.99',1901,ST_GeomFromText('POINT(1 2)',4326),'{"a": "ü"}',
  '123e4567-e89b-12d3-a456-426655440000','2001:db8::1'),
 (0,0,127,1234567.891,0,-1.5e-10,-0.1,0,0,'','','','','','','','','','2020-12-31','0000-00-00','0000-00-00','2020-10-25 00:30:00',
  NULL,'00:00:00',0,NULL,'[]',NULL,'::'),
 (NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE `odd``name
-- x; ü` (`co``l` INT, `sel ect` TEXT) ENGINE=MyISAM;
INSERT INTO `odd``name
-- x; ü` VALUES (1, ');\n(2,''x''),('),(2,'NULL');
CREATE TABLE parent (id INT PRIMARY KEY); CREATE TABLE a_child (id INT PRIMARY KEY, p INT,
 CONSTRAINT own FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
INSERT INTO parent VALUES (1),(2); INSERT INTO a_child VALUES (1,1),(2,2);
CREATE TABLE zero (id INT AUTO_INCREMENT PRIMARY KEY); SET sql_mode='NO_AUTO_VALUE_ON_ZERO'; INSERT INTO zero VALUES (0),(1);
CREATE TABLE full_text (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY (t)) ENGINE=InnoDB; INSERT INTO full_text VALUES (1,'some words');
CREATE TABLE parted (id INT, PRIMARY KEY (id)) PARTITION BY HASH (id) PARTITIONS 4; INSERT INTO parted VALUES (1),(2),(3);
CREATE TABLE no_key (t TEXT); INSERT INTO no_key VALUES ('same'),('same'),(NULL),('');
CREATE TABLE empty_one (i INT);
"""


def ours(server: PrivateMariadb) -> MysqlServer:
    target = DatabaseTarget("db1", server.admin_user, REFERENCE, socket=str(server.socket))
    return MysqlServer(target, Secret(server.admin_password.encode()))


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateMariadb]:
    with PrivateMariadb(settings={"max-allowed-packet": "1M", "default-time-zone": "+05:00"}) as server:
        server.sql(EVERY_TYPE)
        yield server


@pytest.fixture
def database(private: PrivateMariadb) -> Iterator[MysqlServer]:
    server = ours(private)
    for name in ("shop", STAGING, "br_kept_live", "br_stage_other"):
        private.sql(f"DROP DATABASE IF EXISTS {name}")
    yield server
    server.close()


def dumped(private: PrivateMariadb, *options: str) -> bytes:
    """The source database as the real mariadb-dump writes it."""
    command = private.client(*options, "source", program="mariadb-dump")
    return subprocess.run(command, capture_output=True, check=True).stdout


def load(server: MysqlServer, data: bytes, staging: str = STAGING) -> Loaded:
    return server.load(staging, Again(data))


def move_of(loaded: Loaded, agreed: str | None = None) -> Move:
    return Move(STAGING, "shop", "br_kept_live", loaded.tables, loaded.charset, loaded.collation, agreed)


def doubts(loaded: Loaded) -> list[str]:
    """Tables of which only the rows were counted."""
    return sorted(
        note.split(":")[0].removeprefix("table ") for note in loaded.notes if "checksum only" in note
    )


WAYS = {
    "as it is": [],
    "hex": ["--hex-blob"],
    "one row a statement": ["--skip-extended-insert", "--complete-insert"],
    "local time": ["--skip-tz-utc"],
    "no comments": ["--skip-comments"],
}


def test_a_dump_of_mysql_8_loads_with_a_note_of_what_was_translated(database: MysqlServer) -> None:
    text = POSTS.replace(b"utf8mb4_general_ci", b"utf8mb4_0900_ai_ci").replace(
        b"first;", b"utf8mb4_0900_ai_ci;"
    )
    text = text.replace(
        b"PRIMARY KEY (`id`)", b"PRIMARY KEY (`id`),\n  KEY `t` (`title`) /*!80000 INVISIBLE */"
    )
    both = b"CREATE DATABASE `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_ai_ci */;\n"
    loaded = database.load(STAGING, chunks(dump(both, text)))

    assert (loaded.tables[0].rows, loaded.collation) == (3, "utf8mb4_uca1400_nopad_ai_ci")
    assert [note for note in loaded.notes if "0900" in note and "uca1400_nopad_ai_ci was taken" in note]
    titles = database._admin.rows(b"SELECT title FROM " + STAGING.encode() + b".posts WHERE id = 1")
    assert titles[0][0] is not None and titles[0][0].startswith(b"utf8mb4_0900_ai_ci;")


def test_rows_that_load_data_takes_otherwise_are_loaded_again_by_inserts(database: MysqlServer) -> None:
    odd = POSTS.replace(b"(3,'','2026-01-02 03:04:05')", b"(007,'','2026-01-02 03:04:05')")
    loaded = database.load(STAGING, Again(dump(odd)))

    assert loaded.tables[0].rows == 3
    assert any("the quick way was in doubt" in note for note in loaded.notes)
    assert not any("quick way" in note for note in database.load(STAGING, Again(dump(POSTS))).notes)


BLOBS = """
CREATE DATABASE blobs; USE blobs;
CREATE TABLE files (id INT PRIMARY KEY, name VARCHAR(20) CHARACTER SET utf8mb4, body LONGBLOB, hash BINARY(4), tag VARBINARY(9));
INSERT INTO files VALUES (1, 'ä,_binary ', x'%s', x'00', '_binary '), (2, NULL, x'c3275c', x'e282ac', ''), (3, 'x', NULL, 'abcd', x'0a'),
 (4, 'a),\n(b', '),(', '),(1', '),\n(');
"""


@pytest.mark.parametrize("program", ["mariadb-dump", "mysqldump of MySQL"])
def test_tables_of_bytes_go_the_quick_way_and_come_back_as_they_were(
    private: PrivateMariadb, database: MysqlServer, program: str
) -> None:
    private.sql("DROP DATABASE IF EXISTS blobs")
    private.sql(BLOBS % bytes(range(256)).hex())
    data = subprocess.run(
        private.client("blobs", program="mariadb-dump"), capture_output=True, check=True
    ).stdout
    if program != "mariadb-dump":
        for head in (b",'ab", b",'\\0", b",'\xe2", b",'),(1"):
            assert head in data
            data = data.replace(head, b",_binary " + head[1:])

    loaded = load(database, data)

    assert not [note for note in loaded.notes if "INSERTs" in note or "only" in note]
    assert state_digest(database.tables(STAGING)) == state_digest(database.tables("blobs"))


def test_a_staging_table_changed_after_it_was_compared_stops_the_switch(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    loaded = load(database, dump(POSTS))
    while private.sql("SELECT UTC_TIMESTAMP()").strip() <= loaded.tables[0].changed:
        pass
    private.sql(f"UPDATE {STAGING}.posts SET title = 'another' WHERE id = 3")

    with pytest.raises(StagingDiffers):
        database.switch(move_of(loaded))
    assert loaded.tables[0].changed


def test_a_load_beyond_its_hours_fails_and_goes_on_later(
    database: MysqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(database, dump(POSTS))
    with monkeypatch.context() as patch:
        patch.setattr(mysql_load_limits, "HOUR", 0.0)
        with pytest.raises(LoadTooLong) as failed:
            load(database, dump(POSTS))

    assert STAGING in failed.value.kept
    assert [note for note in load(database, dump(POSTS)).notes if note.startswith("1 tables")]


def test_a_load_beyond_its_disk_leaves_nothing_on_it(
    database: MysqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mysql_load_limits, "GIGABYTE", 100)

    with pytest.raises(LoadTooLarge):
        load(database, dump(POSTS))
    assert STAGING not in database.databases()


@pytest.mark.parametrize("way", WAYS)
def test_every_type_comes_back_as_it_was(private: PrivateMariadb, database: MysqlServer, way: str) -> None:
    loaded = load(database, dumped(private, *WAYS[way]))

    assert database.tables("source") == tuple(sorted(loaded.tables, key=lambda one: one.name))
    assert [note for note in loaded.notes if "quick way" in note] == []
    assert doubts(loaded) == []
    assert [note for note in loaded.notes if "warnings" in note and "generated column" not in note] == []


def test_a_dump_written_in_latin1_comes_back_as_it_was(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    private.sql(
        "CREATE OR REPLACE TABLE source.west (id INT PRIMARY KEY, a VARCHAR(50) CHARACTER SET latin1, b TEXT CHARACTER SET"
        " utf8mb4) DEFAULT CHARSET=latin1; SET NAMES utf8mb4; INSERT INTO source.west VALUES (1,'Größe € – ü','Größe €')"
    )
    data = subprocess.run(
        private.client("--default-character-set=latin1", "source", "west", program="mariadb-dump"),
        capture_output=True,
        check=True,
    ).stdout
    wanted = [one for one in database.tables("source") if one.name == "west"]
    private.sql("DROP TABLE source.west")
    loaded = load(database, data)

    assert b"SET NAMES latin1" in data and "€".encode("cp1252") in data
    assert list(loaded.tables) == wanted
    assert doubts(loaded) == []


def test_foreign_keys_move_with_their_tables_and_odd_names_with_them(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    loaded = load(database, dumped(private))
    database.switch(move_of(loaded))
    first = database.tables("shop")
    private.sql("INSERT INTO shop.parent VALUES (3)")
    agreed = state_digest(database.tables("shop"))
    again = load(database, dumped(private))
    database.switch(move_of(again, agreed))
    private.sql("DELETE FROM shop.parent WHERE id = 1; DELETE FROM br_kept_live.parent WHERE id = 2")

    assert database.tables("source") == first
    assert private.sql("SELECT id FROM shop.a_child; SELECT id FROM br_kept_live.a_child").split() == [
        "2",
        "1",
    ]


def test_rows_of_waiting_writers_land_in_the_restored_tables(
    private: PrivateMariadb, database: MysqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = b"".join(
        b"CREATE TABLE `t%d` (`id` int NOT NULL AUTO_INCREMENT, `w` varchar(9), PRIMARY KEY (`id`)) ENGINE=InnoDB;\n"
        b"INSERT INTO `t%d` VALUES (1,'%%s');\n" % (number, number)
        for number in range(12)
    )
    database.switch(move_of(load(database, dump(made.replace(b"%s", b"old")))))
    agreed = state_digest(database.tables("shop"))
    loaded = load(database, dump(made.replace(b"%s", b"new")))
    reader = private.client("-e", "BEGIN; SELECT * FROM shop.t0; SELECT SLEEP(0.5); COMMIT")
    holding = subprocess.Popen(reader, stdout=subprocess.DEVNULL)
    writers: list[threading.Thread] = []
    check = mysql_switch._check_live

    def check_and_let_them_write(*arguments: object) -> None:
        check(*arguments)  # type: ignore[arg-type]
        if not writers and "br_kept_live" in database.databases():
            for number in range(12):
                statement = f"INSERT INTO shop.t{number} (w) VALUES ('late')"
                writers.append(threading.Thread(target=private.sql, args=(statement,)))
                writers[-1].start()
            while (
                int(
                    private.sql(
                        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE INFO LIKE 'INSERT%late%'"
                    )
                )
                < 12
            ):
                pass

    monkeypatch.setattr(mysql_switch, "_check_live", check_and_let_them_write)
    database.switch(move_of(loaded, agreed))
    for writer in writers:
        writer.join()
    holding.wait()

    assert len(writers) == 12
    assert state_digest(database.tables("br_kept_live")) == agreed
    for number in range(12):
        assert private.sql(f"SELECT w FROM shop.t{number} ORDER BY id").split() == ["new", "late"]


def test_a_server_without_connections_for_the_fence_is_told_how_many_it_takes(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    database.switch(move_of(load(database, dump(POSTS))))
    before = database.tables("shop")
    loaded = load(database, dump(POSTS.replace(b"(3,''", b"(4,'x'")))
    private.sql("SET GLOBAL max_connections = 15")
    with pytest.raises(DatabaseRefused, match="set max_connections to at least"):
        database.switch(move_of(loaded, state_digest(before)))
    private.sql("SET GLOBAL max_connections = 151")

    assert database.tables("shop") == before


def test_a_row_written_after_the_agreement_stops_the_switch(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    database.switch(move_of(load(database, dump(POSTS))))
    agreed = state_digest(database.tables("shop"))
    loaded = load(database, dump(POSTS.replace(b"(3,''", b"(4,'x'")))
    private.sql("INSERT INTO shop.posts (title) VALUES ('just now')")
    before = database.tables("shop")
    with pytest.raises(LiveDiffers, match="changed after"):
        database.switch(move_of(loaded, agreed))

    assert database.tables("shop") == before
    assert database.tables(STAGING) == loaded.tables
    assert "br_kept_live" not in database.databases()


def test_a_long_transaction_stops_the_switch_and_not_the_site(
    private: PrivateMariadb, database: MysqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trigger = b"DELIMITER ;;\nCREATE TRIGGER `t` BEFORE INSERT ON `posts` FOR EACH ROW SET NEW.title = 'x' ;;\nDELIMITER ;\n"
    old = load(database, dump(POSTS, trigger))
    database.switch(move_of(old))
    database.create_objects("shop", old.objects, AccountName("nobody", "localhost"))
    agreed = state_digest(database.tables("shop"))
    loaded = load(database, dump(POSTS.replace(b"(3,''", b"(4,'x'")))
    monkeypatch.setattr(mysql_connection, "LOCK_PATIENCE", 1)
    holding = database._connect()
    holding.run(b"START TRANSACTION")
    holding.run(b"UPDATE shop.posts SET title = title WHERE id = 1")
    with pytest.raises(DatabaseBusy):
        database.switch(move_of(loaded, agreed))
    holding.run(b"ROLLBACK")
    holding.close()
    standing = database.objects("shop")
    database.switch(move_of(loaded, agreed))

    assert standing == ("trigger t",)
    assert database.tables("shop") == loaded.tables


def test_a_statement_beyond_the_servers_packet_is_sent_in_parts(database: MysqlServer) -> None:
    rows = b",\n".join(
        b"(%d,'%s','2026-01-01 00:00:00')" % (number, b"x" * 190) for number in range(10, 9010)
    )
    loaded = load(database, dump(POSTS, b"INSERT INTO `posts` VALUES\n", rows, b";\n"))

    assert loaded.tables[0].rows == 9003


def test_a_row_beyond_the_servers_packet_is_named(database: MysqlServer) -> None:
    table = b"CREATE TABLE `big` (`t` longtext) ENGINE=InnoDB;\n"
    row = b"INSERT INTO `big` VALUES ('small'),('" + b"x" * 1_200_000 + b"');\n"
    with pytest.raises(LoadDiffers, match="max_allowed_packet = 1,048,576"):
        load(database, dump(table, row))


def test_large_rows_are_compared_by_value(database: MysqlServer) -> None:
    table = b"CREATE TABLE `big` (`id` int, `t` longtext, `b` longblob) ENGINE=InnoDB;\n"
    row = b"INSERT INTO `big` VALUES (1,'" + b"\\'" * 300_000 + b"','" + b"\\n" * 100_000 + b"');\n"
    loaded = load(database, dump(table, row))

    assert (loaded.tables[0].rows, doubts(loaded)) == (1, [])
    assert database.tables(STAGING) == loaded.tables


def test_what_the_server_alters_is_found(database: MysqlServer) -> None:
    table = b"CREATE TABLE `n` (`a` varchar(3), `i` tinyint) ENGINE=InnoDB;\n"
    for values in (b"('too long',1)", b"('x',1000)", b"('\xff\xfe',1)"):
        with pytest.raises((LoadDiffers, DatabaseRefused)):
            load(database, dump(table, b"INSERT INTO `n` VALUES ", values, b";\n"))


@pytest.mark.parametrize(
    ("note", "text"),
    [
        (
            "message among the SQL",
            b"mysqldump: [Warning] Using a password on the command line can be insecure.\n",
        ),
        ("character set", b""),
    ],
)
def test_what_was_passed_over_is_said(database: MysqlServer, note: str, text: bytes) -> None:
    loaded = load(database, text + dump(POSTS))

    assert any(note in one for one in loaded.notes)
    assert loaded.tables[0].rows == 3


def test_a_writer_that_failed_in_the_middle_is_believed(database: MysqlServer) -> None:
    failure = b"mysqldump: Error 2013: Lost connection to server during query when dumping table `posts` at row: 3\n"
    with pytest.raises(DumpDamaged, match="failed"):
        load(database, dump(POSTS, failure))


def test_two_dumps_one_behind_the_other_give_the_last(database: MysqlServer) -> None:
    loaded = load(
        database,
        dump(POSTS) + dump(POSTS.replace(b"(3,'','2026-01-02 03:04:05')", b"(9,'','2027-01-01 00:00:00')")),
    )

    assert [(one.rows, one.newest) for one in loaded.tables] == [(3, "2027-01-01 00:00:00")]


def test_a_gzip_cut_or_flipped_never_passes_for_whole(database: MysqlServer) -> None:
    packed = bytearray(gzip.compress(dump(POSTS), mtime=0))
    packed[len(packed) // 2] ^= 4

    def plain() -> Iterator[bytes]:
        try:
            yield gzip.decompress(bytes(packed))
        except (OSError, EOFError, ValueError) as error:
            yield HEAD
            raise DumpDamaged(f"the compression is broken: {error}") from error

    with pytest.raises(DumpDamaged):
        database.load(STAGING, plain())


def test_rows_keep_their_moment_whatever_the_dumps_time_zone(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    table = b"CREATE TABLE `m` (`t` timestamp NULL DEFAULT NULL) ENGINE=InnoDB;\n"
    row = b"INSERT INTO `m` VALUES ('2026-06-01 12:00:00');\n"
    head = HEAD.replace(b"'+00:00'", b"'-03:00'")
    loaded = load(database, head + table + row + TAIL)

    assert private.sql(f"SELECT UNIX_TIMESTAMP(t) FROM {STAGING}.m").strip() == "1780326000"
    assert loaded.tables[0].newest == "2026-06-01 15:00:00"


def test_loaders_of_dead_runs_are_gone_after_the_next_load(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    def explode() -> Iterator[bytes]:
        yield dump(POSTS)[:900]
        raise KeyboardInterrupt

    connect = private.sql("SELECT 1").strip()
    with pytest.raises(KeyboardInterrupt):
        database.load(STAGING, explode())
    load(database, dump(POSTS))

    assert connect == "1"
    assert private.sql("SELECT User FROM mysql.user WHERE User LIKE 'br\\_%'") == ""


def test_a_server_by_tcp_is_believed_only_with_its_certificate(tmp_path: Path) -> None:
    other = PrivateCA(tmp_path / "other")
    with PrivateMariadb(tcp=True, tls=True) as server:
        password = Secret(server.admin_password.encode())

        def through(ca: str, tls: str = "verify", secret: Secret = password) -> frozenset[str]:
            target = DatabaseTarget(
                "db2", server.admin_user, REFERENCE, host=server.host, port=server.port or 0, ca=ca, tls=tls
            )
            return MysqlServer(target, secret).databases()

        assert "mysql" in through(str(server.ca))
        with pytest.raises(DatabaseUnreachable, match="db2"):
            through(str(other.path))
        with pytest.raises(DatabaseLoginRefused, match="db2"):
            through(str(server.ca), secret=Secret(b"wrong"))
        with pytest.raises(DatabaseLoginRefused):
            through("", "none")
        server.stop()
        with pytest.raises(DatabaseUnreachable, match="db2"):
            through(str(server.ca))


def test_a_server_without_tls_is_not_spoken_to_in_the_clear() -> None:
    with PrivateMariadb(tcp=True, settings={"skip-ssl": "1"}) as server:
        target = DatabaseTarget("db2", server.admin_user, REFERENCE, host=server.host, port=server.port or 0)
        with pytest.raises(DatabaseUnreachable):
            MysqlServer(target, Secret(server.admin_password.encode())).databases()
