"""A mailbox of a lost server opened, whichever way that server kept its mail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from restore.model.mail import FolderPath
from restore.model.ports import Source, Unreadable
from restore.survey.maildir import Listing, Maildir, MaildirFolder, list_messages, read_maildir
from restore.survey.stored import StoredFolder, StoredMail


@dataclass(frozen=True, slots=True)
class MaildirStore:
    """Satisfies MailStore for a Maildir tree. Its many small files are read from `source` at once."""

    source: Source
    maildir: Maildir

    @property
    def folders(self) -> tuple[MaildirFolder, ...]:
        return self.maildir.folders

    @property
    def subscribed(self) -> tuple[FolderPath, ...]:
        return self.maildir.subscribed

    @property
    def refused(self) -> tuple[str, ...]:
        return self.maildir.refused

    @property
    def notes(self) -> tuple[str, ...]:
        return self.maildir.notes

    def listing(self, folder: StoredFolder) -> Listing:
        """Every message of cur/ and new/."""
        return list_messages(self.source, folder)

    def contents(
        self, folder: StoredFolder, messages: Sequence[StoredMail]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        """Each file as it lies there, packed ones packed."""
        for message in messages:
            yield self.source.stream(folder.path + b"/" + message.name)

    def close(self) -> None:
        """The source's connection is kept by who opened it."""


def open_maildir(source: Source, path: bytes) -> MaildirStore:
    """The Maildir tree at `path`. Raises MaildirMissing, and what the source raises."""
    return MaildirStore(source, read_maildir(source, path))
