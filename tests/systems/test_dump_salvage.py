"""A damaged dump gives back every complete row before the damage and, where that can be told, behind it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import re
from collections.abc import Callable
from random import Random

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from restore.model.mysql import Salvage
from restore.systems.dump import DumpReader, Kind
from restore.systems.dump_salvage import SalvagedDump
from restore.systems.dump_statements import INSERT
from restore.systems.salvage_rows import ROW
from restore.systems.unpack import UnpackLimits
from restore.systems.unpack_salvage import salvaged_bytes
from tests.systems.dumps import OBJECTS, dump


def table(name: str, count: int, *, by: int = 50, seed: int = 1) -> bytes:
    """A table as mariadb-dump writes it; its texts hold quotes and what looks like rows."""
    random, what = Random(seed), name.encode()
    made = b"DROP TABLE IF EXISTS `%s`;\nCREATE TABLE `%s` (\n  `id` int(11) NOT NULL,\n  `t` text,\n" % (
        what,
        what,
    )
    text = [
        made + b"  PRIMARY KEY (`id`)\n) ENGINE=InnoDB;\n/*!40000 ALTER TABLE `%s` DISABLE KEYS */;\n" % what
    ]
    for start in range(0, count, by):
        rows = [
            b"(%d,'%s it\\'s \\n x),(1,2')" % (number, random.randbytes(12).hex().encode())
            for number in range(start, min(count, start + by))
        ]
        text.append(b"INSERT INTO `%s` VALUES\n" % what + b",\n".join(rows) + b";\n")
    return b"".join(text) + b"/*!40000 ALTER TABLE `%s` ENABLE KEYS */;\n" % what


WHOLE = dump(table("a", 100), table("b", 800), OBJECTS.replace(b"posts", b"a"), table("c", 100))
MANY = 1000


def salvaged(data: bytes) -> tuple[bytes, Salvage]:
    """The mended stream, and what was found."""
    mended = SalvagedDump(lambda: salvaged_bytes(io.BytesIO(data), len(data), UnpackLimits()))
    return b"".join(mended), mended.found


def rows(text: bytes) -> dict[bytes, list[bytes]]:
    """Every row of a whole dump, by table."""
    found: dict[bytes, list[bytes]] = {}
    for one in DumpReader(iter((text,))):
        assert one.kind is Kind.STATEMENT
        if insert := INSERT.match(one.text):
            held = [row[1] for row in ROW.finditer(one.text, insert.end())]
            found.setdefault(insert["name"], []).extend(held)
    return found


def with_byte(data: bytes, place: int, byte: int) -> bytes:
    return data[:place] + bytes((byte,)) + data[place + 1 :]


def test_a_whole_dump_passes_as_it_stands() -> None:
    counts = (("a", 100), ("b", 800), ("c", 100))

    assert salvaged(WHOLE) == (WHOLE, Salvage(3, MANY, counts=counts))


@given(st.integers(min_value=WHOLE.index(b"(40,"), max_value=len(WHOLE) - 100))
@settings(max_examples=25, deadline=None)
def test_a_dump_cut_anywhere_gives_back_every_complete_row_and_says_that_it_is_cut(end: int) -> None:
    mended, found = salvaged(WHOLE[:end])
    complete = len(re.findall(rb"x\),\(1,2'\)(?:[,;]|\Z)", WHOLE[:end]))

    assert found.rows == sum(map(len, rows(mended).values())) == complete
    assert found.losses[-1].rows is None or found.losses[-1].rows == 0
    assert any(loss.rows is None for loss in found.losses)


@given(
    st.integers(min_value=WHOLE.index(b"(40,"), max_value=WHOLE.index(b"(750,")),
    st.sampled_from(b"'\\(;,\0\n`x"),
)
@settings(max_examples=20, deadline=None)
def test_a_flipped_byte_costs_the_rows_around_it_alone(place: int, byte: int) -> None:
    was, (mended, found) = rows(WHOLE), salvaged(with_byte(WHOLE, place, byte))
    kept = rows(mended)
    undamaged = sum(row in set(was[name]) for name in kept for row in kept[name])

    assert found.rows == sum(map(len, kept.values()))
    # In the definition of a table or the head of an INSERT a byte costs what hangs on it, and that is told.
    told = sum(loss.rows or 0 for loss in found.losses)
    assert undamaged >= MANY - 2 - told
    if found.rows < MANY:
        assert MANY - found.rows <= told


def test_rows_behind_the_damaged_one_are_kept_and_the_place_is_named() -> None:
    place = WHOLE.index(b"(410,") + 7
    mended, found = salvaged(with_byte(WHOLE, place + 4, ord("'")))

    assert found.rows == MANY - 1
    (loss,) = found.losses
    assert (loss.table, loss.rows, loss.at_most) == ("b", 2, True) or (loss.table, loss.rows) == ("b", 1)
    assert abs(loss.offset - place) < 100
    assert b"(409," in mended and b"(411," in mended and b"(410," not in mended


def test_a_table_whose_definition_is_lost_is_named_with_its_rows() -> None:
    place = WHOLE.index(b"CREATE TABLE `b`")
    mended, found = salvaged(with_byte(WHOLE, place + 2, ord("#")))

    assert b"INSERT INTO `b`" not in mended
    assert found.rows == 200
    assert [(loss.table, loss.rows) for loss in found.losses if loss.rows] == [("b", 800)]


def test_a_run_of_zeros_is_no_row_and_nobody_claims_to_know_how_many_it_swallowed() -> None:
    place = WHOLE.index(b"(410,") + 12
    mended, found = salvaged(WHOLE[:place] + bytes(4096) + WHOLE[place + 4096 :])

    assert [(loss.table, loss.rows) for loss in found.losses] == [("b", None)]
    assert 800 < found.rows < MANY
    assert b"\0" not in mended


def many(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Packed in members of 10,000 plain bytes."""
    return lambda data: b"".join(pack(data[at : at + 10_000]) for at in range(0, len(data), 10_000))


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip of members": many(gzip.compress),
    "zstd of frames": many(zstandard.ZstdCompressor(write_checksum=True).compress),
    "xz of streams": many(lzma.compress),
    "bzip2 of streams": many(bz2.compress),
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_packed_in_many_parts_a_broken_one_leaves_those_behind_it(pack: Callable[[bytes], bytes]) -> None:
    packed = pack(WHOLE)
    middle = len(packed) // 2
    mended, found = salvaged(packed[:middle] + b"\xff\x00\xff\x55" * 8 + packed[middle + 32 :])

    assert found.tables == 3
    assert MANY - 500 < found.rows < MANY
    assert any("packed bytes" in loss.why for loss in found.losses)
    assert len(rows(mended)[b"`c`"]) == 100


def test_bzip2_loses_a_block_and_no_more() -> None:
    plain = dump(table("a", 100), table("b", 9000), table("c", 100))
    packed = bz2.compress(plain, 1)
    middle = len(packed) // 2
    mended, found = salvaged(with_byte(packed, middle, packed[middle] ^ 0x10))

    assert found.tables == 3
    assert 9200 - 2500 < found.rows < 9200
    assert len(rows(mended)[b"`c`"]) == 100


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, bz2.compress, zstandard.compress])
def test_a_cut_packed_dump_gives_back_what_was_unpacked(pack: Callable[[bytes], bytes]) -> None:
    plain = dump(table("a", 100), table("b", 9000, seed=3))
    packed = pack(plain)
    _, found = salvaged(packed[: len(packed) * 9 // 10])

    assert found.rows > 5000 or pack is bz2.compress
    assert found.losses[-1].rows is None


def test_a_wrong_check_sum_loses_no_row_and_is_told() -> None:
    packed = gzip.compress(WHOLE)
    mended, found = salvaged(packed[:-8] + b"\0\0\0\0" + packed[-4:])

    assert mended == WHOLE
    assert found.losses == ()
    assert "check sum" in found.doubts[0]
