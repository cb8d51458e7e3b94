"""What PHP serialized is read, or is None; nothing in it raises."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.parsing import serialized


@pytest.mark.parametrize(
    "value",
    [
        b"", b"N;", b"R:1;", b'C:1:"A":1:{x}', b'E:3:"A:B";', b'S:1:"a";', b's:9:"a";', b"i:1;junk",
        b"a:1:{i:0;a:0:{}}",        b"a:1:{i:0;" * 5000, b'a:1:{a:0:{}i:1;}',
        b"i:" + b"9" * 9000 + b";", b"d:x;", b"a:999999999:{", b"b:;",
    ],
)  # fmt: skip
def test_what_phpserialize_stumbles_over_is_none_or_a_value(value: bytes) -> None:
    assert serialized.loads(value) in (None, {0: {}})


def test_texts_and_entries_are_read_as_bytes() -> None:
    assert serialized.texts(b'a:2:{i:0;s:2:"\xc3\xa9";i:1;i:7;}') == (b"\xc3\xa9",)
    assert serialized.entry(b'O:1:"A":1:{s:1:"v";i:12;}', b"v") == b"12"


@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"a:1:{", b"}", b"i:0;", b's:1:"a";', b"O:1:", b"N;"])).map(b"".join)
)
def test_no_bytes_raise(value: bytes) -> None:
    serialized.texts(value)
    serialized.entry(value, b"a")
