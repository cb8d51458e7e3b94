"""What each statement becomes: run, cut out, passed over, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import DumpRefused
from restore.systems.dump_session import DumpSession
from restore.systems.dump_statements import (
    CutOut,
    DropTables,
    InsertRows,
    MakeTable,
    NameDatabase,
    Passed,
    Refuse,
    classify,
)
from restore.systems.dump_text import effective, name_of, quoted_name, quoted_pattern

VERSION = 101119


def judge(text: str, session: DumpSession | None = None) -> object:
    return classify(text.encode(), 0, session or DumpSession(), VERSION)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("CREATE TABLE `t` (`a` int) ENGINE=InnoDB", MakeTable),
        ("CREATE TABLE IF NOT EXISTS t (a int CHECK (a LIKE '%@%')) ENGINE = MyISAM", MakeTable),
        ("CREATE TABLE `t` (`a` int COMMENT 'DATA DIRECTORY=''/x'' ; SELECT') ENGINE=Aria", MakeTable),
        ("CREATE TABLE `union` (`select` int, `data directory` int)", MakeTable),
        ("CREATE TABLE t (a int) /*!50100 PARTITION BY HASH (a) PARTITIONS 4 */", MakeTable),
        ("ALTER TABLE `t` ADD PRIMARY KEY (`a`), ADD KEY `k` (`b`)", MakeTable),
        ("ALTER TABLE t MODIFY a int NOT NULL AUTO_INCREMENT, AUTO_INCREMENT=5", MakeTable),
        ("INSERT INTO `t` VALUES (1)", InsertRows),
        ("INSERT IGNORE INTO `t` (`a`, `b`) VALUES (1,2)", InsertRows),
        ("DROP TABLE IF EXISTS `t`, u", DropTables),
        ("/*!40000 ALTER TABLE `t` DISABLE KEYS */", Passed),
        ("LOCK TABLES `t` WRITE, `u` READ", Passed),
        ("/*!50001 CREATE TABLE `v` (`a` tinyint NOT NULL) ENGINE=MyISAM */", Passed),
        ("/*!50003 DROP PROCEDURE IF EXISTS `p` */", Passed),
        ("/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */", Passed),
        ("/*!999999 anything at all */", Passed),
        ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `d` /*!40100 DEFAULT CHARACTER SET utf8 */", NameDatabase),
        ("USE `d`", NameDatabase),
        (
            "/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`h`*/ /*!50003 TRIGGER t AFTER DELETE ON x FOR EACH ROW SET @a=1*/",
            CutOut,
        ),
        ("CREATE DEFINER=CURRENT_USER() PROCEDURE `p`() SELECT 1", CutOut),
        ("CREATE ALGORITHM=MERGE DEFINER=r@'%' SQL SECURITY INVOKER VIEW v AS SELECT 1", CutOut),
        ("FLOOBLE", Refuse),
    ],
)
def test_each_statement_becomes_what_it_should(text: str, kind: type) -> None:
    assert isinstance(judge(text), kind)


@pytest.mark.parametrize(
    "text",
    [
        "CREATE TABLE t (a int) ENGINE=FEDERATED",
        "CREATE TABLE t (a int) ENGINE=`InnoDB`",
        "CREATE TABLE d.t (a int)",
        "CREATE TABLE t (a int, b int AS (sleep (5)))",
        "ALTER TABLE t ADD KEY (a), RENAME TO u",
        "INSERT INTO d.t VALUES (1)",
        "INSERT INTO t SELECT 1",
        "UPDATE t SET a = 1",
        "TRUNCATE t",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t",
        "INSERS INTO t VALUES (1)",
        "/*!50003 CREATE TABLE t (a int)",
        "USE `a` `b`",
    ],
)
def test_what_would_leave_rows_or_tables_missing_is_grave(text: str) -> None:
    decision = judge(text)

    assert isinstance(decision, Refuse) and decision.grave


@pytest.mark.parametrize(
    "text",
    [
        "SET PASSWORD = 'x'",
        "GRANT ALL ON *.* TO a",
        "SELECT 1",
        "SET @@SESSION.SQL_LOG_BIN= 0",
        "CREATE USER a",
    ],
)
def test_what_changes_no_row_is_listed_and_the_load_goes_on(text: str) -> None:
    decision = judge(text)

    assert isinstance(decision, Refuse) and not decision.grave


@pytest.mark.parametrize(
    "text",
    [
        "SET sql_mode='ANSI_QUOTES'",
        "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,no_backslash_escapes'",
        "SET @@sql_mode = 'oracle'",
        "/*!40101 SET NAMES gbk */",
        "SET character_set_client='sjis'",
    ],
)
def test_what_would_change_how_the_dump_is_read_stops_it(text: str) -> None:
    with pytest.raises(DumpRefused):
        judge(text)


def test_a_setting_saved_is_a_setting_brought_back() -> None:
    session = DumpSession()
    for text in (
        "SET @OLD_TIME_ZONE=@@TIME_ZONE",
        "SET TIME_ZONE='+00:00'",
        'SET @a = @@session.time_zone, SQL_MODE="STRICT_ALL_TABLES"',
        "SET TIME_ZONE=@OLD_TIME_ZONE",
    ):
        judge(text, session)

    assert (session.time_zone, session.sql_mode, session.saved["a"]) == (
        "SYSTEM",
        "STRICT_ALL_TABLES",
        "+00:00",
    )


def test_comments_of_a_body_stay_and_its_version_comments_are_opened() -> None:
    decision = judge(
        "/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`b`*/ /*!50003 PROCEDURE `p`() /* why */ SELECT '/*!' -- so\n*/"
    )

    assert isinstance(decision, CutOut)
    assert decision.object.body == b"PROCEDURE `p`() /* why */ SELECT '/*!' -- so"


def test_a_version_comment_counts_only_where_this_server_reads_it() -> None:
    assert (
        effective(b"A /*!80000 B */ /*M!100500 C */ /*M!110000 D */ /*!50100 E */ /* F */", VERSION)
        is not None
    )
    text = effective(b"A /*!80000 B */ /*M!100500 C */ /*M!110000 D */ /*!50100 E */ /* F */", VERSION) or b""

    assert text.split() == [b"A", b"C", b"E"]


@given(st.text(min_size=1, max_size=30))
def test_a_quoted_name_is_that_name(name: str) -> None:
    if "\0" not in name:
        name = name.encode("utf-8", "replace").decode()
        assert name_of(quoted_name(name)) == name


def test_a_grants_database_is_no_pattern() -> None:
    assert quoted_pattern("c42_blog%`") == b"`c42\\_blog\\%```"
