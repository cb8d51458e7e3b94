"""What an altered mail's own bytes give away; a sound one is left in peace."""

from __future__ import annotations

import base64
import hashlib
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.model.message import canonical
from restore.survey.message_evidence import examined

NAME = b"cur/1500000000.M1P1.web1:2,S"
# RFC 6376 section 3.4.5: one body, and what its two canonical forms are.
RFC_BODY = b" C \r\nD \t E\r\n\r\n\r\n"
RFC_FORMS = {b"simple": b" C \r\nD \t E\r\n", b"relaxed": b" C\r\nD E\r\n"}
# RFC 6376 section 3.4.3 and its erratum 3192: the hashes of a body without a byte.
EMPTY = {
    b"simple": b"frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
    b"relaxed": b"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
}


def told(content: bytes, name: bytes = NAME, stored: int | None = None) -> str:
    return "; ".join(examined(name, len(content) if stored is None else stored, canonical(content)).doubts)


def signed(body: bytes, digest: bytes, form: bytes) -> bytes:
    return b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/%s;\r\n bh=%s; b=x\r\n\r\n" % (form, digest) + body


@pytest.mark.parametrize("form", sorted(RFC_FORMS))
def test_a_signed_body_is_read_as_the_signer_s_standard_reads_it(form: bytes) -> None:
    digest = base64.b64encode(hashlib.sha256(RFC_FORMS[form]).digest())

    assert told(signed(RFC_BODY, digest, form)) == ""
    assert told(signed(b"", EMPTY[form], form)) == ""
    assert "signed" in told(signed(RFC_BODY.replace(b"D", b"d"), digest, form))


def letter(*, attached: bytes = b"") -> bytes:
    message = EmailMessage()
    message["Subject"] = "bref"
    message.set_content("Sæl og blessuð")
    if attached:
        message.add_attachment(attached, maintype="application", subtype="zip", filename="myndir.zip")
    return message.as_bytes()


@pytest.mark.parametrize("content", [letter(), letter(attached=bytes(range(256)) * 40), b"From: x\n\nhi\n"])
def test_a_sound_mail_is_not_doubted(content: bytes) -> None:
    assert told(content) == ""
    assert told(content, NAME.replace(b":2", b",S=%d:2" % len(content))) == ""


def test_a_mail_cut_inside_an_attachment_is_told_by_its_missing_boundary() -> None:
    content = letter(attached=bytes(range(256)) * 40)

    assert "closing boundary is missing" in told(content[: len(content) // 2])


def test_a_byte_altered_inside_an_attachment_is_told_where_it_is_no_base64_any_more() -> None:
    content = letter(attached=bytes(range(256)) * 40)
    middle = len(content) // 2 + (1 if content[len(content) // 2] == 10 else 0)

    assert "base64" in told(content[:middle] + b"\x01" + content[middle + 1 :])


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"From: x\n\nhi\n" + bytes(512), NAME, "hole"),
        (b"\x01\x02 no header at all\n\nhi", NAME, "does not begin with a header"),
        (b"From: x\n\nhi", NAME.replace(b":2", b",S=99:2"), "its name states 99 bytes, it has 11"),
        (
            b"From: x\n\nhi\n" + bytes(512),
            NAME.replace(b":2", b",S=99:2"),
            "its name states 99 bytes, it has 524",
        ),
        (b"From: x\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\n\nhi\n", NAME, "Content-MD5"),
        (b'Content-Type: multipart/mixed; boundary="b"\n\nnothing\n', NAME, "without any part"),
    ],
)
def test_what_speaks_against_a_mail_is_said(content: bytes, name: bytes, words: str) -> None:
    assert words in told(content, name)


@pytest.mark.parametrize("stated", [3, 99])
def test_a_wrong_size_in_the_name_of_a_whole_mail_is_worth_a_note_and_no_doubt(stated: int) -> None:
    content = b"From: x\n\nhi\n"
    evidence = examined(NAME.replace(b":2", b",S=%d:2" % stated), len(content), canonical(content))

    assert (evidence.doubts, f"states {stated} bytes" in evidence.note) == ((), True)


MIME = st.lists(
    st.sampled_from(
        [b"Content-Type: multipart/mixed; boundary=", b'"b"', b"b", b"\n", b"\n\n", b"--b", b"--b--", b"\xff", b"; ",
         b"boundary*0*=utf-8''%FF", b"Content-Transfer-Encoding: base64\n", b"DKIM-Signature: ", b"a=rsa-sha256;",
         b"bh=;", b"l=-1;", b"c=relaxed/relaxed", b"=", b"QUJD", b"\r\n", b"Content-Type: ", b"\0"]
    ),
    max_size=30,
).map(b"".join)  # fmt: skip


@given(st.one_of(st.binary(max_size=300), MIME), st.binary(max_size=40))
def test_no_mail_whatever_stops_the_look_at_it(content: bytes, name: bytes) -> None:
    assert isinstance(examined(name, len(content), canonical(content)).doubts, tuple)
