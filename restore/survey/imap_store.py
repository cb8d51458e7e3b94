"""A mailbox that a lost server's mail server gives: folders and messages by UID, flags and dates as it states them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from restore.errors import MailRefused, MailStalled, MailUnreachable, SourceUnreadable
from restore.model.mail import INBOX, FolderPath
from restore.model.ports import MailReader, Unreadable
from restore.model.text import safe
from restore.survey.maildir import KEYWORD, SYSTEM_FLAGS
from restore.survey.stored import StoredFolder, StoredMail

FLAGS = {flag.upper(): flag for flag in SYSTEM_FLAGS.values()}
SESSION_ONLY = "\\RECENT"


class ImapMessage(NamedTuple):
    """A message as the server states it: its date in epoch seconds, its flags parted by spaces."""

    uidvalidity: int
    uid: int
    size: int
    mtime: int
    letters: str

    @property
    def name(self) -> bytes:
        """For people; sorts as the folder does."""
        return b"UID %010d" % self.uid

    @property
    def unique(self) -> bytes:
        """Its name on that server."""
        return b"%d.%d" % (self.uidvalidity, self.uid)

    @property
    def version(self) -> int:
        """A message never changes under its UID."""
        return self.size


@dataclass(frozen=True, slots=True)
class ImapFolder:
    """One folder; `path` is for people."""

    path: bytes
    folder: FolderPath

    def fingerprint(self, message: StoredMail) -> str:
        """Hex; equal means: the same UID of the same folder, with the same size and date."""
        parts = (self.path, message.unique, b"%d" % message.size, b"%d" % message.mtime)
        return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()

    def flags(self, message: StoredMail) -> tuple[frozenset[str], frozenset[str]]:
        """Its flags and keywords, and what cannot be carried over, each as a phrase for a note."""
        return _flags(message.letters)


@lru_cache(maxsize=4096)
def _flags(letters: str) -> tuple[frozenset[str], frozenset[str]]:
    kept, dropped = set(), set()
    for word in letters.split():
        if word.upper() in FLAGS:
            kept.add(FLAGS[word.upper()])
        elif KEYWORD.fullmatch(word):
            kept.add(word)
        elif word.upper() != SESSION_ONLY:
            dropped.add(f"flag {safe(word, 60)}, which is of its own server alone")
    return frozenset(kept), frozenset(dropped)


@dataclass(frozen=True, slots=True)
class ImapListing:
    """A folder's messages by UID."""

    messages: tuple[ImapMessage, ...]
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ImapStore:
    """Satisfies MailStore for a mailbox that is read by IMAP."""

    reader: MailReader
    folders: tuple[ImapFolder, ...]
    subscribed: tuple[FolderPath, ...]
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def listing(self, folder: StoredFolder) -> ImapListing:
        """Every message of a folder. Raises SourceUnreadable where the server refuses it, or dies of it."""
        with self._at(folder):
            state = self.reader.state(folder.folder)
            messages = tuple(
                ImapMessage(
                    state.uidvalidity, one.uid, one.size, one.internaldate, " ".join(sorted(one.flags))
                )
                for one in self.reader.held(folder.folder)
            )
        lacking = state.messages - len(messages)
        line = f"{safe(folder.path)}: {lacking:,} messages that its server counts there and does not list"
        return ImapListing(messages, (line,) if lacking > 0 else ())

    def contents(
        self, folder: StoredFolder, messages: Sequence[StoredMail]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        """Messages as the server gives them. Raises SourceUnreadable where the server refuses the folder, dies of it,
        or has made it anew."""
        with self._at(folder):
            validity = self.reader.state(folder.folder).uidvalidity
        wanted = []
        for message in messages:
            if not isinstance(message, ImapMessage):
                raise TypeError(message)
            if message.uidvalidity != validity:
                raise SourceUnreadable("its folder was made anew while it was read")
            wanted.append((message.uid, message.size))
        with self._at(folder):
            yield from self.reader.contents(folder.folder, wanted)

    @contextmanager
    def _at(self, folder: StoredFolder) -> Iterator[None]:
        """One damaged folder must not look like a server that is gone: only where that answers nothing else either is
        its error passed on."""
        try:
            yield
        except MailRefused as error:
            raise SourceUnreadable(error.message) from error
        except (MailUnreachable, MailStalled) as error:
            self.reader.folders()
            raise SourceUnreadable(f"{safe(folder.path)}: the server dies of it: {error.message}") from error

    def close(self) -> None:
        """Log out."""
        self.reader.close()


def open_imap(reader: MailReader, name: bytes) -> ImapStore:
    """A mailbox that is logged in to; `name` stands before its folders' names, for people. Raises what the server's
    errors are."""
    try:
        found = sorted(set(reader.folders()) | {INBOX}, key=lambda path: (path != INBOX, path))
        subscribed = tuple(sorted(path for path in reader.subscriptions() if path in found))
    except BaseException:
        reader.close()
        raise
    folders = tuple(
        ImapFolder(name + b"/" + "/".join(path).encode("utf-8", "replace"), path) for path in found
    )
    return ImapStore(reader, folders, subscribed, reader.refused)
