"""What a mailbox of a lost server looks like, whichever way that server kept its mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from restore.model.mail import FolderPath
from restore.model.ports import Unreadable


class StoredMail(Protocol):
    """A message as its store lists it. What is one message in several copies of a mailbox has one `unique`; equal
    `version`s of it are taken to hold the same content without being read."""

    @property
    def name(self) -> bytes:
        """Where it lies below its folder, for people and for a source."""

    @property
    def size(self) -> int:
        """Its size in bytes."""

    @property
    def mtime(self) -> int:
        """Its INTERNALDATE in epoch seconds."""

    @property
    def unique(self) -> bytes:
        """Its name in every copy of the folder."""

    @property
    def letters(self) -> str:
        """Its flags and keywords as its store writes them."""

    @property
    def version(self) -> int | bytes:
        """Differs where two messages of one name differ."""


class StoredFolder(Protocol):
    """One folder of a store; `path` is where it lies, for people and for a source."""

    @property
    def path(self) -> bytes:
        """Where it lies."""

    @property
    def folder(self) -> FolderPath:
        """Its name."""

    def fingerprint(self, message: StoredMail) -> str:
        """Hex; equal means: the same message of the same folder, unchanged."""

    def flags(self, message: StoredMail) -> tuple[frozenset[str], frozenset[str]]:
        """Its flags and keywords, and what cannot be carried over, each as a phrase for a note."""


class Listed(Protocol):
    """A folder's messages, oldest first; `unreadable` are "path: reason" lines, one for each that is none."""

    @property
    def messages(self) -> Sequence[StoredMail]:
        """Those that can be read."""

    @property
    def unreadable(self) -> tuple[str, ...]:
        """Those that cannot."""


class MailStore(Protocol):
    """One copy of a mailbox, to be read alone. Raises what its source raises; SourceUnreadable concerns one folder or
    message, all else the whole copy."""

    @property
    def folders(self) -> Sequence[StoredFolder]:
        """Every folder, INBOX first."""

    @property
    def subscribed(self) -> tuple[FolderPath, ...]:
        """The folders its owner subscribed."""

    @property
    def refused(self) -> tuple[str, ...]:
        """ "path: reason" lines of what is not looked into."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks."""

    def listing(self, folder: StoredFolder) -> Listed:
        """Every message of one of its folders."""

    def contents(
        self, folder: StoredFolder, messages: Sequence[StoredMail]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        """Messages of a folder in the order given, each in chunks, to be read to their end before the next."""

    def close(self) -> None:
        """Give back what it holds open."""
