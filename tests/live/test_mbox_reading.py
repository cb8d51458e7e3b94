"""An mbox file is read as Dovecot reads it: the same messages, flags and dates, whatever stands in it."""

from __future__ import annotations

import imaplib
import re
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fixtures.servers.dovecot import DovecotOptions, PrivateDovecot
from restore.model.message import canonical
from restore.survey.mbox import open_mbox
from restore.systems.folder import FolderSource
from restore.systems.imap_wire import internaldate
from tests.live.mailroom import NO_PENALTY, PASSWORD

ADDRESS = "anna@example.is"
MBOX = f"mail_location = mbox:~/mail:INBOX=~/inbox\nmbox_read_locks = fcntl\nmbox_min_index_size = 1G\n{NO_PENALTY}"

Seen = tuple[bytes, frozenset[str], int]


@dataclass(slots=True)
class Reader:
    """A Dovecot that reads mbox files which are put into its user's home."""

    dovecot: PrivateDovecot
    number: int = 0

    @property
    def home(self) -> Path:
        return self.dovecot.folder / "mail" / ADDRESS

    def put(self, data: bytes) -> str:
        """One more file; its name."""
        self.number += 1
        path = self.home / "mail" / f"f{self.number}"
        path.write_bytes(data)
        shutil.chown(path, "mail", "mail")
        return path.name

    def reads(self, data: bytes) -> list[Seen] | None:
        """The file's messages as Dovecot shows them: content, flags and keywords, date. None where it fails at them."""
        client = imaplib.IMAP4(self.dovecot.host, self.dovecot.port)
        client.login(ADDRESS, PASSWORD)
        try:
            if client.select(self.put(data))[0] != "OK":
                return None
            _, answers = client.uid("FETCH", "1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")
        except imaplib.IMAP4.abort:
            return None
        finally:
            client.shutdown()
        return [
            (answer[1], _flags(answer[0]), internaldate(answer[0]))
            for answer in answers
            if isinstance(answer, tuple)
        ]


def _flags(text: bytes) -> frozenset[str]:
    found = re.search(rb"FLAGS \(([^)]*)\)", text)
    assert found is not None
    return frozenset(found[1].decode().split()) - {"\\Recent"}


@contextmanager
def reader() -> Iterator[Reader]:
    with PrivateDovecot({ADDRESS: PASSWORD}, options=DovecotOptions(extra=MBOX)) as dovecot:
        home = dovecot.folder / "mail" / ADDRESS
        (home / "mail").mkdir(parents=True)
        for path in (home, home / "mail"):
            shutil.chown(path, "mail", "mail")
        yield Reader(dovecot)


def ours(folder: Path, data: bytes) -> list[Seen]:
    """The file's messages as they are restored."""
    path = folder / "mail" / "f"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    with closing(open_mbox(FolderSource("night", str(folder)), b"mail", b"")) as store:
        (one,) = store.folders
        messages = store.listing(one).messages
        contents = store.contents(one, messages)
        shown = [b"".join(chunks) if isinstance(chunks, Iterator) else b"" for chunks in contents]
        return [
            (canonical(content), one.flags(message)[0], message.mtime)
            for content, message in zip(shown, messages, strict=True)
        ]


DATES = (
    b"Thu Nov 29 22:33:52 2001",
    b"Thu Nov  9 22:33:52 2001",
    b"Thu Nov 9 22:33:52 2001",
    b"Thu Nov 29 22:33 2001",
    b"Thu Nov 29 22:33:52 2001 +0300",
    b"Thu Nov 29 22:33:52 EEST 2001",
    b"Thu, 9 Nov 2002 22:33:52",
    b"Thu, 9 Nov 2002 22:33:52 -0200",
)
SENDERS = (b"a@example.is ", b"a@example.is  ", b"MAILER-DAEMON ", b'"a b"@example.is ', b"- ")
FROM_LINES = st.builds(
    lambda sender, date: b"From " + sender + date, st.sampled_from(SENDERS), st.sampled_from(DATES)
)
BASE = b"X-IMAPbase: 1007073232 0000000001 Work $Label1 Play"
FIELDS = st.lists(
    st.sampled_from(
        (
            b"Subject: one",
            b"Status: RO",
            b"Status: O",
            b"X-Status: AF",
            b"X-Status: TD",
            b"X-Keywords: Work $Label1",
            b"X-Keywords: Work Play   ",
            b"Content-Length: 0",
            b"Content-Length: 7",
            b"Content-Length: 19",
            b"content-length: 12\n",
            b"X-UID: 3                 ",
            b"To: a,\n\tb",
            b">From a line",
            b"Message-ID: <1@example.is>",
        )
    ),
    max_size=6,
    unique=True,
)
LINES = st.lists(
    st.one_of(
        st.sampled_from(
            (
                b"",
                b"",
                b"text",
                b">From me",
                b"From the desk of",
                b"From you  ",
                b"Status: RO",
                b"a\0b",
                b"\xe9t\xe9",
            )
        ),
        FROM_LINES,
    ),
    max_size=7,
)


@st.composite
def files(draw: st.DrawFn) -> bytes:
    """An mbox file, sound or not."""
    parts = []
    for _ in range(draw(st.integers(1, 4))):
        first = draw(st.sampled_from((b"X-First: 1", BASE)))
        lines = [draw(FROM_LINES), first, *draw(FIELDS), b"", *draw(LINES)]
        if draw(st.booleans()):
            lines.append(b"")
        parts += lines
    end = draw(st.sampled_from((b"\n", b"\r\n")))
    text = b"\n".join(line.rstrip(b"\n") for line in parts).replace(b"\n", end)
    # A file that ends within a From line was cut there: the mail before it is taken without it, which Dovecot does not.
    ends = (end, end + end) if parts[-1].startswith(b"From ") else (b"", end, end + end)
    return text + draw(st.sampled_from(ends))


def test_an_mbox_file_is_read_as_dovecot_reads_it(tmp_path: Path) -> None:
    body = b"text\n\nFrom b@example.is Thu Nov 29 22:33:52 2001\nStatus: RO\n\nmore\n"
    data = (
        b"From a@example.is Thu Nov  9 22:33:52 2001 +0300\nSubject: one\nStatus: RO\nX-Status: AF\n"
        b"X-IMAPbase: 1007073232 0000000001 Work Play\nX-Keywords: Work\n\n>From me\n\nFrom the desk\n\n"
        b"From MAILER-DAEMON Thu, 9 Nov 2002 22:33:52 -0200\nContent-Length: %d\n\n%s\n"
        b"From - Thu Nov 29 22:33 EEST 2001\nSubject: last\n\nend"
    ) % (len(body), body)
    with reader() as dovecot:
        assert ours(tmp_path, data) == dovecot.reads(data)


@pytest.mark.long
def test_any_mbox_file_is_read_as_dovecot_reads_it(tmp_path: Path) -> None:
    with reader() as dovecot:

        @given(files())
        @settings(deadline=None, max_examples=600, suppress_health_check=list(HealthCheck))
        def alike(data: bytes) -> None:
            read = dovecot.reads(data)
            assert read is None or ours(tmp_path, data) == read

        alike()
