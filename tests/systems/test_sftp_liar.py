"""A backup server that lies: behind a real sshd, an SFTP program that answers what no honest one would."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixtures.servers.sshd import PrivateSshd, SshdOptions
from restore.errors import SourceOdd, SourceUnreadable
from restore.model.ports import Content
from restore.systems import sftp_answers as answers
from restore.systems.sftp import SftpSource
from restore.systems.sftp_answers import Malformed, Refusal, Reply
from restore.systems.sftp_connect import SftpAddress

LIAR = """
import os, struct, sys
def string(b): return struct.pack(">I", len(b)) + b
def send(kind, request, body):
    os.write(1, struct.pack(">IBI", len(body) + 5, kind, request) + body)
def attrs(mode): return struct.pack(">IQI", 5, 4, mode)
def read(n):
    out = b""
    while len(out) < n:
        more = os.read(0, n - len(out))
        if not more: sys.exit()
        out += more
    return out
given = {}
while True:
    length, = struct.unpack(">I", read(4))
    kind, request, rest = *struct.unpack(">BI", (packet := read(length))[:5]), packet[5:]
    path = rest[4:4 + struct.unpack(">I", rest[:4])[0]] if len(rest) >= 4 else b""
    if kind == 1: os.write(1, struct.pack(">IBI", 5, 2, 3))
    elif kind == 7 and path.endswith((b"endless", b"generous")): send(105, request, attrs(0o100644))
    elif kind == 7 and b"typeless" in path: send(105, request, struct.pack(">I", 0))
    elif kind == 7 and b"short" in path: send(105, request, b"\\0\\0")
    elif kind == 7 and b"unasked" in path: send(105, request + 77, attrs(0o40755))
    elif kind == 7 and b"wrong" in path: send(103, request, string(b"data"))
    elif kind == 7: send(105, request, attrs(0o40755))
    elif kind in (3, 11):
        given[path] = 0
        send(102, request, string(path))
    elif kind == 12:
        if given.setdefault(path, 0): send(101, request, struct.pack(">I", 1) + string(b"") * 2)
        else:
            given[path] = 0 if b"many" in path else 1
            name = bytes.fromhex(path.rsplit(b"=", 1)[-1].decode()) if b"=" in path else b"plain"
            send(104, request, struct.pack(">I", 1) + string(name) + string(b"") + attrs(0o100644))
    elif kind == 5: send(103, request, string(b"x" * (1000 if b"generous" in path else 1)))
    else: send(101, request, struct.pack(">I", 0) + string(b"") * 2)
"""


@pytest.fixture(scope="module")
def liar() -> Iterator[PrivateSshd]:
    plain = SshdOptions(shell=True)  # noqa: S604
    with PrivateSshd(options=plain) as server:
        program = server.folder / "liar.py"
        program.write_text(LIAR)
        config = server.folder / "sshd_config"
        subsystem = f"Subsystem sftp {sys.executable} {program}"
        config.write_text(config.read_text().replace("Subsystem sftp internal-sftp", subsystem))
        server.key.chmod(0o600)
        (server.folder / "authkeys" / "root").write_bytes((server.folder / "user_key.pub").read_bytes())
        server.restart()
        yield server


@pytest.fixture
def source(liar: PrivateSshd) -> Iterator[SftpSource]:
    address = SftpAddress(liar.host, liar.port, "root", str(liar.key), str(liar.known_hosts), 10)
    made = SftpSource("liar", "/", address)
    yield made
    made.close()


@pytest.mark.parametrize("name", [b"../../etc/passwd", b"a/b", b"nul\0", b"", b"/"])
def test_names_that_no_file_can_have_are_refused(source: SftpSource, name: bytes) -> None:
    with pytest.raises(SourceUnreadable, match="no file can have"):
        source.list(b"folder=" + name.hex().encode())


def test_a_name_that_a_file_can_have_is_listed(source: SftpSource) -> None:
    assert [entry.name for entry in source.list(b"folder=" + b"\x1b[2J".hex().encode())] == [b"\x1b[2J"]


@pytest.mark.parametrize("path", [b"typeless", b"short", b"unasked", b"wrong"])
def test_answers_that_are_none_end_the_connection_with_a_clear_word(source: SftpSource, path: bytes) -> None:
    with pytest.raises(SourceOdd):
        source.lstat(path)

    assert [entry.name for entry in source.list(b"")] == [b"plain"]


def test_a_folder_without_end_is_given_up(source: SftpSource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restore.systems.sftp_tree.MOST_ENTRIES", 500)

    with pytest.raises(SourceUnreadable, match="more than 500"):
        source.list(b"many")


def test_a_file_that_grows_without_end_is_not_read_without_end(source: SftpSource) -> None:
    assert source.read(b"endless", 10) == b"xxxx"
    [one] = source.read_many([b"endless"], 10)
    assert isinstance(one, Content) and one.data == b"xxxx"


@pytest.mark.parametrize("read", [lambda s: s.read(b"generous", 4), lambda s: list(s.stream(b"generous"))])
def test_more_bytes_than_were_asked_for_are_not_taken(
    source: SftpSource, read: Callable[[SftpSource], object]
) -> None:
    with pytest.raises(SourceOdd):
        read(source)


@given(st.integers(0, 255), st.binary(max_size=200))
def test_no_bytes_whatever_make_an_answer_that_surprises_us(kind: int, body: bytes) -> None:
    for decode in (
        answers.handle,
        answers.link,
        lambda reply: answers.data(reply, 10),
        lambda reply: answers.entry(reply, b""),
        lambda reply: list(answers.entries(reply)),
    ):
        for tried in (kind, answers.NAME, answers.ATTRS, answers.STATUS, answers.DATA, answers.HANDLE):
            try:
                decode(Reply(tried, body))
            except (Refusal, Malformed):
                continue
