"""One folder: what of the backup is missing from the live folder is appended, and every message is accounted for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from detectors.walk import join
from restore.model.mail import FolderAccount, Identity, Matched, NewMessage, Unread
from restore.model.message import canonical, header, identify, message_id
from restore.model.ports import Unreadable
from restore.model.text import safe
from restore.run.mail_batch import Outgoing, send
from restore.run.mail_claims import Claims
from restore.run.mail_step import LiveFolder, MailStep, Tally
from restore.survey.maildir import Listing, MaildirFolder, MaildirMessage

WINDOW = 1000
BATCH_MESSAGES = 100
BATCH_BYTES = 4 << 20
LARGEST_MESSAGE = 256 << 20
LATEST_DATE = (1 << 31) - 1
GZIP = b"\x1f\x8b"


class Item(NamedTuple):
    """A message's file in the backup."""

    folder: MaildirFolder
    message: MaildirMessage

    @property
    def path(self) -> bytes:
        """Relative to the source's root."""
        return join(self.folder.path, self.message.name)

    @property
    def file(self) -> str:
        """Its fingerprint."""
        return self.folder.fingerprint(self.message)


@dataclass(slots=True)
class FolderMerge:
    """The merge of one live folder with one folder (or several that mean it) of the backup."""

    step: MailStep
    live: LiveFolder
    claims: Claims
    tally: Tally
    pending: list[Outgoing] = field(default_factory=list)
    pending_bytes: int = 0
    first_names: dict[tuple[bytes, bytes], Identity | None] = field(default_factory=dict)

    def run(self, items: Sequence[Item]) -> None:
        """Newest window first, ascending within a window; then files that have a second name."""
        once, again = self._sort_out(items)
        known = self.step.memory.files(self.live.path)
        unknown = [item for item in once if not self._remembered(item, known)]
        window = self._window_size(unknown)
        for end in range(len(unknown), 0, -window):
            self._window(unknown[max(0, end - window) : end])
        self._window([item for item in again if not self._remembered(item, known)])
        self.step.record()

    def _window_size(self, items: Sequence[Item]) -> int:
        """Where not all of it may fit, what fits shall be the newest: single batches, newest first."""
        room = self.step.session.room() if items else None
        tight = room is not None and sum(item.message.size for item in items) > room
        return BATCH_MESSAGES if tight else WINDOW

    def _sort_out(self, items: Sequence[Item]) -> tuple[list[Item], list[Item]]:
        """Files by unique name: the best-flagged first one, and those under the same name that differ from it.

        A backup taken while flags changed holds a file twice, under its old and its new name.
        """
        named: dict[tuple[bytes, bytes], list[Item]] = {}
        for item in items:
            named.setdefault((item.folder.path, item.message.unique), []).append(item)
        once, again = [], []
        for name, same in named.items():
            best = max(
                same, key=lambda item: (item.message.name.startswith(b"cur"), len(item.message.letters))
            )
            once.append(best)
            for item in same:
                if item is not best and item.file == best.file:
                    self.tally.duplicates.append(f"{safe(item.path)}: the same file as {safe(best.path)}")
                    self._done(item)
                elif item is not best:
                    again.append(item)
                    self.first_names[name] = None
        return sorted(once, key=lambda item: (item.message.mtime, item.message.name)), again

    def _remembered(self, item: Item, known: dict[str, Identity]) -> bool:
        identity = known.get(item.file)
        claim = self.claims.proven(identity) if identity else None
        if claim is None:
            return False
        name = (item.folder.path, item.message.unique)
        if name in self.first_names and self.first_names[name] is None:
            self.first_names[name] = identity
        self.tally.claim(claim, item.path)
        self._done(item)
        return True

    def _window(self, items: Sequence[Item]) -> None:
        chunk: list[tuple[Item, Outgoing]] = []
        size = 0
        for item, outgoing in self._read(items):
            chunk.append((item, outgoing))
            size += outgoing.identity.size
            if len(chunk) >= BATCH_MESSAGES or size >= BATCH_BYTES:
                self._merge(chunk)
                chunk, size = [], 0
        self._merge(chunk)
        self._flush()

    def _read(self, items: Sequence[Item]) -> Iterator[tuple[Item, Outgoing]]:
        contents = self.step.source.read_many([item.path for item in items], LARGEST_MESSAGE)
        for item, content in zip(items, contents, strict=True):
            reason, data = (content.reason, b"") if isinstance(content, Unreadable) else mail_of(content.data)
            self._done(item)
            if reason:
                self.tally.unreadable.append(f"{safe(item.path)}: {reason}")
                continue
            if b"\0" in data:
                self.step.notes.add("NUL bytes, which IMAP cannot carry, are stored as 0x80", item.path)
            data = canonical(data)
            identity = identify(data)
            if not self._is_duplicate(item, identity):
                yield item, Outgoing(item.path, item.file, identity, self._message(item, data))

    def _is_duplicate(self, item: Item, identity: Identity) -> bool:
        name = (item.folder.path, item.message.unique)
        if name not in self.first_names:
            return False
        first = self.first_names[name]
        if first is None:
            self.first_names[name] = identity
            return False
        if first == identity:
            self.tally.duplicates.append(f"{safe(item.path)}: a second name of a file with the same content")
        return first == identity

    def _message(self, item: Item, data: bytes) -> NewMessage:
        flags, dropped = item.folder.flags(item.message)
        for what in sorted(dropped):
            self.step.notes.add(f"left out {what}", item.path)
        date = min(max(item.message.mtime, 0), LATEST_DATE)
        if date != item.message.mtime:
            self.step.notes.add("a date no server keeps was moved into 1970-01-01 to 2038-01-19", item.path)
        return NewMessage(data, date, flags)

    def _merge(self, chunk: Sequence[tuple[Item, Outgoing]]) -> None:
        self.step.desk.renew(self.step.key)
        open_ones = []
        for item, outgoing in chunk:
            claim = self.claims.proven(outgoing.identity)
            if claim is None:
                open_ones.append(outgoing)
            else:
                self.tally.claim(claim, item.path)
        self._identify(open_ones)
        matched = []
        for outgoing in open_ones:
            uid = self.claims.standing(outgoing.identity)
            if uid is None:
                self._add(outgoing)
            else:
                matched.append((uid, outgoing))
        self.tally.already_there += len(matched)
        if matched:
            self.step.later(
                Matched(
                    self.live.path,
                    self.live.uidvalidity,
                    tuple(uid for uid, _ in matched),
                    tuple(outgoing.identity for _, outgoing in matched),
                    tuple(outgoing.file for _, outgoing in matched),
                )
            )

    def _identify(self, outgoing: Sequence[Outgoing]) -> None:
        """Read whole every live message that may be one of these: likeness alone proves nothing."""
        uids = [
            uid
            for one in outgoing
            for uid in self.claims.candidates(one.identity, message_id(header(one.message.content)))
        ]
        if uids:
            for message in self.step.session.read_back(self.live.path, uids):
                if isinstance(message, Unread):
                    self.step.notes.say(
                        f"live message UID {message.uid} of {safe('/'.join(self.live.path))} may be one of the "
                        f"backup's, but cannot be read, so the backup's is put beside it: {safe(message.reason)}"
                    )
                else:
                    self.claims.identified(message)

    def _add(self, outgoing: Outgoing) -> None:
        if self.pending and self.pending_bytes + outgoing.identity.size > BATCH_BYTES:
            self._flush()
        self.pending.append(outgoing)
        self.pending_bytes += outgoing.identity.size
        if len(self.pending) >= BATCH_MESSAGES:
            self._flush()

    def _flush(self) -> None:
        if self.pending:
            send(self.step, self.live, self.pending, self.tally)
            self.pending, self.pending_bytes = [], 0

    def _done(self, item: Item) -> None:
        self.step.progress(item.message.size)


