"""What a dump's head and tail tell before it is loaded."""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable

import pytest
import zstandard

from restore.model.facts import DumpLooked
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import LookDump
from restore.survey.databases import look_dump
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import MemorySource
from tests.memory.systems import GivenSystems
from tests.systems.dumps import HEAD, POSTS, dump


def look(data: bytes) -> Outcome:
    source = MemorySource("backup", {b"shop.sql": data})
    systems = GivenSystems(MemoryDesk(Office()), {"backup": source})
    file = DumpFile(DatabaseId("web1", "shop"), Fingerprint("backup", b"shop.sql", len(data), 0.0))
    return look_dump("look/shop", LookDump(file, "alice"), systems)


def fact(outcome: Outcome) -> DumpLooked:
    assert isinstance(outcome, Done | Partial)
    assert isinstance(outcome.fact, DumpLooked)
    return outcome.fact


@pytest.mark.parametrize("pack", [zstandard.compress, lzma.compress, bz2.compress])
def test_writer_and_version_are_told_of_any_packing(pack: Callable[[bytes], bytes]) -> None:
    outcome = look(pack(dump(POSTS)))

    assert isinstance(outcome, Partial)
    assert fact(outcome).server_version == "10.11.19-MariaDB-0+deb12u1"
    assert "the end was not checked" in outcome.missing[0]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_whole_dump_tells_writer_and_version(pack: type) -> None:
    outcome = look(pack(dump(POSTS)))

    assert isinstance(outcome, Done)
    assert fact(outcome).writer.startswith("MariaDB dump 10.19")
    assert fact(outcome).server_version == "10.11.19-MariaDB-0+deb12u1"
    assert fact(outcome).complete


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_missing_last_line_is_said(pack: type) -> None:
    outcome = look(pack(HEAD + POSTS))

    assert isinstance(outcome, Partial)
    assert outcome.missing == ("its last line (-- Dump completed) is missing",)


def test_a_gzip_cut_short_is_said() -> None:
    outcome = look(gzip.compress(dump(POSTS))[:-20])

    assert isinstance(outcome, Partial)
    assert "the compression ends early" in outcome.missing[0]


def test_a_writer_without_a_last_line_is_said() -> None:
    outcome = look(b"-- phpMyAdmin SQL Dump\n-- Server-Version: 8.0.36\n" + POSTS)

    assert (fact(outcome).writer, fact(outcome).server_version) == ("phpMyAdmin SQL Dump", "8.0.36")
    assert "leaves no last line" in fact(outcome).notes[0]
    assert fact(outcome).complete


def test_an_empty_file_has_no_end() -> None:
    for data in (b"", b"\n", gzip.compress(b"")):
        outcome = look(data)

        assert isinstance(outcome, Partial)
        assert not fact(outcome).complete
        assert fact(outcome).notes == ("the file is empty",)


def test_a_large_compressed_dump_is_not_called_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.survey.databases.SMALL", 10)

    outcome = look(gzip.compress(dump(POSTS)))

    assert isinstance(outcome, Partial)
    assert fact(outcome).complete
    assert "the end was not checked" in fact(outcome).notes[0]


def test_any_bytes_are_looked_at_without_harm() -> None:
    for data in (b"", b"\x1f\x8b", b"\x1f\x8bnot gzip at all", b"\0" * 100, gzip.compress(b"")):
        assert isinstance(look(data), Done | Partial)
