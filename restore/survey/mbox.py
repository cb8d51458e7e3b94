"""A tree of mbox files in a source: one file a folder, subfolders in folders, INBOX in it or elsewhere.

That is how UW-IMAP, Pine and Dovecot's mbox kept mail: ~/mail with a file for each folder, INBOX in /var/mail/USER or
in the file "inbox". https://doc.dovecot.org/2.3/configuration_manual/mail_location/mbox/
No lock is taken, as nothing is written; a file that changes while it is read is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from detectors.walk import Entry, join
from restore.errors import MailStoreMissing, SourceUnreadable
from restore.model.mail import INBOX, FolderPath
from restore.model.ports import Source, Unreadable
from restore.model.text import safe
from restore.survey.foldernames import decode_name
from restore.survey.maildir import DEEPEST, MOST_FOLDERS, NOT_FILE, SMALL_FILE, dovecot_lines
from restore.survey.mbox_file import MboxFile
from restore.survey.mbox_header import flags_of, presented
from restore.survey.mbox_scan import MboxMessage, Window, scan
from restore.survey.stored import StoredFolder, StoredMail

SUBSCRIPTIONS = (b".subscriptions", b"subscriptions", b".mailboxlist")
NEAR = 1 << 20
"""Bytes between two wanted messages that are read rather than leapt over."""
OPEN_FILES = 4


@dataclass(frozen=True, slots=True)
class MboxFolder:
    """One file of the tree, `path` below the source's root; `size` is that of the file as it lies there."""

    path: bytes
    folder: FolderPath
    size: int

    def fingerprint(self, message: StoredMail) -> str:
        """Hex; equal means: the same message of the same file, told by all that it shows."""
        parts = (self.path, message.unique, bytes(message.version), b"%d" % message.mtime)
        return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()

    def flags(self, message: StoredMail) -> tuple[frozenset[str], frozenset[str]]:
        """Its flags and keywords, and what cannot be carried over, each as a phrase for a note."""
        return flags_of(message.letters)


@dataclass(frozen=True, slots=True)
class MboxListing:
    """A file's messages in its order; `unreadable` are "path: reason" lines."""

    messages: tuple[MboxMessage, ...]
    unreadable: tuple[str, ...]


