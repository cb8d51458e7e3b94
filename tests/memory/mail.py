"""A live mail server in memory. It passes the same conformance suite as Dovecot."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from restore.errors import MailboxMissing, MailRefused
from restore.model.mail import (
    INBOX,
    AppendResult,
    FolderPath,
    FolderState,
    LiveMessage,
    NewMessage,
    Refusal,
    Stored,
    StoredMessage,
)
from restore.model.message import canonical, header, identify


def _nothing(moment: str, op: str, about: str) -> None:
    """The hook that does nothing."""


def _accept(message: NewMessage) -> Refusal | None:
    """The rule that takes every message but an empty one."""
    return None if message.content else Refusal("can't save a zero byte message")


@dataclass(slots=True)
class MemoryFolder:
    """A folder's messages by UID; a UID is never used twice."""

    uidvalidity: int
    uidnext: int = 1
    messages: dict[int, NewMessage] = field(default_factory=dict)

    def add(self, message: NewMessage) -> int:
        """A message comes in by whatever way."""
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.messages[uid] = message
        return uid


@dataclass(slots=True)
class MemoryBox:
    """One user's mailbox."""

    folders: dict[FolderPath, MemoryFolder]
    subscribed: set[FolderPath] = field(default_factory=set)
    made: int = 1

    def make(self, path: FolderPath) -> MemoryFolder:
        """A new folder with a UIDVALIDITY of its own."""
        self.made += 1
        self.folders[path] = MemoryFolder(self.made)
        return self.folders[path]


@dataclass(slots=True)
class MemoryMail:
    """Satisfies MailServer. `hook(moment, op, about)` is called "before" and "after" each change, so that a test
    can cut there; the boxes keep what a killed process had done. `refuse` says which messages are not taken,
    `alter` what the server makes of a content; `multiappend` and `uidplus` are what it can do, `quota` the bytes
    a mailbox may hold (0: any), `largest` those that a message may have."""

    name: str
    boxes: dict[str, MemoryBox] = field(default_factory=dict)
    roles: Mapping[str, FolderPath] = field(default_factory=dict)
    multiappend: bool = True
    uidplus: bool = True
    quota: int = 0
    largest: int = 0
    hook: Callable[[str, str, str], None] = _nothing
    refuse: Callable[[NewMessage], Refusal | None] = _accept
    alter: Callable[[bytes], bytes] = canonical

    def box(self, address: str) -> MemoryBox:
        """A mailbox, made with an empty INBOX where there is none."""
        if address not in self.boxes:
            self.boxes[address] = MemoryBox({INBOX: MemoryFolder(1)})
        return self.boxes[address]

    def open(self, address: str) -> MemorySession:
        if address not in self.boxes:
            raise MailboxMissing(f"mail server {self.name} has no mailbox {address}")
        return MemorySession(self, self.boxes[address])


