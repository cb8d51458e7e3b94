"""One user's live mailbox by IMAP, as the port MailSession states it."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import BinaryIO

from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from restore.errors import MailFolderRemade, MailRefused, MailStalled, MailUnreachable
from restore.model.mail import (
    AppendResult,
    FolderPath,
    FolderState,
    Identity,
    LiveMessage,
    NewMessage,
    StoredMessage,
    Unread,
)
from restore.model.message import Identifier
from restore.model.text import safe
from restore.systems.imap_errors import translated
from restore.systems.imap_names import Names
from restore.systems.imap_wire import CHUNK, Appended, Wire, compress, expand, internaldate, skip
from restore.systems.pace import Pace

ROLES = ("\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive")
KEPT_OF_MESSAGE_ID = 4096
MOST_UIDS = 10_000_000

_STATUS = re.compile(rb"(\w+) (\d+)")
_UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
_ALL = re.compile(rb"\bESEARCH\b.*\bALL ([\d:,]+)", re.IGNORECASE)
_FLAGS = re.compile(rb"\bFLAGS \(([^)]*)\)", re.IGNORECASE)
_PLAIN_ANSWER = re.compile(
    rb'\* \d+ FETCH \(UID (\d+) RFC822\.SIZE (\d+) (INTERNALDATE "[^"]*") FLAGS \(([^)]*)\)'
    rb"(?: BODY\[HEADER\.FIELDS \(MESSAGE-ID\)\] \{\d+\}\r\n)?\)\r\n"
)
"""How most servers answer: in the order asked for."""
_QUOTED_BODY = re.compile(rb'BODY\[[^\]]*\] (NIL|"(?:[^"\\]|\\.)*")', re.IGNORECASE)


class ImapSession:
    """Satisfies MailSession. A connection that a BAD answer put out of step is replaced by a new one."""

    def __init__(self, server: str, connect: Callable[[], IMAPClient], pace: Pace | None = None) -> None:
        self._server = server
        self._pace = pace or Pace()
        self._connect = connect
        self._validity: dict[FolderPath, int] = {}
        self._awaited = False
        self._begin()

    def _begin(self) -> None:
        self._client: IMAPClient = self._connect()
        self._examined: FolderPath | None = None
        with translated(self._server, "asking what it can do"):
            self._capabilities = {bytes(word).upper() for word in self._client.capabilities()}
            self._names = Names.of(self._client, b"NAMESPACE" in self._capabilities)
        imap = self._client._imap  # the socket and its buffered reader have no public name in imapclient
        literals = (
            "+" if b"LITERAL+" in self._capabilities else "-" if b"LITERAL-" in self._capabilities else ""
        )
        # A command's last bytes must not wait for the acknowledgement of those before (RFC 896).
        if imap.sock.family != socket.AF_UNIX:
            imap.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._wire = Wire(imap.sock, imap.file, self._server, literals)

    def room(self) -> int | None:
        """Bytes that INBOX's quota still allows; None where the server sets or tells no limit."""
        left = [limit - usage for limit, usage in self._quotas()]
        return max(0, min(left)) * 1024 if left else None

    def largest(self) -> int | None:
        """The bytes that a message may have (RFC 7889); None where the server states no limit for all folders."""
        stated = (word.partition(b"=")[2] for word in self._capabilities if word.startswith(b"APPENDLIMIT="))
        return min((int(limit) for limit in stated if limit.isdigit()), default=None)

    def quota(self) -> int | None:
        """The bytes that INBOX's quota allows in all; None where the server sets or tells no limit."""
        return min((limit * 1024 for limit, _ in self._quotas()), default=None)

    def _quotas(self) -> list[tuple[int, int]]:
        """Limit and usage of each, in units of 1024 bytes."""
        if b"QUOTA" not in self._capabilities:
            return []
        try:
            with self._doing("asking for the quota"):
                _, quotas = self._client.get_quota_root("INBOX")
        except MailRefused:
            return []
        except IndexError:  # so imapclient tells that the answer names no quota: "OK No quota"
            return []
        return [(quota.limit, quota.usage) for quota in quotas if quota.resource == "STORAGE"]

    def folders(self) -> Sequence[FolderPath]:
        """Every folder that can be selected."""
        return [path for path, attributes in self._list() if not attributes & {"\\NOSELECT", "\\NONEXISTENT"}]

    def special_use(self) -> Mapping[str, FolderPath]:
        """The target's own folder of each role it states."""
        roles = {}
        for path, attributes in self._list():
            for role in ROLES:
                if role.upper() in attributes:
                    roles[role] = path
        return roles

    def _list(self) -> Iterator[tuple[FolderPath, set[str]]]:
        with self._doing("listing folders"):
            listed = self._client.list_folders()
        for attributes, _, name in listed:
            if not self._names.is_foreign(name):
                words = {bytes(word).decode("ascii", "replace").upper() for word in attributes}
                yield self._names.path(name), words

    def subscriptions(self) -> frozenset[FolderPath]:
        """Every subscribed folder."""
        with self._doing("listing subscriptions"):
            return frozenset(self._names.path(name) for _, _, name in self._client.list_sub_folders())

    def create(self, folder: FolderPath) -> None:
        """Create a folder; no error where it exists. Raises MailRefused for a name the server cannot hold."""
        name = self._names.name(folder)
        try:
            with self._doing(f"creating folder {safe(name)}"):
                self._client.create_folder(name)
        except MailRefused as error:
            if error.response_code != "ALREADYEXISTS" and folder not in self.folders():
                raise

    def subscribe(self, folder: FolderPath) -> None:
        """Subscribe a folder."""
        name = self._names.name(folder)
        with self._doing(f"subscribing folder {safe(name)}"):
            self._client.subscribe_folder(name)

    def state(self, folder: FolderPath) -> FolderState:
        """UIDVALIDITY, UIDNEXT and number of messages, fresh from the server."""
        name = self._names.name(folder)
        with self._doing(f"asking for the state of folder {safe(name)}"):
            said = self._client.folder_status(name, ["UIDVALIDITY", "UIDNEXT", "MESSAGES"])
        state = FolderState(said[b"UIDVALIDITY"], said[b"UIDNEXT"], said[b"MESSAGES"])
        self._validity[folder] = state.uidvalidity
        return state

    def states(self, folders: Sequence[FolderPath]) -> Sequence[FolderState | None]:
        """state() of several folders, asked for at once; None for one that is not there."""
        names = [self._names.wire(folder) for folder in folders]
        with self._doing("asking for the states of folders"):
            said = self._wire.status(names, b"(UIDVALIDITY UIDNEXT MESSAGES)")
        return [_state(text) for text in said]

    def messages(self, folder: FolderPath, from_uid: int = 1) -> Iterator[LiveMessage]:
        """Messages with UID >= from_uid, ascending. Read it to the end before the next call."""
        self._examine(folder)
        kept: list[bytes] = []
        command = (
            b"UID FETCH %d:* (UID RFC822.SIZE INTERNALDATE FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])"
            % from_uid
        )

        def keep(file: BinaryIO, size: int) -> None:
            kept.append(file.read(min(size, KEPT_OF_MESSAGE_ID)))
            skip(file, max(0, size - KEPT_OF_MESSAGE_ID))

        with self._doing(f"reading what folder {safe('/'.join(folder))} holds"):
            for text in self._wire.fetch(command, keep):
                message = live_message(text, kept[0] if kept else b"")
                kept.clear()
                if message is not None and message.uid >= from_uid:
                    yield message

    def present(self, folder: FolderPath) -> Collection[int]:
        """The UID of every message of a folder, as one set where the server can say it so (RFC 4731)."""
        uids: set[int] = set()
        brief = b"ESEARCH" in self._capabilities
        with self._looking(folder, f"asking which messages folder {safe('/'.join(folder))} holds"):
            command = b"UID SEARCH RETURN (ALL) ALL" if brief else b"UID FETCH 1:* (UID)"
            for text in self._wire.fetch(command, skip):
                if brief and (found := _ALL.search(text)):
                    uids.update(expand(found[1], MOST_UIDS))
                elif not brief and (uid := _UID.search(text)):
                    uids.add(int(uid[1]))
        return uids

    def stated(self, folder: FolderPath, uids: Sequence[int]) -> Iterator[LiveMessage]:
        """Size, date and flags of messages as the server states them; a UID that is gone is left out."""
        if not uids:
            return
        wanted = set(uids)
        with self._looking(folder, f"comparing messages of folder {safe('/'.join(folder))}"):
            command = b"UID FETCH %s (UID RFC822.SIZE INTERNALDATE FLAGS)" % compress(uids)
            for text in self._wire.fetch(command, skip):
                message = live_message(text, b"")
                if message is not None and message.uid in wanted:
                    yield message

    def read_back(self, folder: FolderPath, uids: Sequence[int]) -> Iterator[StoredMessage | Unread]:
        """Messages read whole, \\Seen not set; a UID that is gone is left out. Read it to the end.

        Dovecot drops the connection at a message whose file has a wrong size in its name. So after a loss every
        message left is asked for alone, and one that the connection is lost at again is Unread.
        """
        left = set(uids)
        try:
            for stored in self._whole(folder, sorted(left)):
                left.discard(stored.uid)
                yield stored
            return
        except (MailUnreachable, MailRefused) as error:
            if not left or (isinstance(error, MailRefused) and error.response_code == "NONEXISTENT"):
                raise
        for uid in sorted(left):
            self._examine(folder)
            try:
                yield from self._whole(folder, [uid])
            except (MailUnreachable, MailRefused) as error:
                yield Unread(uid, error.message)

    def _whole(self, folder: FolderPath, uids: Sequence[int]) -> Iterator[StoredMessage]:
        if uids:
            with self._looking(folder, f"reading back messages of folder {safe('/'.join(folder))}"):
                yield from self._read_back(
                    b"UID FETCH %s (UID INTERNALDATE FLAGS BODY.PEEK[])" % compress(uids)
                )

    def _read_back(self, command: bytes) -> Iterator[StoredMessage]:
        identity: Identity | None = None

        def hashed(file: BinaryIO, size: int) -> None:
            nonlocal identity
            identity = _hash(file, size)

        for text in self._wire.fetch(command, hashed):
            uid = _UID.search(text)
            if identity is None and (quoted := _QUOTED_BODY.search(text)):
                identity = _hash_quoted(quoted[1])
            if uid and identity is not None:
                yield StoredMessage(int(uid[1]), identity, internaldate(text), _flags(text))
            identity = None

    def append(
        self, folder: FolderPath, messages: Sequence[NewMessage], confirm: Callable[[], None] = lambda: None
    ) -> Sequence[AppendResult]:
        """What became of each message, in order. `confirm` is called before the last bytes.

        Raises MailRefused where the batch was refused as a whole,
        MailFolderRemade where it went into another incarnation of the folder than state() last saw."""
        return self.send(folder, messages, confirm)()

    def send(
        self, folder: FolderPath, messages: Sequence[NewMessage], confirm: Callable[[], None] = lambda: None
    ) -> Callable[[], Sequence[AppendResult]]:
        """Begin an append(); what is returned waits for its answer, before anything else is asked."""
        what, name = f"appending to folder {safe('/'.join(folder))}", self._names.wire(folder)
        self._pace.before(sum(len(message.content) for message in messages))
        with self._doing(what), self._pace.feeling():
            if b"MULTIAPPEND" in self._capabilities:
                answer = self._wire.append_many(name, messages, confirm)
            else:
                each = self._wire.append_each(name, messages, confirm)
                return lambda: self._fates(folder, each)
        self._awaited = True
        return lambda: self._fates(folder, self._answered(answer, what))

    def _answered(self, answer: Callable[[], Appended], what: str) -> Appended:
        self._awaited = False
        with self._translating(what), self._pace.feeling():
            return answer()

    def _fates(self, folder: FolderPath, appended: Appended) -> Sequence[AppendResult]:
        expected = self._validity.get(folder)
        if expected is not None and appended.uidvalidity not in (None, expected):
            raise MailFolderRemade(
                f"mail server {self._server}: folder {safe('/'.join(folder))} was made anew"
            )
        return appended.results

    def close(self) -> None:
        """Log out, or just close where the connection is lost or a command was left halfway."""
        try:
            if self._wire.broken:
                self._client.shutdown()
            else:
                self._client.logout()
        except (OSError, IMAPClientError):
            self._wire.broken = True  # it was lost before; nothing was under way

    def _examine(self, folder: FolderPath) -> bool:
        """EXAMINE, not SELECT: \\Recent stays for the user's own client to see. False where it was open before."""
        if self._examined == folder and not self._wire.broken:
            return False
        name = self._names.name(folder)
        with self._doing(f"opening folder {safe(name)}"):
            self._client.select_folder(name, readonly=True)
        self._examined = folder
        return True

    @contextmanager
    def _looking(self, folder: FolderPath, what: str) -> Iterator[None]:
        """The folder is open, and what came into it since is seen."""
        fresh = self._examine(folder)
        with self._doing(what):
            for _ in () if fresh else self._wire.fetch(b"NOOP", skip):
                pass
            yield

    @contextmanager
    def _doing(self, what: str) -> Iterator[None]:
        if self._awaited:
            raise RuntimeError(f"{what} before the answer to an append was awaited")
        if self._wire.broken:
            self._client.shutdown()
            self._begin()
        with self._translating(what):
            yield

    @contextmanager
    def _translating(self, what: str) -> Iterator[None]:
        try:
            with translated(self._server, what):
                yield
        except (MailUnreachable, MailStalled):
            self._wire.broken = True
            raise


