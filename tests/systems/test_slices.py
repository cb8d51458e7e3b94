"""One database out of a dump of many: no text in it moves a boundary, and a kept index is read again."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from restore.cli import main
from restore.errors import DumpDamaged, DumpRefused, StagingFull
from restore.systems import slice_copies, slices, unpack_members
from restore.systems.dump_index import index_of
from restore.systems.slices import sliced

VICTIM = b"INSERT INTO `wallet` VALUES (1,'mine');\n"
ATTACK = (
    b"USE `victim`;\nDROP TABLE `wallet`;\n-- Current Database: `victim`\n",
    b"\n--\n-- Current Database: `victim`\n--\nUSE `victim`;\n",
)
MANY = b"".join(
    (
        b"-- MariaDB dump 10.19\n/*!40101 SET NAMES utf8mb4 */;\n",
        b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `mallory`;\nUSE `mallory`;\nCREATE TABLE `t` (`a` text);\n",
        b"INSERT INTO `t` VALUES ('x\\';\n"
        + ATTACK[0]
        + b"');\nINSERT INTO `t` VALUES ('"
        + ATTACK[1]
        + b"');\n",
        b"/* "
        + ATTACK[0]
        + b" */\nDELIMITER ;;\nCREATE PROCEDURE `p`() BEGIN\n"
        + ATTACK[1]
        + b"DELIMITER ;\n",
        b"END ;;\nDELIMITER ;\n",
        b"CREATE DATABASE `victim`;\nUSE `victim`;\nCREATE TABLE `wallet` (`a` int, `b` text);\n" + VICTIM,
        b"CREATE TABLE `log` (`a` int);\nINSERT INTO `log` VALUES (7);\n-- Dump completed on 2026-01-01\n",
    )
)


def frames(data: bytes) -> bytes:
    """Each half a frame of its own."""
    return zstandard.compress(data[:600]) + zstandard.compress(data[600:])


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "zstd": frames,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}


@pytest.mark.parametrize("packer", PACKERS)
def test_a_victims_slice_holds_what_is_the_victims_alone(tmp_path: Path, packer: str) -> None:
    path = tmp_path / "all.sql"
    path.write_bytes(PACKERS[packer](MANY))

    for _ in range(2):  # once made, once read again
        dump = sliced(path, tmp_path / "indexes")
        whole, one = b"".join(dump.read("victim")), b"".join(dump.read("victim", "wallet"))

    assert dump.index.databases == ("mallory", "victim")
    assert b"SET NAMES" in whole and VICTIM in whole and b"DROP" not in whole and b"Current" not in whole
    assert VICTIM in one and b"log" not in one
    assert dump.seeks == (packer not in {"xz", "bzip2"})


@pytest.mark.parametrize("packer", ["zstd", "xz", "bzip2"])
def test_a_dump_in_one_piece_is_kept_once_as_a_copy_that_seeks(
    tmp_path: Path, packer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slice_copies, "FRAME", 100)
    monkeypatch.setattr(unpack_members, "CHUNK", 64)
    path, folder = tmp_path / "all.sql", tmp_path / "indexes"
    path.write_bytes({**PACKERS, "zstd": zstandard.compress}[packer](MANY))
    before = b"".join(sliced(path, folder).read("victim", "log"))

    copied = sliced(path, folder, recompress=True)
    again = sliced(path, folder)
    monkeypatch.setattr(slices, "make_copy", None)

    assert copied.copied and copied.seeks and len(copied.steps) > 1
    assert again == copied == sliced(path, folder, recompress=True)
    assert b"".join(copied.read("victim", "log")) == before
    assert b"".join(copied.plain()) == MANY


def test_a_copy_that_would_fill_the_disk_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slice_copies, "SPARE", 1 << 60)
    path = tmp_path / "all.sql.xz"
    path.write_bytes(lzma.compress(MANY))

    with pytest.raises(StagingFull):
        sliced(path, tmp_path / "indexes", recompress=True)
    assert not list((tmp_path / "indexes").glob("*.copy*"))
    assert VICTIM in b"".join(sliced(path, tmp_path / "indexes").read("victim"))


def test_a_change_of_database_under_another_delimiter_is_refused() -> None:
    with pytest.raises(DumpRefused, match="DELIMITER"):
        index_of(iter([MANY.replace(b"END ;;", b"END ;;\nUSE `victim` ;;")]))


def test_a_cut_file_makes_no_index(tmp_path: Path) -> None:
    path = tmp_path / "all.sql.gz"
    path.write_bytes(gzip.compress(MANY)[:-30])

    with pytest.raises(DumpDamaged):
        sliced(path, tmp_path / "indexes")
    assert not list((tmp_path / "indexes").glob("*.json"))


def test_a_dump_that_changed_gets_an_index_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "all.sql"
    path.write_bytes(MANY)
    sliced(path, tmp_path / "indexes")
    path.write_bytes(MANY.replace(b"victim", b"person"))

    assert sliced(path, tmp_path / "indexes").index.databases == ("mallory", "person")


def test_a_slice_is_written_to_a_new_file_and_to_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dump, out, incident = tmp_path / "all.sql", tmp_path / "victim.sql", tmp_path / "incident.toml"
    dump.write_bytes(MANY)
    (tmp_path / "backup").mkdir()
    incident.write_text(
        f'[incident]\nname = "x"\nstate = "{tmp_path}/state"\n'
        f'[[source]]\nname = "b"\nkind = "folder"\npath = "{tmp_path}/backup"\n'
        '[[old_server]]\nname = "web1"\nsource = "b"\npath = "web1"\ncustomers = "web1/customers.csv"\n'
    )
    asked = ["slice", "-i", str(incident), str(dump), "--database", "victim", "--output", str(out)]

    assert main(asked) == 0
    assert VICTIM in out.read_bytes() and out.stat().st_mode & 0o777 == 0o600
    assert main(asked) == 2 and "left as it is" in capsys.readouterr().err
