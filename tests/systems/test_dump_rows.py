"""Rows of an INSERT: literals alone pass, and one value has one canonical text however it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.systems.dump_rows import (
    Column,
    NotLiterals,
    RowReader,
    Unprovable,
    canonical_literal,
    canonical_value,
    decoded,
)

TEXT = Column("t", "varchar", "utf8mb4")
COLUMNS = (Column("i", "int"), TEXT, Column("d", "datetime"))


def read(values: bytes, columns: tuple[Column, ...] = COLUMNS) -> RowReader:
    reader = RowReader(columns)
    list(reader.read(values, 0))
    return reader


def literal_of(value: bytes) -> bytes:
    """A value as dump programs write it."""
    for raw, written in (
        (b"\\", b"\\\\"),
        (b"'", b"\\'"),
        (b"\0", b"\\0"),
        (b"\n", b"\\n"),
        (b"\x1a", b"\\Z"),
    ):
        value = value.replace(raw, written)
    return b"'" + value + b"'"


@given(st.binary(max_size=200))
def test_a_literal_as_dump_programs_write_it_is_the_value(value: bytes) -> None:
    assert decoded(literal_of(value)) == value
    assert canonical_literal(literal_of(value), TEXT) == canonical_value(value, TEXT)


@given(st.lists(st.tuples(st.integers(-(2**31), 2**31), st.binary(max_size=60)), min_size=1, max_size=8))
def test_a_row_written_in_another_way_has_the_same_checksum(rows: list[tuple[int, bytes]]) -> None:
    strict = b",\n".join(
        b"(%d,%s,'2026-01-02 03:04:05')" % (number, literal_of(text)) for number, text in rows
    )
    loose = b" , ".join(
        b"( '%+d' , 0x%s , \"2026-01-02 03:04:05.000\" )" % (number, text.hex().encode())
        for number, text in rows
    )

    assert read(loose).sum == read(strict).sum
    assert read(loose).unprovable == ""


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_count_and_a_doubled_row_does(texts: list[bytes], chooser: object) -> None:
    rows = [b"(1,%s,NULL)" % literal_of(text) for text in texts]
    turned = rows[::-1]

    assert read(b",".join(rows)).sum == read(b",".join(turned)).sum
    assert read(b",".join([*rows, rows[0]])).sum != read(b",".join(rows)).sum


@pytest.mark.parametrize(
    "values",
    [
        b"(1,SLEEP(9),NULL)",
        b"(1,(SELECT 1),NULL)",
        b"(1,@@version,NULL)",
        b"(1,'a' 'b'+1,NULL)",
        b"(1,'a',NULL) ON DUPLICATE KEY UPDATE t=1",
        b"(1,'a',NULL),",
        b"(1,'a',NULL),(",
        b"(1,'a',NULL) /*! UNION SELECT */",
        b"(1,'a,NULL)",
        b"(1,DEFAULT(t),NULL)",
        b"(1+1,'a',NULL)",
        b"",
    ],
)
def test_what_is_not_literals_alone_is_refused(values: bytes) -> None:
    with pytest.raises(NotLiterals):
        read(b"(5,'fine',NULL)," + values)


@pytest.mark.parametrize(
    ("literal", "column", "text"),
    [
        (b"007", Column("i", "int", zerofill=True), b"7"),
        (b"'5'", Column("i", "int"), b"5"),
        (b"TRUE", Column("i", "tinyint"), b"1"),
        (b"-0.0049", Column("d", "decimal", scale=2), b"0.00"),
        (b"1.5", Column("d", "decimal", scale=3), b"1.500"),
        (
            b"1.123456789012345678901234567891",
            Column("d", "decimal", scale=30),
            b"1.123456789012345678901234567891",
        ),
        (b"-" + b"9" * 65, Column("d", "decimal"), b"-" + b"9" * 65),
        (b"0x41", TEXT, b"'A'"),
        (b"_binary 'a\\0'", Column("b", "blob"), b"'a\0'"),
        (b"'a'", Column("b", "binary", length=3), b"'a\0\0'"),
        (b"'a  '", Column("c", "char", "latin1"), b"'a'"),
        (b"b'101'", Column("b", "bit"), b"5"),
        (b"'\\0\x05'", Column("b", "bit"), b"5"),
        (b"3.402823466e38", Column("f", "float"), b"3.40282e+38"),
        (b"'2026-01-02'", Column("d", "datetime", scale=3), b"'2026-01-02 00:00:00.000'"),
        (b"null", TEXT, b"NULL"),
        (b"'it''s'", TEXT, b"'it's'"),
    ],
)
def test_a_literal_is_read_by_its_columns_type(literal: bytes, column: Column, text: bytes) -> None:
    assert canonical_literal(literal, column) == text


@pytest.mark.parametrize(
    ("literal", "column"),
    [
        (b"'2026-1-2'", Column("d", "date")),
        (b"20260102", Column("d", "date")),
        (b"1", Column("e", "enum", "utf8mb4")),
        (b"0x41", Column("l", "varchar", "latin1")),
        (b"'many'", Column("i", "int")),
        *(
            (literal, Column("n", kind, scale=2))
            for literal in (b"1e999999999", b"-1e-999999999", b"'nan'", b"'Infinity'", b"1" * 5000)
            for kind in ("decimal", "float", "double", "year")
        ),
        (b"1e999999999", Column("i", "int")),
        (b"'x'", Column("n", "newfangled")),
    ],
)
def test_what_only_the_server_can_tell_is_said_to_be_unprovable(literal: bytes, column: Column) -> None:
    with pytest.raises(Unprovable):
        canonical_literal(literal, column)
    assert read(b"(" + literal + b")", (column,)).unprovable


def test_null_and_its_name_are_two_values() -> None:
    assert canonical_value(None, TEXT) != canonical_value(b"NULL", TEXT)
