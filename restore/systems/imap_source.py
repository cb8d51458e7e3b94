"""A lost server's mail by IMAP: a backup or wreck that was booted again, and is only ever read.

Folders are opened by EXAMINE and bodies read by BODY.PEEK (RFC 9051 6.3.3, 6.4.5): no flag is set, \\Recent stays,
nothing is expunged. What the server writes for itself, an index for one, is beyond the protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from imapclient import IMAPClient

from detectors.finding import Secret
from detectors.walk import Entry
from restore.errors import MailboxMissing, MailRefused, MailUnreachable, OldMailboxMissing, SourceUnreadable
from restore.model.incident import MailTarget, SourceSpec
from restore.model.mail import FolderPath, LiveMessage
from restore.model.ports import Content, Unreadable
from restore.model.text import safe
from restore.systems.imap import ImapServer
from restore.systems.imap_session import ImapSession, live_message
from restore.systems.imap_wire import compress, skip
from restore.systems.throttle import Throttle

PIECE = 1 << 20
STREAMED = 8 << 20
"""Bytes from which on a message is asked for in pieces."""
TOGETHER_MESSAGES = 200
TOGETHER_BYTES = 16 << 20
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_QUOTED = re.compile(rb'BODY\[[^\]]*\](?:<\d+>)? (NIL|"(?:[^"\\]|\\.)*")', re.IGNORECASE)


class OldImapServer(ImapServer):
    """A [[source]] of kind imap."""

    def __init__(self, spec: SourceSpec, password: Secret, bytes_per_second: float = 0) -> None:
        target = MailTarget(
            spec.name,
            spec.host,
            spec.port,
            spec.tls,
            spec.ca,
            spec.master_user,
            spec.master_password,
            spec.copies,
            spec.timeout,
        )
        super().__init__(target, password)
        self._throttle = Throttle(bytes_per_second)

    def read(self, address: str) -> ImapReader:
        """Log in for that mailbox. Raises OldMailboxMissing, and what ImapServer.open raises."""
        try:
            return ImapReader(self.name, lambda: self._connect(address), self._throttle)
        except MailboxMissing as error:
            raise OldMailboxMissing(
                f"source {self.name} has no mailbox {safe(address)}: {error.message}"
            ) from error


class ImapReader(ImapSession):
    """Satisfies MailReader."""

    def __init__(
        self, server: str, connect: Callable[[], IMAPClient], throttle: Throttle | None = None
    ) -> None:
        self._throttle = throttle or Throttle()
        self.refused: tuple[str, ...] = ()
        super().__init__(server, connect)

    def held(self, folder: FolderPath) -> Iterator[LiveMessage]:
        """Every message of a folder, ascending, its `message_id` left empty. Read it to the end.

        A server drops the connection at a message that it cannot even measure. So after a loss the first one that is
        left is asked for alone; where its size cannot be had it is 0, and so is its date. So it is where the server
        takes a message out of its index as it looks for it (Dovecot, of one whose file is gone).
        """
        left = sorted(self.present(folder))
        while left:
            told: set[int] = set()
            try:
                for message in self.stated(folder, left):
                    told.add(message.uid)
                    yield message
                yield from (LiveMessage(uid, b"", 0, 0, frozenset()) for uid in left if uid not in told)
                return
            except (MailUnreachable, MailRefused) as error:
                if isinstance(error, MailRefused) and not told:
                    raise
                left = [uid for uid in left if uid not in told]
            if left:
                yield from self._held_alone(folder, left.pop(0))

    def _held_alone(self, folder: FolderPath, uid: int) -> Iterator[LiveMessage]:
        self._examine(folder)
        try:
            yield from list(self.stated(folder, [uid]))
            return
        except (MailUnreachable, MailRefused):
            self._examine(folder)
        try:
            with self._looking(folder, f"reading flags in folder {safe('/'.join(folder))}"):
                for text in list(self._wire.fetch(b"UID FETCH %d (UID INTERNALDATE FLAGS)" % uid, skip)):
                    if (message := live_message(b"RFC822.SIZE 0 " + text, b"")) is not None:
                        yield message
        except (MailUnreachable, MailRefused):
            self._examine(folder)
            yield LiveMessage(uid, b"", 0, 0, frozenset())

    def contents(
        self, folder: FolderPath, messages: Sequence[tuple[int, int]]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        """Messages by UID and size in bytes, in the order given, each in chunks.

        A server drops the connection at a message that it cannot give. So after a loss each message left is asked for
        alone, and one that the connection is lost at again is Unreadable.
        """
        for run in _together(messages):
            found = self._bodies(folder, [uid for uid, size in run if size < STREAMED])
            for uid, size in run:
                if size >= STREAMED:
                    yield self._pieces(folder, uid)
                elif isinstance(body := found.get(uid), bytes):
                    yield iter((body,))
                else:
                    yield Unreadable(b"UID %d" % uid, body or "it went away while its folder was read")

    def _bodies(self, folder: FolderPath, uids: Sequence[int]) -> dict[int, bytes | str]:
        """What each message holds, or why it cannot be read."""
        found: dict[int, bytes | str] = {}
        try:
            self._fetch(folder, uids, found)
            return found
        except (MailUnreachable, MailRefused):
            left = [uid for uid in uids if uid not in found]
        for uid in left:
            self._examine(folder)
            try:
                self._fetch(folder, [uid], found)
            except (MailUnreachable, MailRefused) as error:
                found[uid] = error.message
        return found

    def _fetch(self, folder: FolderPath, uids: Sequence[int], found: dict[int, bytes | str]) -> None:
        if uids:
            for text, body in self._parts(folder, b"UID FETCH %s (UID BODY.PEEK[])" % compress(uids)):
                uid = _UID.search(text)
                if uid is not None:
                    found[int(uid[1])] = body

    def _pieces(self, folder: FolderPath, uid: int) -> Iterator[bytes]:
        offset = 0
        while True:
            command = b"UID FETCH %d (UID BODY.PEEK[]<%d.%d>)" % (uid, offset, PIECE)
            try:
                piece = b"".join(body for _, body in self._parts(folder, command))
            except (MailUnreachable, MailRefused) as error:
                raise SourceUnreadable(error.message) from error
            yield piece
            offset += len(piece)
            if len(piece) < PIECE:
                return

    def _parts(self, folder: FolderPath, command: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The answers to a FETCH of bodies, and the body in each."""
        kept: list[bytes] = []

        def keep(file: BinaryIO, size: int) -> None:
            self._throttle.take(size)
            kept.append(file.read(size))

        with self._looking(folder, f"reading messages of folder {safe('/'.join(folder))}"):
            for text in self._wire.fetch(command, keep):
                quoted = None if kept else _QUOTED.search(text)
                if quoted is not None:
                    kept.append(
                        b"" if quoted[1].upper() == b"NIL" else re.sub(rb"\\(.)", rb"\1", quoted[1][1:-1])
                    )
                if kept:
                    yield text, kept[0]
                kept.clear()


