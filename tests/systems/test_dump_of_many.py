"""Single databases out of a file of many, over any source: nothing of another customer's comes along, not even where
the file is damaged."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
import zstandard

from restore.errors import SourceChanged
from restore.model.incident import Incident
from restore.model.mysql import SLICE, DatabaseId, DumpFile
from restore.model.survey import Index
from restore.survey.index import read_index
from restore.survey.survivors import find_survivors
from restore.systems import slice_copies, source_slices
from restore.systems.staged_dumps import StagedDumps
from restore.systems.staging import StagingFolder
from tests.memory.source import MemorySource
from tests.plan.company import incident

PATH = b"web1/all.sql"
HEAD = b"-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB\n/*!40101 SET NAMES utf8mb4 */;\n"
TAIL = b"/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n\n-- Dump completed on 2026-01-01\n"


def one(name: str, rows: int) -> bytes:
    """A database as --all-databases writes it; its rows do not pack well."""
    random, text = Random(name), name.encode()
    values = b",\n".join(
        b"(%d,'%s of %s')" % (n, random.randbytes(20).hex().encode(), text) for n in range(rows)
    )
    return (
        b"\n--\n-- Current Database: `%s`\n--\n\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `%s`;\n\nUSE `%s`;\n"
        b"CREATE TABLE `t` (\n  `a` int(11) NOT NULL,\n  `b` text\n) ENGINE=InnoDB;\nINSERT INTO `t` VALUES\n%s;\n"
    ) % (text, text, text, values)


ALICE, BOB, MYSQL = one("alice", 300), one("bob", 200), one("mysql", 3)
WHOLE = HEAD + ALICE + BOB + MYSQL + one("sys", 2) + TAIL


def members(data: bytes) -> bytes:
    return b"".join(zstandard.compress(data[at : at + 5000]) for at in range(0, len(data), 5000))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": members,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
}


class Place:
    """A backup with a file of many, and the staging folder."""

    def __init__(self, folder: Path, data: bytes, ending: str = "") -> None:
        self.read = 0
        self.path = PATH + ending.encode()
        self.source = MemorySource("backup", {}, self._count)
        for server in ("web1", "web2"):
            self.source.put(
                f"{server}/customers.csv".encode(),
                b"customer,home,domains,mailboxes,databases,contact,phone\r\n",
            )
            self.source.put(f"{server}/var/vmail/x.test/z/Maildir/cur/1".encode(), b"")
            self.source.put(f"{server}/var/backups/mysql/none.txt".encode(), b"")
        self.source.put(self.path, data)
        self.folder = folder
        self.reopen()

    def reopen(self, *, recompress: bool = False) -> None:
        """Another worker, which has the same folders."""
        staging = StagingFolder(self.folder / "staging")
        self.dumps = StagedDumps(staging, self.folder / "indexes", recompress=recompress)

    def _count(self, operation: str, path: bytes) -> None:
        self.read += operation in ("stream", "chunk") and path == self.path

    @property
    def incident(self) -> Incident:
        made = incident()
        first, second = made.old_servers
        return replace(made, old_servers=(replace(first, more_dumps=("all.sql",)), second))

    def index(self) -> Index:
        return read_index(self.incident, lambda name: self.source, self.dumps.databases)

    def plain(self, dump: DumpFile) -> bytes:
        self.dumps.fetch(self.source, dump, lambda _: None)
        return b"".join(self.dumps.plain(dump))


@pytest.mark.parametrize("ending", PACKERS)
def test_each_database_of_a_file_is_a_dump_of_its_own(tmp_path: Path, ending: str) -> None:
    place = Place(tmp_path, PACKERS[ending](WHOLE), ending)
    index = place.index()
    found = {dump.database.name: dump for dump in index.dumps}

    assert {name: dump.form for name, dump in found.items()} == {"alice": SLICE, "bob": SLICE}
    bob = place.plain(found["bob"])
    assert len(bob) == found["bob"].size
    assert bob.startswith(HEAD)
    assert BOB[-2000:] in bob
    assert b"of alice" not in bob
    assert bob.rstrip().endswith(b"-- Dump completed")


def test_the_accounts_among_them_are_evidence_and_never_a_dump_to_restore(tmp_path: Path) -> None:
    place = Place(tmp_path, WHOLE)
    index = place.index()
    survivors = find_survivors(place.incident, index, lambda name: place.source)

    assert [dump.database for dump in survivors] == [DatabaseId("web1", "mysql")]
    assert b"of mysql" in place.plain(survivors[0])


def test_the_file_is_read_once_for_its_index_and_then_only_where_the_database_stands(tmp_path: Path) -> None:
    large = HEAD + one("alice", 30_000) + BOB + TAIL
    place = Place(tmp_path, large)
    (bob,) = (dump for dump in place.index().dumps if dump.database.name == "bob")
    indexed, place.read = place.read, 0
    again = StagedDumps(StagingFolder(tmp_path / "other"), tmp_path / "indexes")
    again.fetch(place.source, bob, lambda _: None)

    assert BOB[-500:] in b"".join(again.plain(bob))
    assert place.read < indexed / 2


def test_a_file_that_changed_since_is_not_read_by_the_old_index(tmp_path: Path) -> None:
    place = Place(tmp_path, WHOLE)
    (alice, _) = place.index().dumps
    place.source.put(PATH, HEAD + BOB + ALICE + TAIL + b"\n")

    with pytest.raises(SourceChanged):
        place.plain(alice)


def test_a_cut_file_gives_the_databases_before_the_cut_whole_and_names_the_one_it_is_in(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path, WHOLE[: WHOLE.index(b"of bob") + 4000])
    index = place.index()
    alice, bob = index.dumps

    assert place.plain(alice).rstrip().endswith(b"-- Dump completed")
    assert any("damaged in the database bob" in note for note in index.notes)
    place.dumps.fetch(place.source, bob, lambda _: None)
    mended = place.dumps.salvaged(bob)
    text = b"".join(mended)
    assert 0 < mended.found.rows < 200
    assert b"of alice" not in text


@pytest.mark.parametrize(
    "what", ["the line that begins the next database", "a quote in a row", "zeros over both"]
)
def test_behind_damage_nothing_is_read_that_may_be_another_customers(tmp_path: Path, what: str) -> None:
    text = HEAD + one("mallory", 100) + one("victim", 100) + TAIL
    begin = text.index(b"USE `victim`")
    database = text.index(b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `victim`")
    damaged = {
        "the line that begins the next database": text[: database + 3] + b"#" + text[database + 4 : begin + 1]
        + b"#" + text[begin + 2 :],
        "a quote in a row": text[: database - 300] + b"'" + text[database - 299 :],
        "zeros over both": text[: database - 300] + bytes(begin + 320 - database) + text[begin + 20 :],
    }[what]  # fmt: skip
    place = Place(tmp_path, damaged)
    for dump in place.index().dumps:
        if dump.database.name == "mallory":
            place.dumps.fetch(place.source, dump, lambda _: None)
            mended = place.dumps.salvaged(dump)
            assert b"of victim" not in b"".join(mended)
            assert mended.found.losses


class FirstBytes(source_slices.SourceFile):
    """A file of which no more is given than tells how it is packed."""

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        return super().readinto(buffer[:16]) if self.tell() == 0 else 0


def test_a_file_in_one_piece_is_read_from_its_source_once_where_a_copy_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slice_copies, "FRAME", 4000)
    place = Place(tmp_path, lzma.compress(WHOLE), ".xz")
    found = {dump.database.name: dump for dump in place.index().dumps}
    bob = place.plain(found["bob"])
    place.dumps.discard(found["bob"])

    place.reopen(recompress=True)
    assert place.plain(found["bob"]) == bob
    place.dumps.discard(found["bob"])
    place.reopen(recompress=True)
    monkeypatch.setattr(source_slices, "make_copy", None)
    monkeypatch.setattr(source_slices, "SourceFile", FirstBytes)

    assert place.plain(found["bob"]) == bob
    assert b"of bob" not in place.plain(found["alice"])
    assert len(list(tmp_path.glob("indexes/*.copy.zst"))) == 1
