"""Folders as mydumper and mysqldump --tab write them: read as one dump, and known for what they lack."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from restore.errors import DumpDamaged, DumpRefused
from restore.model.incident import OldServer
from restore.model.mydumper import databases_of, kind_of
from restore.model.mysql import DumpFile
from restore.run.databases import check_stated
from restore.survey.listing import list_dumps
from restore.systems.dump import DumpReader, Kind
from restore.systems.mydumper import stated_rows
from restore.systems.staged_dumps import StagedDumps
from restore.systems.staging import StagingFolder
from tests.memory.database import MemoryDatabaseServer
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import MemorySource
from tests.memory.systems import GivenSystems
from tests.systems.dumps import Again

FINISHED = b"Started dump at: 2026-01-01 00:00:00\nFinished dump at: 2026-01-01 00:00:01\n"
STATED = b"""# Started dump at: 2026-01-01 00:00:00
[config]
quote_character = BACKTICK

[`shop`.`t`]
real_table_name=t
rows = 3

[`other`.`t`]
rows = 7
# Finished dump at: 2026-01-01 00:00:01
"""
BINARY = b"/*!40101 SET NAMES binary*/;\n"
MYDUMPER: dict[bytes, bytes] = {
    b"metadata": FINISHED,
    b"shop-schema-create.sql": b"CREATE DATABASE `shop` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\n",
    b"shop.t-schema.sql": BINARY + b"CREATE TABLE `t` (\n  `a` int,\n  `b` text\n) ENGINE=InnoDB;\n",
    b"shop.t.00000.sql": BINARY + b'INSERT INTO `t` VALUES\n(1,"it\'s; \\"x\\""),\n(2,NULL);\n',
    b"shop.t.00001.sql": BINARY + b'INSERT INTO `t` VALUES(3,"y");\n',
    b"shop.t-schema-triggers.sql": b"CREATE TRIGGER `g` BEFORE INSERT ON `t` FOR EACH ROW BEGIN\nSET @a = 1; \nEND;\n",
    b"shop.v-schema.sql": BINARY + b"CREATE TABLE `v`(\n`a` int\n)ENGINE=MyISAM;\n",
    b"shop.v-schema-view.sql": b"DROP TABLE IF EXISTS `v`;\nCREATE VIEW `v` AS select 1;\n",
    b"shop2-schema-create.sql": b"CREATE DATABASE `shop2`;\n",
    b"shop2.t-schema.sql": b"CREATE TABLE `t` (\n  `a` int\n) ENGINE=InnoDB;\n",
}
COLUMNS = b"  `a` int,\n  `b` text%s\n"
MADE = (
    b"DROP TABLE IF EXISTS `t`;\nCREATE TABLE `t` (\n"
    + COLUMNS
    + b") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n"
)


class Backup:
    """A folder in a backup, read as the incident file states it."""

    def __init__(self, place: Path, files: Mapping[bytes, bytes], pattern: str, charset: str = "") -> None:
        self.source = MemorySource("backup", {b"d/x/" + name: data for name, data in files.items()})
        server = OldServer(
            "web1",
            "backup",
            "",
            "",
            "",
            (),
            dumps="no/{database}",
            more_dumps=(pattern,),
            tab_charset=charset,
        )
        self.notes: list[str] = []
        self.dumps = StagedDumps(StagingFolder(place / "staging"), place / "indexes")
        self.stage = StagingFolder(place / "staging")
        self.found: dict[str, DumpFile] = {
            one.database.name: one
            for one in list_dumps(server, self.source, self.notes, lambda source, file: ())
        }

    def plain(self, name: str) -> bytes:
        dump = self.found[name]
        self.dumps.fetch(self.source, dump, lambda _: None)
        return b"".join(self.dumps.plain(dump))


def mydumper(place: Path, **changed: bytes | None) -> Backup:
    """The folder with some of its files changed (None: gone); `_` in a name stands for a dot or a dash."""
    files = dict(MYDUMPER)
    for name, data in changed.items():
        path = next(one for one in (*files, b"metadata.partial") if _key(one) == name)
        files.pop(path, None)
        files |= {path: data} if data is not None else {}
    return Backup(place, files, "d/{date}")


def _key(name: bytes) -> str:
    return name.decode().replace(".", "_").replace("-", "_")


def test_mydumpers_files_are_read_as_one_dump_in_an_order_that_loads(tmp_path: Path) -> None:
    backup = mydumper(tmp_path)
    text = backup.plain("shop")
    loaded = MemoryDatabaseServer("db1").load("br_stage_x", Again(text))

    assert sorted(backup.found) == ["shop", "shop2"]
    assert {one.name: one.rows for one in loaded.tables} == {"t": 3}
    assert [(one.kind, one.name) for one in loaded.objects] == [("view", "v"), ("trigger", "g")]
    assert loaded.stated == "shop"
    assert all(one.kind is Kind.STATEMENT for one in DumpReader(iter((text,))))


def test_what_mydumper_did_not_end_is_damaged_and_what_stands_there_can_be_read(tmp_path: Path) -> None:
    backup = mydumper(tmp_path, metadata=None, metadata_partial=b"Started dump at: 2026-01-01 00:00:00\n")

    with pytest.raises(DumpDamaged, match="did not come to its end"):
        backup.plain("shop")
    mended = backup.dumps.salvaged(backup.found["shop"])
    assert b'(3,"y")' in b"".join(mended)
    assert (mended.found.tables, mended.found.rows) == (1, 3)


def test_a_file_that_is_cut_does_not_swallow_the_next_one(tmp_path: Path) -> None:
    backup = mydumper(tmp_path, shop_t_00000_sql=MYDUMPER[b"shop.t.00000.sql"][:-10])

    with pytest.raises(DumpDamaged, match=r"shop\.t\.00000\.sql ends inside a statement"):
        backup.plain("shop")
    mended = backup.dumps.salvaged(backup.found["shop"])
    text = b"".join(mended)
    assert b'(1,"it' in text and b'(3,"y")' in text
    assert [loss.table for loss in mended.found.losses] == ["t"]


def test_rows_that_the_metadata_states_and_the_files_lack_are_missed(tmp_path: Path) -> None:
    backup = mydumper(tmp_path, metadata=STATED, shop_t_00001_sql=None)
    text = backup.plain("shop")
    loaded = MemoryDatabaseServer("db1").load("br_stage_x", Again(text))
    systems = GivenSystems(MemoryDesk(Office()), stage=backup.stage)

    assert stated_rows(STATED, b"shop") == {"t": 3}
    with pytest.raises(DumpDamaged, match="states 3 rows of t, its files hold 2"):
        check_stated(backup.found["shop"], loaded, systems)


def test_rows_that_are_no_sql_are_not_passed_over(tmp_path: Path) -> None:
    files = {**MYDUMPER, b"shop.t.00002.dat": b"4\tz\n"}

    with pytest.raises(DumpDamaged, match="no SQL"):
        Backup(tmp_path, files, "d/{date}").plain("shop")


def test_a_databases_files_are_told_from_those_of_one_whose_name_begins_alike() -> None:
    names = [
        b"a-schema-create.sql",
        b"a.b-schema-create.sql",
        b"a.b.t.sql",
        b"a.t.sql.gz",
        b"a-schema-post.sql",
    ]

    assert databases_of(names) == {
        b"a": (b"a-schema-create.sql", b"a.t.sql.gz", b"a-schema-post.sql"),
        b"a.b": (b"a.b-schema-create.sql", b"a.b.t.sql"),
    }
    assert kind_of(b"a-schema-post.sql", b"a") == "body"
    assert kind_of(b"a.t.00001.00002.sql.zst", b"a") == "rows"


def tab(place: Path, rows: bytes | None, column: bytes = b"", charset: str = "") -> Backup:
    files = {b"t.sql": MADE % column} | ({b"t.txt": rows} if rows is not None else {})
    return Backup(place, files, "d/{database}", charset)


def test_rows_of_tab_come_with_their_tabs_line_feeds_and_nulls(tmp_path: Path) -> None:
    text = tab(tmp_path, b"1\ta\\\tb\\\nc'\\\\\n2\t\\N\n3\t\n").plain("x")

    assert b"('1','a\\\tb\\\nc''\\\\'),\n('2',NULL),\n('3','');\n" in text
    assert all(one.kind is Kind.STATEMENT for one in DumpReader(iter((text,))))


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (b"1\ta\n2\tb", "ends inside row 2"),
        (b"1\ta\n2\n", "row 2 has 1 fields, the first 2"),
        (b"1\ta\\", "ends inside row 1"),
        (None, r"the file with the rows of t \(t.txt\) is missing"),
    ],
)
def test_a_folder_of_tab_that_lacks_rows_is_damaged(tmp_path: Path, rows: bytes | None, why: str) -> None:
    files = {b"u.sql": MADE.replace(b"`t`", b"`u`") % b"", b"u.txt": b"1\tx\n"}
    backup = tab(tmp_path, rows)
    if rows is None:
        backup = Backup(tmp_path, {**files, b"t.sql": MADE % b""}, "d/{database}")

    with pytest.raises(DumpDamaged, match=why):
        backup.plain("x")


@pytest.mark.parametrize(
    ("rows", "stated", "names"),
    [
        ("1\tGrüße\n".encode("latin1"), "", b"SET NAMES binary"),
        (b"1\tplain\n", "", b"SET NAMES binary"),
        ("1\tGrüße\n".encode(), "utf8mb4", b"SET NAMES utf8mb4"),
        ("1\tGrüße\n".encode(), "binary", b"SET NAMES binary"),
    ],
)
def test_the_character_set_of_tabs_rows_is_proven_or_stated(
    tmp_path: Path, rows: bytes, stated: str, names: bytes
) -> None:
    assert names in tab(tmp_path, rows, b" CHARACTER SET latin1", stated).plain("x")


def test_where_nobody_can_tell_it_the_load_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DumpRefused, match="tab_charset"):
        tab(tmp_path, "1\tGrüße\n".encode(), b" CHARACTER SET latin1").plain("x")


def test_a_folder_of_neither_kind_is_told_and_no_dump(tmp_path: Path) -> None:
    backup = Backup(tmp_path, {b"readme": b""}, "d/{database}")

    assert backup.found == {}
    assert "neither mydumper nor mysqldump --tab wrote" in backup.notes[-1]