def _together(messages: Sequence[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    """Messages that are asked for at once: few enough to be held."""
    run: list[tuple[int, int]] = []
    size = 0
    for one in messages:
        small = one[1] if one[1] < STREAMED else 0
        if run and (len(run) >= TOGETHER_MESSAGES or size + small > TOGETHER_BYTES):
            yield run
            run, size = [], 0
        run.append(one)
        size += small
    if run:
        yield run


class NoFiles:
    """Satisfies Source for what holds mail alone: no file stands there."""

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def name(self) -> str:
        """The source's name in the incident file."""
        return self._name

    def list(self, path: bytes) -> Sequence[Entry]:
        """Nothing."""
        return ()

    def lstat(self, path: bytes) -> Entry | None:
        """Nothing."""
        return None

    def readlink(self, path: bytes) -> bytes:
        """Raises SourceUnreadable."""
        raise self._none(path)

    def read(self, path: bytes, limit: int) -> bytes:
        """Raises SourceUnreadable."""
        raise self._none(path)

    def read_many(self, paths: Sequence[bytes], limit: int) -> Iterator[Content | Unreadable]:
        """Each is Unreadable."""
        for path in paths:
            yield Unreadable(path, self._none(path).message)

    def stream(self, path: bytes, offset: int = 0) -> Iterator[bytes]:
        """Raises SourceUnreadable."""
        raise self._none(path)

    def close(self) -> None:
        """Nothing is held."""

    def _none(self, path: bytes) -> SourceUnreadable:
        return SourceUnreadable(f"source {self._name}: {safe(path)}: an IMAP server gives mail, no files")