@dataclass(slots=True)
class MemorySession:
    """Satisfies MailSession."""

    server: MemoryMail
    box: MemoryBox

    def room(self) -> int | None:
        return self.server.quota - self._held() if self.server.quota else None

    def largest(self) -> int | None:
        return self.server.largest or None

    def quota(self) -> int | None:
        return self.server.quota or None

    def folders(self) -> Sequence[FolderPath]:
        return list(self.box.folders)

    def special_use(self) -> Mapping[str, FolderPath]:
        return {role: path for role, path in self.server.roles.items() if path in self.box.folders}

    def subscriptions(self) -> frozenset[FolderPath]:
        return frozenset(self.box.subscribed)

    def create(self, folder: FolderPath) -> None:
        if any(not part or "/" in part or "." in part or part.startswith("~") for part in folder):
            raise MailRefused(f"mail server {self.server.name}: invalid mailbox name")
        if folder not in self.box.folders:
            self.server.hook("before", "create", "/".join(folder))
            self.box.make(folder)
            self.server.hook("after", "create", "/".join(folder))

    def subscribe(self, folder: FolderPath) -> None:
        self.server.hook("before", "subscribe", "/".join(folder))
        self.box.subscribed.add(folder)
        self.server.hook("after", "subscribe", "/".join(folder))

    def state(self, folder: FolderPath) -> FolderState:
        found = self._folder(folder)
        return FolderState(found.uidvalidity, found.uidnext, len(found.messages))

    def states(self, folders: Sequence[FolderPath]) -> Sequence[FolderState | None]:
        return [self.state(folder) if folder in self.box.folders else None for folder in folders]

    def messages(self, folder: FolderPath, from_uid: int = 1) -> Iterator[LiveMessage]:
        for uid, message in sorted(self._folder(folder).messages.items()):
            if uid >= from_uid:
                content = message.content
                yield LiveMessage(uid, header(content), len(content), message.internaldate, message.flags)

    def present(self, folder: FolderPath) -> Collection[int]:
        return set(self._folder(folder).messages)

    def stated(self, folder: FolderPath, uids: Sequence[int]) -> Iterator[LiveMessage]:
        for message in self.messages(folder):
            if message.uid in uids:
                yield replace(message, message_id=b"")

    def read_back(self, folder: FolderPath, uids: Sequence[int]) -> Iterator[StoredMessage]:
        messages = self._folder(folder).messages
        for uid in sorted(uids):
            if uid in messages:
                stored = messages[uid]
                yield StoredMessage(
                    uid, identify(canonical(bytes(stored.content))), stored.internaldate, stored.flags
                )

    def append(
        self, folder: FolderPath, messages: Sequence[NewMessage], confirm: Callable[[], None] = lambda: None
    ) -> Sequence[AppendResult]:
        confirm()
        if not self.server.multiappend and folder not in self.box.folders:
            return [Refusal("[TRYCREATE] Mailbox doesn't exist", "TRYCREATE")] * len(messages)
        place = self._folder(folder, "TRYCREATE")
        if not self.server.multiappend:
            return [self._store(folder, place, message) for message in messages]
        for place_in_batch, message in enumerate(messages, 1):
            refusal = self.server.refuse(message) or self._over_quota(messages[:place_in_batch])
            if refusal:
                raise self._refused(refusal.words, refusal.response_code)
        self.server.hook("before", "append", "/".join(folder))
        uids = [place.add(self._kept(message)) for message in messages]
        self.server.hook("after", "append", "/".join(folder))
        return [Stored(uid if self.server.uidplus else None) for uid in uids]

    def send(
        self, folder: FolderPath, messages: Sequence[NewMessage], confirm: Callable[[], None] = lambda: None
    ) -> Callable[[], Sequence[AppendResult]]:
        results = self.append(folder, messages, confirm)
        return lambda: results

    def close(self) -> None:
        """Nothing is kept open."""

    def _store(self, folder: FolderPath, place: MemoryFolder, message: NewMessage) -> AppendResult:
        refusal = self.server.refuse(message) or self._over_quota([message])
        if refusal:
            return refusal
        self.server.hook("before", "append", "/".join(folder))
        uid = place.add(self._kept(message))
        self.server.hook("after", "append", "/".join(folder))
        return Stored(uid if self.server.uidplus else None)

    def _over_quota(self, messages: Sequence[NewMessage]) -> Refusal | None:
        coming = sum(len(message.content) for message in messages)
        if not self.server.quota or self._held() + coming <= self.server.quota:
            return None
        return Refusal("[OVERQUOTA] Quota exceeded (mailbox for user is full)", "OVERQUOTA")

    def _held(self) -> int:
        folders = self.box.folders.values()
        return sum(len(message.content) for folder in folders for message in folder.messages.values())

    def _kept(self, message: NewMessage) -> NewMessage:
        return NewMessage(self.server.alter(bytes(message.content)), message.internaldate, message.flags)

    def _folder(self, folder: FolderPath, code: str = "NONEXISTENT") -> MemoryFolder:
        if folder not in self.box.folders:
            raise self._refused(f"[{code}] Mailbox doesn't exist: {'/'.join(folder)}", code)
        return self.box.folders[folder]

    def _refused(self, words: str, code: str) -> MailRefused:
        error = MailRefused(f"mail server {self.server.name} answered: {words}")
        error.response_code = code
        return error