def restore_folder(
    step: MailStep, live: LiveFolder, parts: Sequence[tuple[MaildirFolder, Listing]]
) -> FolderAccount:
    """Merge folders of the backup into one live folder, which is created where a message needs it."""
    uidvalidity = live.uidvalidity if live.exists else step.memory.last_uidvalidity(live.path)
    deliveries = step.memory.deliveries(live.path, uidvalidity) if uidvalidity is not None else ()
    claims = Claims(deliveries, step.session.messages(live.path) if live.exists else ())
    items = [Item(folder, message) for folder, listing in parts for message in listing.messages]
    unreadable = [line for _, listing in parts for line in listing.unreadable]
    newest = max((float(item.message.mtime) for item in items), default=None)
    tally = Tally(len(items) + len(unreadable), unreadable=unreadable, newest=newest)
    FolderMerge(step, live, claims, tally).run(items)
    return tally.account(live.path)


def mail_of(data: bytes) -> tuple[str, bytes]:
    """Why a file holds no mail ("": it does), and the mail; compressed files (zlib plugin) are unpacked."""
    if data.startswith(GZIP):
        unpacker = zlib.decompressobj(wbits=31)
        try:
            data = unpacker.decompress(data, LARGEST_MESSAGE)
        except zlib.error as error:
            return f"compressed, and damaged: {error}", b""
        if not unpacker.eof:
            return "compressed, and cut short or larger than any mail", b""
    if not data.strip(b"\r"):
        return "the file is empty: the mail is lost in this backup", b""
    if not data.strip(b"\0"):
        return "the file holds NUL bytes alone: the mail is lost in this backup", b""
    return "", data
