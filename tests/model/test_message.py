"""A mail's canonical form and identity do not depend on how its bytes came."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.model.message import Identifier, canonical, header, identify, message_id

MAILS = st.lists(
    st.sampled_from([b"a", b"Subject: x", b"\r", b"\n", b"\r\n", b"\0", b"\xff", b"\r\r\n"])
).map(b"".join)


@given(MAILS)
def test_the_canonical_form_is_its_own(content: bytes) -> None:
    assert canonical(canonical(content)) == canonical(content)


@given(MAILS)
def test_every_line_end_is_crlf_and_no_nul_is_left(content: bytes) -> None:
    form = canonical(content)

    assert form.count(b"\n") == form.count(b"\r\n") == content.count(b"\n")
    assert b"\0" not in form and b"\r\r\n" not in form and not form.endswith(b"\r")
    assert form.replace(b"\r", b"") == content.replace(b"\r", b"").replace(b"\0", b"\x80")


@given(MAILS, st.lists(st.integers(0, 60)))
def test_the_identity_is_the_same_in_whatever_chunks_a_mail_comes(content: bytes, cuts: list[int]) -> None:
    identifier = Identifier()
    places = sorted({0, len(content), *(place for place in cuts if place < len(content))})
    for start, end in pairwise(places):
        identifier.update(content[start:end])

    assert identifier.identity() == identify(canonical(content))


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        (b"Message-ID: <a@b>\r\n\r\n", b"<a@b>"),
        (b"message-id:<a@b>\r\n", b"<a@b>"),
        (b"Message-ID:\r\n\t<a@b>\r\nTo: c\r\n", b"<a@b>"),
        (b"Message-ID: <a@b>\r\nMessage-ID: <c@d>\r\n", b""),
        (b"Message-ID: <a b>\r\n", b""),
        (b"Message-ID: <\xe9@b>\r\n", b""),
        (b"X-Message-ID: <a@b>\r\n", b""),
        (b"Message-ID:\r\n", b""),
        (b"", b""),
    ],
)
def test_only_one_clean_message_id_is_trusted(fields: bytes, found: bytes) -> None:
    assert message_id(fields) == found


def test_a_message_id_in_the_body_is_none() -> None:
    assert message_id(header(b"Subject: x\r\n\r\nMessage-ID: <a@b>\r\n")) == b""
