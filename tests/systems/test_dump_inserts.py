"""The quick reading of INSERTs gives what the exact readers give, or gives up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.systems import dump, dump_scan
from restore.systems.dump import DumpReader
from restore.systems.dump_inserts import hashes, row_pieces, rows_of
from restore.systems.dump_keys import taken_apart
from restore.systems.dump_rows import Column, NotLiterals, RowReader, Sum
from tests.systems.dumps import chunks

COLUMNS = (Column("n", "int"), Column("t", "varchar", "utf8mb4"))
TRICKY = st.lists(
    st.sampled_from(
        [
            b"a",
            b"\\'",
            b"\\\\",
            b"''",
            b'\\"',
            b"\\n",
            b");\n",
            b"),(",
            b"),\n(",
            b"-- x",
            b"/*",
            b"#",
            b";",
            b"`",
        ]
    ),
    max_size=6,
).map(b"".join)
BROKEN = st.lists(
    st.sampled_from([b"(1,'a')", b",", b"\n", b"'", b"\\", b"\\'", b'"', b");\n", b"--", b"#", b"(", b";\n"]),
    max_size=12,
).map(b"".join)


def statements(data: bytes, size: int, *, quick: bool) -> list[tuple[int, bytes, str]]:
    with pytest.MonkeyPatch.context() as patch:
        if not quick:
            patch.setattr(dump, "scan_of", lambda text, start: None)
        return [(one.offset, one.text, one.kind.value) for one in DumpReader(chunks(data, size))]


@given(
    st.lists(st.one_of(TRICKY.map(lambda t: b"(1,'" + t + b"')"), BROKEN), min_size=1, max_size=4),
    st.integers(1, 40),
)
def test_the_quick_reader_cuts_where_the_exact_one_does(rows: list[bytes], size: int) -> None:
    data = b"INSERT INTO `t` VALUES " + b",\n".join(rows) + b";\nINSERT INTO `t` VALUES\n(2,'x');\n-- end\n"

    assert statements(data, size, quick=True) == statements(data, size, quick=False)


@given(
    st.lists(st.one_of(TRICKY.map(lambda t: b"(1,'" + t + b"')"), BROKEN), min_size=1, max_size=8),
    st.integers(1, 90),
    st.integers(1, 70),
)
def test_blocks_of_any_size_are_cut_where_the_exact_reader_cuts(
    rows: list[bytes], size: int, block: int
) -> None:
    data = b"INSERT INTO `t` VALUES " + b",\n".join(rows) + b";\nINSERT INTO `t` VALUES\n(2,'x');\n-- end\n"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dump, "end_of_short", lambda text, start, scan: -1)
        patch.setattr(dump_scan, "FIRST_BLOCK", block)
        patch.setattr(dump_scan, "BLOCK", block)
        found = statements(data, size, quick=True)

    assert found == statements(data, size, quick=False)


@given(
    st.lists(st.tuples(st.integers(-9, 99), TRICKY), min_size=1, max_size=4), st.sampled_from([b",", b",\n"])
)
def test_rows_counted_whole_are_the_rows_counted_one_by_one(
    rows: list[tuple[int, bytes]], comma: bytes
) -> None:
    text = comma.join(b"(%d,'%s')" % row for row in rows)
    reader = RowReader(COLUMNS)
    found = rows_of(text)
    canonical = found.canonical() if found is not None else None

    try:
        list(reader.read(text, 0))
    except NotLiterals:
        assert canonical is None
    else:
        told = None if canonical is None else (len(canonical), Sum(total=hashes(canonical)).checksum)
        # '' is a quote too; the server's answer decides where it stands, and the careful reader counts it.
        assert told in (None, (reader.sum.rows, reader.sum.checksum)) or any(b"''" in one for _, one in rows)


@given(
    st.lists(st.tuples(st.integers(-9, 99), TRICKY), min_size=1, max_size=9),
    st.sampled_from([b",", b",\n"]),
    st.integers(1, 40),
)
def test_a_large_insert_is_cut_between_rows_alone(
    rows: list[tuple[int, bytes]], comma: bytes, size: int
) -> None:
    written = [b"(%d,'%s')" % row for row in rows]
    text = b"INSERT " + comma.join(written)

    pieces = [text[begin:end] for begin, end in row_pieces(text, 7, size)]

    assert comma.join(pieces) == text[7:]
    assert all(rows_of(piece) is not None for piece in pieces) or rows_of(text[7:]) is None
    assert len(pieces) <= len(rows)


@pytest.mark.parametrize(
    "values",
    [
        b"(1,SLEEP(9))",
        b"(1,@@version)",
        b"(1,0x41)",
        b"(1,_utf8 'a')",
        b"(1,_utf8 'a'),(2,'_binary ')",
        b"(1,user())",
        b"(1,'\\N')",
        b"(1,'\\%')",
    ],
)
def test_what_load_data_would_read_otherwise_is_left_to_the_careful_reader(values: bytes) -> None:
    assert rows_of(values) is None


KEYS = b"""CREATE TABLE `t` (
  `id` int(11) NOT NULL AUTO_INCREMENT COMMENT 'a, KEY `x` (y)',
  `p` int(11) DEFAULT NULL,
  PRIMARY KEY (`id`),
  UNIQUE KEY `p``q` (`p`),
  FULLTEXT KEY `f` (`x`),
  CONSTRAINT `own` FOREIGN KEY (`p`) REFERENCES `other` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""


def test_keys_and_foreign_keys_are_taken_off_a_table() -> None:
    apart = taken_apart(KEYS, "t")

    assert apart is not None
    assert (
        b"UNIQUE" not in apart.bare
        and b"FOREIGN" not in apart.bare
        and b"PRIMARY KEY (`id`)\n)" in apart.bare
    )
    assert apart.keys == (
        b"ALTER TABLE `t` ADD UNIQUE KEY `p``q` (`p`)",
        b"ALTER TABLE `t` ADD FULLTEXT KEY `f` (`x`)",
    )
    assert apart.constraints.startswith(b"ALTER TABLE `t` ADD CONSTRAINT `own` FOREIGN KEY")


@pytest.mark.parametrize(
    "other",
    [
        KEYS.replace(b"InnoDB", b"MyISAM"),
        KEYS.replace(b"  PRIMARY KEY (`id`),\n", b"  KEY `k` (`id`),\n"),
        KEYS.replace(b"\n  `p`", b" `p`"),
        KEYS.replace(b"DEFAULT NULL", b"DEFAULT '\n  KEY `a` (`b`)'"),
    ],
    ids=["other engine", "counter without primary key", "other form", "key within a string"],
)
def test_a_table_of_another_form_is_made_as_it_is(other: bytes) -> None:
    apart = taken_apart(other, "t")

    assert apart is None or b"`p` int(11) DEFAULT NULL" in apart.bare