def _state(said: bytes | None) -> FolderState | None:
    found = {name.upper(): int(number) for name, number in _STATUS.findall((said or b"").rpartition(b"(")[2])}
    if found.keys() < {b"UIDVALIDITY", b"UIDNEXT", b"MESSAGES"}:
        return None
    return FolderState(found[b"UIDVALIDITY"], found[b"UIDNEXT"], found[b"MESSAGES"])


def live_message(text: bytes, field: bytes) -> LiveMessage | None:
    """What a FETCH answer states, `field` being its header; None where it answers no FETCH of ours."""
    plain = _PLAIN_ANSWER.fullmatch(text)
    if plain is not None:
        uid, size, date, flags = plain.groups()
        return LiveMessage(int(uid), field, int(size), internaldate(date), _words(flags))
    if not field and (quoted := _QUOTED_BODY.search(text)):
        field = quoted[1].strip(b'"')
        text = text[: quoted.start()] + text[quoted.end() :]
    uid, size = _UID.search(text), _SIZE.search(text)
    if uid is None or size is None:
        return None  # an answer nobody asked for: a flag that changed, a message that came
    return LiveMessage(int(uid[1]), field, int(size[1]), internaldate(text), _flags(text))


def _flags(text: bytes) -> frozenset[str]:
    found = _FLAGS.search(text)
    return _words(found[1]) if found else frozenset()


@lru_cache(maxsize=4096)
def _words(flags: bytes) -> frozenset[str]:
    return frozenset(flags.decode("utf-8", "replace").split())


def _hash(file: BinaryIO, size: int) -> Identity:
    identifier = Identifier()
    while size:
        chunk = file.read(min(size, CHUNK))
        if not chunk:
            break  # the next line read says that the connection is gone
        identifier.update(chunk)
        size -= len(chunk)
    return identifier.identity()


def _hash_quoted(quoted: bytes) -> Identity:
    identifier = Identifier()
    if quoted.upper() != b"NIL":
        identifier.update(re.sub(rb"\\(.)", rb"\1", quoted[1:-1]))
    return identifier.identity()
