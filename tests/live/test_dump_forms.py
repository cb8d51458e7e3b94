"""Dumps that are no file of their own, and tables of MySQL 8, loaded into a real MariaDB and compared."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fixtures.servers.mariadb import PrivateMariadb
from restore.errors import DumpDamaged
from restore.model.incident import OldServer
from restore.model.mysql import DumpFile, Loaded
from restore.survey.listing import list_dumps
from restore.systems.folder import FolderSource
from restore.systems.mysql import MysqlServer
from restore.systems.staged_dumps import StagedDumps
from restore.systems.staging import StagingFolder
from tests.live.test_databases import EVERY_TYPE, ours
from tests.systems.dumps import Again, dump

STAGING = "br_stage_forms"
OTHER = """
CREATE DATABASE victim; USE victim; CREATE TABLE secret (id INT PRIMARY KEY, t TEXT);
INSERT INTO secret VALUES (1, 'his own');
"""
MYSQL_8 = b"""CREATE TABLE `m` (
  `my_row_id` bigint unsigned NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */,
  `a` int DEFAULT NULL,
  `j` json DEFAULT NULL,
  `u` char(36) NOT NULL DEFAULT (uuid()),
  `b` binary(16) NOT NULL DEFAULT (uuid_to_bin(uuid())),
  `g` point NOT NULL /*!80003 SRID 0 */,
  `c` varchar(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_as_cs DEFAULT 'x' /*!80023 INVISIBLE */,
  PRIMARY KEY (`my_row_id`),
  KEY `hidden` (`a`) /*!80000 INVISIBLE */,
  UNIQUE KEY `low` ((lower(`u`))),
  KEY `both` (`a`,(`a` + 1)),
  SPATIAL KEY `g` (`g`),
  CONSTRAINT `lax` CHECK ((`a` > 100)) /*!80016 NOT ENFORCED */,
  CONSTRAINT `good` CHECK ((`a` < 100))
) /*!50100 TABLESPACE `innodb_file_per_table` */ ENGINE=InnoDB AUTO_INCREMENT=3 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci ENCRYPTION='Y' SECONDARY_ENGINE=RAPID;
INSERT INTO `m` (`my_row_id`, `a`, `j`, `u`, `b`, `g`, `c`) VALUES (1,5,'{\\"k\\": 1}','u1',0x00112233445566778899AABBCCDDEEFF,0x000000000101000000000000000000F03F0000000000000040,'C'),(2,NULL,NULL,'u2',_binary 'abcdefghijklmnop',0x000000000101000000000000000000F03F0000000000000040,'c');
"""  # noqa: E501 - one statement a line reads best here


@pytest.fixture(scope="module")
def private() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        server.sql(EVERY_TYPE)
        server.sql(OTHER)
        yield server


@pytest.fixture
def database(private: PrivateMariadb) -> Iterator[MysqlServer]:
    server = ours(private)
    private.sql(f"DROP DATABASE IF EXISTS {STAGING}")
    yield server
    server.close()


@dataclass(frozen=True, slots=True)
class Backup:
    """A folder as a backup of web1, and what was fetched of it."""

    root: Path

    @property
    def dumps(self) -> StagedDumps:
        return StagedDumps(StagingFolder(self.root / "staging"), self.root / "indexes")

    def found(self, pattern: str) -> dict[str, DumpFile]:
        """The dumps that a pattern of `more_dumps` finds, by database; nothing may be noted."""
        source, notes = FolderSource("backup", str(self.root / "backup")), list[str]()
        server = OldServer("web1", "backup", "", "", "", (), more_dumps=(pattern,))
        dumps = list(list_dumps(server, source, notes, self.dumps.databases))
        assert [note for note in notes if "backups/mysql" not in note] == []
        return {one.database.name: one for one in dumps}

    def load(self, server: MysqlServer, dump: DumpFile) -> Loaded:
        self.dumps.fetch(FolderSource("backup", str(self.root / "backup")), dump, lambda _: None)
        return server.load(STAGING, Again(b"".join(self.dumps.plain(dump))))


def same(server: MysqlServer, loaded: Loaded, without: str = "\0") -> None:
    """What was loaded is what the source database holds, but for tables whose names begin so."""
    tables = [one for one in server.tables("source") if not one.name.startswith(without)]
    held = {one.name: (one.rows, one.checksum) for one in tables}
    assert {one.name: (one.rows, one.checksum) for one in loaded.tables} == held


def test_every_type_comes_back_out_of_a_folder_of_tab_and_a_cut_file_is_named(
    private: PrivateMariadb, database: MysqlServer, tmp_path: Path
) -> None:
    written = Path(private.sql("SELECT @@secure_file_priv").strip()) / "tab"
    written.mkdir()
    written.chmod(0o777)
    options = (f"--tab={written}", "--default-character-set=binary", "source")
    subprocess.run(private.client(*options, program="mariadb-dump"), check=True)
    folder = tmp_path / "backup" / "tab" / "source"
    shutil.copytree(written, folder)
    backup = Backup(tmp_path)
    dump = backup.found("tab/{database}")["source"]

    same(database, backup.load(database, dump))
    rows = folder / "every_type.txt"
    rows.write_bytes(rows.read_bytes()[:-5])
    with pytest.raises(DumpDamaged, match=r"every_type\.txt ends inside row 3"):
        backup.load(database, backup.found("tab/{database}")["source"])


@pytest.mark.skipif(shutil.which("mydumper") is None, reason="mydumper is not installed")
def test_every_type_comes_back_out_of_mydumpers_folder_and_an_unfinished_one_does_not(
    private: PrivateMariadb, database: MysqlServer, tmp_path: Path
) -> None:
    folder = tmp_path / "backup" / "my"
    folder.mkdir(parents=True)
    # 0.10 cannot dump a table with a backtick in its name.
    options = (
        "--regex",
        r"^(source\.[a-z_]+$|victim)",
        "-c",
        "-G",
        "-E",
        "-R",
        "-o",
        str(folder),
    )
    subprocess.run(private.client(*options, program="mydumper"), check=True, capture_output=True)
    backup = Backup(tmp_path)
    found = backup.found("my")

    assert sorted(found) == ["source", "victim"]
    same(database, backup.load(database, found["source"]), without="odd`")
    (folder / "metadata").rename(folder / "metadata.partial")
    with pytest.raises(DumpDamaged, match="did not come to its end"):
        backup.load(database, backup.found("my")["source"])


def test_one_database_is_read_out_of_a_dump_of_all_and_its_accounts_are_evidence(
    private: PrivateMariadb, database: MysqlServer, tmp_path: Path
) -> None:
    (tmp_path / "backup").mkdir()
    made = subprocess.run(
        private.client("--all-databases", program="mariadb-dump"), check=True, capture_output=True
    )
    (tmp_path / "backup" / "all.sql.gz").write_bytes(gzip.compress(made.stdout, 1))
    backup = Backup(tmp_path)
    found = backup.found("all.sql")

    assert {"mysql", "source", "victim"} == set(found)
    assert found["victim"].size < 20_000
    loaded = backup.load(database, found["source"])
    same(database, loaded)
    assert loaded.stated == "source"
    assert b"his own" not in b"".join(backup.dumps.plain(found["source"]))


def test_a_table_of_mysql_8_stands_in_mariadb_with_each_change_told(database: MysqlServer) -> None:
    loaded = database.load(STAGING, Again(dump(MYSQL_8)))
    (made,) = database._admin.rows(b"SHOW CREATE TABLE " + STAGING.encode() + b".m")
    text = (made[1] or b"").decode()

    assert loaded.tables[0].rows == 2
    for part in (
        "INVISIBLE AUTO_INCREMENT",
        "KEY `hidden` (`a`) IGNORED",
        "CONSTRAINT `good`",
        "DEFAULT uuid()",
    ):
        assert part in text, text
    for part in ("`low`", "`both`", "`lax`", "uuid_to_bin"):
        assert part not in text, text
    left_out = [one.head for one in loaded.refused]
    assert left_out == [
        "table m: DEFAULT of b",
        "table m: KEY low",
        "table m: KEY both",
        "table m: CHECK lax",
    ]
    told = "\n".join(loaded.notes)
    for word in (
        "SRID 0",
        "JSON column j",
        "column c is invisible",
        "TABLESPACE",
        "encrypted",
        "RAPID",
        "0900_as_cs",
    ):
        assert word in told, told
