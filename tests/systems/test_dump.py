"""The statement reader: exact boundaries whatever the chunks, and nothing a tenant writes can move one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import DumpDamaged, DumpRefused
from restore.systems.dump import DumpReader, Kind, Statement
from tests.systems.dumps import OBJECTS, POSTS, chunks, dump

WHOLE = dump(POSTS, OBJECTS)

QUOTED = st.sampled_from([b"'", b'"']).flatmap(
    lambda quote: st.binary(max_size=20).map(
        lambda inside: quote + inside.replace(b"\\", b"\\\\").replace(quote, b"\\" + quote) + quote
    )
)
HOSTILE = st.sampled_from(
    [
        b";",
        b";\n-- Current Database: `victim`\n",
        b"*/;\nUSE `victim`;\n",
        b"\nDELIMITER ;\n",
        b"-- Dump completed\n",
        b"/*!50001 ",
        b"/*M!999999\\-",
        b"#;\n",
        b"\\",
        b"''",
    ]
)
HIDING = st.one_of(
    HOSTILE.map(lambda text: b"'" + text.replace(b"\\", b"\\\\").replace(b"'", b"''") + b"'"),
    HOSTILE.map(lambda text: b'"' + text.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'),
    HOSTILE.map(lambda text: b"`" + text.replace(b"`", b"``") + b"`"),
    HOSTILE.map(lambda text: b"/* " + text.replace(b"*/", b"* /") + b" */"),
    HOSTILE.map(lambda text: b"-- " + text.replace(b"\n", b" ") + b"\n"),
    HOSTILE.map(lambda text: b"# " + text.replace(b"\n", b" ") + b"\n"),
    QUOTED,
    st.sampled_from(
        [b"`a`", b"a-1", b"a--1", b"1/2", b"x'00ff'", b"_binary 'x'", b"/*!40101 SET x */", b"(1,2)"]
    ),
)
STATEMENT = st.lists(HIDING, min_size=1, max_size=6).map(
    lambda parts: b"INSERT " + b" ".join(parts) + b" END"
)


def read(data: bytes, size: int = 1 << 18) -> list[Statement]:
    return list(DumpReader(chunks(data, size)))


@given(st.integers(1, 400))
def test_chunks_of_any_size_give_the_same_statements(size: int) -> None:
    assert read(WHOLE, size) == read(WHOLE, len(WHOLE))


@given(
    st.lists(STATEMENT, max_size=5), st.integers(1, 40), st.sampled_from([b";", b";;", b"$$", b"//", b"--;"])
)
def test_no_text_inside_a_string_a_name_or_a_comment_moves_a_boundary(
    statements: list[bytes], size: int, delimiter: bytes
) -> None:
    data = b"DELIMITER " + delimiter + b"\n" + b"".join(one + b"\n" + delimiter + b"\n" for one in statements)

    assert [one.text for one in read(data, size)] == statements


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_read_to_their_end_alike(data: bytes, size: int) -> None:
    def outcome(step: int) -> object:
        try:
            return [(one.offset, one.text, one.kind) for one in read(data, step)]
        except (DumpDamaged, DumpRefused) as error:
            return type(error)

    assert outcome(size) == outcome(len(data) or 1)


@given(st.lists(STATEMENT, min_size=1, max_size=4))
def test_every_offset_leads_to_its_statement(statements: list[bytes]) -> None:
    data = b"-- head\n" + b";\n".join(statements) + b";"

    assert all(data[one.offset :].startswith(one.text) for one in read(data, 7))


def test_a_routines_body_is_one_statement_whatever_it_says() -> None:
    body = (
        b"CREATE PROCEDURE `p`()\nBEGIN\n-- Current Database: `victim`\nSELECT ';;';\nDELIMITER ;\n"
        b"USE victim;\nEND"
    )

    assert [one.text for one in read(b"DELIMITER ;;\n" + body + b" ;;\nDELIMITER ;\nSELECT 1;")] == [
        body,
        b"SELECT 1",
    ]


def test_the_sandbox_line_is_a_comment() -> None:
    assert [one.text for one in read(b"/*M!999999\\- enable the sandbox mode */ \nSELECT 1;")] == [
        b"SELECT 1"
    ]
    assert [one.text for one in read(b"/*!999999\\- enable the sandbox mode */\nSELECT 1;")] == [b"SELECT 1"]


def test_a_message_among_the_sql_is_told_apart() -> None:
    line = b"mysqldump: [Warning] Using a password on the command line interface can be insecure."

    assert [(one.kind, one.text) for one in read(line + b"\nSELECT 1;")] == [
        (Kind.NOISE, line),
        (Kind.STATEMENT, b"SELECT 1"),
    ]


@pytest.mark.parametrize(
    "line", [b"\\! rm -rf /", b"system id", b"SOURCE /etc/passwd", b"\\. /etc/passwd", b"\\- x"]
)
def test_what_only_a_client_obeys_is_told_apart(line: bytes) -> None:
    assert [(one.kind, one.text) for one in read(b"SELECT 1;\n" + line + b"\nSELECT 2;", 3)] == [
        (Kind.STATEMENT, b"SELECT 1"),
        (Kind.COMMAND, line),
        (Kind.STATEMENT, b"SELECT 2"),
    ]


@pytest.mark.parametrize(
    "end", [b"INSERT INTO t VALUES ('a", b"INSERT INTO t VALUES (1)", b"/* never", b"`x", b"\0\0\0"]
)
def test_what_has_no_end_is_cut(end: bytes) -> None:
    assert [(one.kind, one.offset) for one in read(b"SELECT 1;\n" + end, 4)] == [
        (Kind.STATEMENT, 0),
        (Kind.CUT, 10),
    ]


def test_crlf_and_a_byte_order_mark_change_nothing() -> None:
    plain = [one.text for one in read(b"SELECT 1;\nSELECT 2;\n")]

    assert [one.text for one in read(b"\xef\xbb\xbfSELECT 1;\r\nSELECT 2;\r\n")] == plain


def test_utf_16_is_named() -> None:
    with pytest.raises(DumpDamaged, match="UTF-16"):
        read("-- MySQL dump\nSELECT 1;\n".encode("utf-16"))


def test_a_statement_beyond_the_limit_is_refused_with_its_place() -> None:
    with pytest.raises(DumpRefused, match="byte 10 "):
        list(DumpReader(chunks(b"SELECT 1;\nSELECT '" + b"x" * 3_000_000, 65536), limit=1_000_000))


def test_head_and_trailer_are_counted_only_where_they_are_comments() -> None:
    reader = DumpReader(chunks(WHOLE + b"SELECT '\n-- Dump completed\n';"))
    list(reader)

    assert (reader.heads, reader.trailers) == (1, 1)
    assert reader.writer.startswith("MariaDB dump 10.19")
    assert reader.server_version == "10.11.19-MariaDB-0+deb12u1"
    assert reader.size == len(WHOLE) + 29
