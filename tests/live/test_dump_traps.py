"""What dumps of all ages hold, loaded into a real MariaDB: each trap with the outcome that docs/dump-traps.md tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fixtures.servers.mariadb import PrivateMariadb
from restore.errors import DatabaseRefused, DumpRefused, LoadDiffers, RestoreError
from restore.model.mysql import AccountName, Move
from restore.systems.mysql import MysqlServer
from tests.live.test_databases import ours
from tests.systems.dumps import HEAD, POSTS, TAIL, Again

STAGING = "br_stage_traps"
INNODB = b"ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"


def table(columns: bytes, rows: bytes, options: bytes = INNODB, name: bytes = b"t") -> bytes:
    return b"CREATE TABLE `%s` (\n%s\n) %s;\nINSERT INTO `%s` VALUES %s;\n" % (
        name,
        columns,
        options,
        name,
        rows,
    )


def view(name: bytes, source: bytes) -> bytes:
    return (
        b"/*!50001 CREATE ALGORITHM=UNDEFINED */\n/*!50013 DEFINER=`gone`@`lost` SQL SECURITY DEFINER */\n"
        b"/*!50001 VIEW `%s` AS select `%s`.`id` AS `id` from `%s` */;\n" % (name, source, source)
    )


@dataclass(frozen=True, slots=True)
class Loads:
    """The dump loads: `rows` in its table t, and a note that holds `note`."""

    rows: int
    note: str = ""
    content: str = ""


@dataclass(frozen=True, slots=True)
class Refuses:
    """The load fails with that error, whose message holds `words`."""

    error: type[RestoreError]
    words: str


FOUR_ONE = b"  `id` int(11) NOT NULL auto_increment,\n  `a` varchar(9) default NULL,\n  PRIMARY KEY  (`id`)"
CHILD = (
    b"  `a` int(11) DEFAULT NULL,\n  KEY `a` (`a`),\n  CONSTRAINT `f` FOREIGN KEY (`a`) REFERENCES `z` (`id`)"
)
TRAPS: dict[str, tuple[bytes, Loads | Refuses]] = {
    "TYPE=MyISAM of 4.1": (table(FOUR_ONE, b"(1,'x'),(2,NULL)", b"TYPE=MyISAM"), Loads(2)),
    "timestamp(14) of 4.0": (
        table(b"  `at` timestamp(14) NOT NULL", b"(20040102030405)", b"TYPE=ISAM"),
        Loads(1, "the engine ISAM is no more", "2004-01-02 03:04:05"),
    ),
    "an engine that is gone": (
        table(b"  `a` int", b"(1)", b"ENGINE=TokuDB"),
        Loads(1, "the engine TokuDB is no more; InnoDB was taken"),
    ),
    "a key of 1,020 bytes in an old row format": (
        table(b"  `a` varchar(255) NOT NULL,\n  KEY `a` (`a`)", b"('x')", INNODB + b" ROW_FORMAT=COMPACT"),
        Loads(1, "ROW_FORMAT=COMPACT was left to the server"),
    ),
    "a compressed table": (table(b"  `a` int", b"(1)", INNODB + b" ROW_FORMAT=COMPRESSED"), Loads(1)),
    "an encrypted table": (
        table(b"  `a` int", b"(1)", INNODB + b" `ENCRYPTED`=YES `ENCRYPTION_KEY_ID`=2"),
        Loads(1, "`ENCRYPTED`=YES was left out"),
    ),
    "values for a generated column": (
        table(b"  `a` int,\n  `g` int GENERATED ALWAYS AS (`a` + 1) VIRTUAL", b"(1,2),(2,3)"),
        Loads(2, "has been ignored"),
    ),
    "NUL bytes as they are": (table(b"  `b` blob", b"('\0\0x')"), Loads(1, "", "\\0\\0x")),
    "text encoded twice": (table(b"  `a` text", "('GrÃ¼Ã\x9fe')".encode()), Loads(1, "", "GrÃ¼Ã\x9fe")),
    "bytes that are not in the dump's character set": (
        table(b"  `a` varchar(20)", b"('gr\xfc\xdfe')"),
        Refuses(LoadDiffers, "table t"),
    ),
    "a child before its parent": (
        table(CHILD, b"(1)") + table(b"  `id` int NOT NULL,\n  PRIMARY KEY (`id`)", b"(1)", name=b"z"),
        Loads(1),
    ),
    "names that differ in case alone": (
        table(b"  `a` int", b"(1)", name=b"T") + table(b"  `a` int", b"(1),(2)"),
        Loads(2),
    ),
    "rows that break a check": (
        table(b"  `a` int,\n  CONSTRAINT `c` CHECK (`a` > 0)", b"(-1)"),
        Refuses(DatabaseRefused, "CONSTRAINT `c` failed"),
    ),
    "INSERT … AS alias": (
        table(b"  `a` int", b"(1) AS `new`"),
        Refuses(DumpRefused, "values that are not literals"),
    ),
    "INSERT … SET": (
        table(b"  `a` int", b"(1)") + b"INSERT INTO t SET a = 2;\n",
        Refuses(DumpRefused, "INSERT INTO t SET a=2"[:17]),
    ),
    "a sequence": (
        b"CREATE SEQUENCE `s` start with 1 minvalue 1 maxvalue 9 increment by 1 nocycle ENGINE=InnoDB;\n",
        Refuses(DumpRefused, "CREATE SEQUENCE"),
    ),
}


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        yield server


@pytest.fixture
def database(private: PrivateMariadb) -> Iterator[MysqlServer]:
    server = ours(private)
    private.sql(f"DROP DATABASE IF EXISTS {STAGING}")
    yield server
    server.close()


@pytest.mark.parametrize(("text", "outcome"), TRAPS.values(), ids=TRAPS)
def test_a_trap_has_the_outcome_that_is_stated(
    private: PrivateMariadb, database: MysqlServer, text: bytes, outcome: Loads | Refuses
) -> None:
    data = Again(HEAD + text + TAIL)
    if isinstance(outcome, Refuses):
        with pytest.raises(outcome.error) as refused:
            database.load(STAGING, data)
        assert outcome.words in refused.value.message
        return
    loaded = database.load(STAGING, data)

    assert {one.name: one.rows for one in loaded.tables}["t"] == outcome.rows
    assert not outcome.note or any(outcome.note in note for note in loaded.notes), loaded.notes
    assert outcome.content in private.sql(f"SELECT * FROM {STAGING}.t")


def test_views_that_name_views_dumped_behind_them_are_made_all_the_same(
    private: PrivateMariadb, database: MysqlServer
) -> None:
    placeholders = b"".join(
        b"/*!50001 CREATE VIEW `%s` AS SELECT\n 1 AS `id` */;\n" % name for name in (b"a", b"b")
    )
    chain = POSTS + placeholders + view(b"a", b"b") + view(b"b", b"posts")
    loaded = database.load(STAGING, Again(HEAD + chain + TAIL))
    database.switch(
        Move(STAGING, "chained", "br_kept_traps", loaded.tables, loaded.charset, loaded.collation)
    )
    private.sql("CREATE USER owner@localhost; GRANT ALL ON chained.* TO owner@localhost")
    database.create_objects("chained", loaded.objects, AccountName("owner", "localhost"))

    assert private.sql("SELECT COUNT(*) FROM chained.a").strip() == "3"