@dataclass(slots=True)
class MboxStore:
    """Satisfies MailStore for a tree of mbox files."""

    source: Source
    folders: list[MboxFolder] = field(default_factory=list)
    subscribed: tuple[FolderPath, ...] = ()
    lines: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    _opened: dict[bytes, MboxFile] = field(default_factory=dict)

    @property
    def refused(self) -> tuple[str, ...]:
        return tuple(self.lines)

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self.remarks)

    def listing(self, folder: StoredFolder) -> MboxListing:
        """Every message of a file, which is read to its end for that."""
        messages: list[MboxMessage] = []
        unreadable: list[str] = []
        file = self._file(folder)
        try:
            for found in scan(file.at, file.size):
                if isinstance(found, MboxMessage):
                    messages.append(found)
                else:
                    lost = f"its first {found.end:,} bytes belong to no mail: its beginning is damaged"
                    unreadable.append(f"{safe(folder.path)}: {lost}")
        except SourceUnreadable as error:
            behind = f"what stands behind message {len(messages):,} cannot be read: {error.message}"
            unreadable.append(f"{safe(folder.path)}: {behind}")
        if file.size and not messages and not unreadable and not _is_pseudo(file):
            unreadable.append(f'{safe(folder.path)}: no mbox: nothing in it begins with a "From " line')
        return MboxListing(tuple(messages), tuple(unreadable))

    def contents(
        self, folder: StoredFolder, messages: Sequence[StoredMail]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        """Messages of a file as a mail server shows them, each in chunks, to be read to their end before the next."""
        file = self._file(folder)
        window: Window | None = None
        for message in messages:
            if not isinstance(message, MboxMessage):
                raise TypeError(message)
            if window is None or not 0 <= message.start - window.base <= NEAR + len(window.data):
                window = Window(file.at(message.start), message.start)
            yield _content(window, message)

    def close(self) -> None:
        """Drop what was unpacked."""
        for file in self._opened.values():
            file.close()
        self._opened.clear()

    def _file(self, folder: StoredFolder) -> MboxFile:
        """Few are kept open: there may be thousands."""
        if folder.path not in self._opened:
            entry = self.source.lstat(folder.path)
            if entry is None or entry.kind != "file":
                raise SourceUnreadable(f"source {self.source.name}: {safe(folder.path)} is no file any more")
            while len(self._opened) >= OPEN_FILES:
                self._opened.pop(next(iter(self._opened))).close()
            self._opened[folder.path] = MboxFile(self.source, folder.path, entry.size)
        return self._opened[folder.path]

    def look(self, item: Entry, path: bytes, folder: FolderPath) -> None:
        """Take up a name of the tree: a file is a folder of mail, a folder a level of them."""
        if item.name.startswith((b".", b"dovecot.")) or item.name.endswith(b".lock"):
            return
        if item.kind not in ("file", "folder"):
            what = f"{NOT_FILE[item.kind]} where mail should be; not followed"
            self.lines.append(f"{safe(path)}: {what}")
        elif len(folder) > DEEPEST or len(self.folders) >= MOST_FOLDERS:
            what = f"not read: {MOST_FOLDERS:,} folders and {DEEPEST} levels are the limit"
            self.lines.append(f"{safe(path)}: {what}")
        elif item.kind == "file":
            self.folders.append(MboxFolder(path, folder, item.size))
        else:
            try:
                inside = self.source.list(path)
            except SourceUnreadable as error:
                self.lines.append(f"{safe(path)}: {error.message}")
                return
            for below in inside:
                self.look(below, join(path, below.name), (*folder, decode_name(below.name)))


def _is_pseudo(file: MboxFile) -> bool:
    """Whether the file begins as an mbox does, so that what it held was the server's own message alone."""
    return next(file.at(0), b"").startswith(b"From ")


def _content(window: Window, message: MboxMessage) -> Iterator[bytes]:
    window.skip(message.start)
    seen = hashlib.blake2b(digest_size=16)
    for chunk in presented(window.parts(message.start + message.raw)):
        seen.update(chunk)
        yield chunk
    if seen.digest() != message.version:
        raise SourceUnreadable("it changed while it was read")


def open_mbox(source: Source, path: bytes, inbox: bytes) -> MboxStore:
    """The tree of mbox files at `path`, and its INBOX where that is the file at `inbox` (b"": in the tree).

    Raises MailStoreMissing where neither stands there, and what the source raises.
    """
    store = MboxStore(source)
    entry = source.lstat(path) if path and path != inbox else None
    first = source.lstat(inbox) if inbox else None
    if first is not None:
        store.look(Entry(b"inbox", first.kind, first.size, first.mtime, first.inode), inbox, INBOX)
    top = source.list(path) if entry is not None and entry.kind == "folder" else ()
    if entry is not None and entry.kind != "folder":
        store.lines.append(f"{safe(path)}: a {entry.kind}, not a folder of mbox files; not followed")
    if first is None and not top and (entry is None or entry.kind != "folder"):
        found = "is not there" if entry is None else f"is a {entry.kind}, not a folder"
        raise MailStoreMissing(f"source {source.name}: {safe(path or inbox)} {found}")
    for item in top:
        if item.name not in SUBSCRIPTIONS:
            name = decode_name(item.name)
            is_inbox = name.upper() == "INBOX" and item.kind == "file"
            store.look(item, join(path, item.name), INBOX if is_inbox else (name,))
    store.folders.sort(key=lambda one: (one.folder != INBOX, one.folder, one.path))
    store.subscribed = _subscribed(store, path, top)
    return store


def _subscribed(store: MboxStore, root: bytes, top: Sequence[Entry]) -> tuple[FolderPath, ...]:
    known = {folder.folder for folder in store.folders}
    found: set[FolderPath] = set()
    for name in SUBSCRIPTIONS:
        if not any(item.name == name and item.kind == "file" for item in top):
            continue
        try:
            data = store.source.read(join(root, name), SMALL_FILE)
        except SourceUnreadable as error:
            store.remarks.append(f"subscriptions not read: {error.message}")
            continue
        for candidates, line in dovecot_lines(data):
            # UW-IMAP states them as seen from the home, with the folder they lie in.
            places = [*candidates, *(path[1:] for path in candidates if len(path) > 1)]
            place = next((path for path in places if path in known), None)
            if place is None:
                store.remarks.append(f"subscribed to {safe(line, 120)}, a folder the backup does not hold")
            else:
                found.add(place)
    return tuple(sorted(found))
