"""The copies of one mailbox as one tree: folders, subscriptions, and which copy could not be read."""

from __future__ import annotations

from dataclasses import dataclass

from restore.errors import OldMailboxMissing, RestoreError, SourceUnreadable
from restore.model.mail import FolderPath
from restore.model.plan import RestoreMailbox
from restore.model.ports import Systems
from restore.model.text import safe
from restore.run.mail_read import Item
from restore.survey.mail_stores import open_store
from restore.survey.stored import MailStore


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies that could be read, in order of preference; `marks` tell their files apart. `subscribed` is as the
    first of them states it. `refused` are "path: reason" lines, `notes` free text."""

    stores: tuple[MailStore, ...]
    marks: tuple[str, ...]
    subscribed: tuple[FolderPath, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]

    def close(self) -> None:
        """Give back what the copies hold open."""
        for store in self.stores:
            store.close()


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of one copy, listed; `unreadable` are "path: reason" lines of what is no file in it."""

    folder: FolderPath
    items: tuple[Item, ...]
    unreadable: tuple[str, ...]


def read_copies(work: RestoreMailbox, systems: Systems) -> Copies:
    """The copies that could be read. One that cannot be read keeps no other out; where none can, raises what the first
    one raises."""
    places = [(work.source, work.path, work.store)]
    places += [(copy.source, copy.path, copy.store) for copy in work.also]
    stores: list[MailStore] = []
    marks: list[str] = []
    refused: list[str] = []
    notes: list[str] = []
    first_error: RestoreError | None = None
    for rank, (name, path, store) in enumerate(places, 1):
        try:
            stores.append(open_store(systems, name, path, work.mailbox.address, store))
        except OldMailboxMissing as error:
            first_error = first_error or error
            notes.append(error.message)
            continue
        except RestoreError as error:
            first_error = first_error or error
            refused.append(f"copy {rank} of {len(places)} is not merged: {error.message}")
            continue
        marks.append(f"{name}/{safe(path)}:" if work.also else "")
    if first_error is not None and not stores:
        raise first_error
    refused += [line for store in stores for line in store.refused]
    notes += [note for store in stores for note in store.notes]
    if work.origin:
        notes.insert(0, work.origin)
    return Copies(
        tuple(stores), tuple(marks), stores[0].subscribed, tuple(refused), tuple(dict.fromkeys(notes))
    )


def list_parts(copies: Copies) -> tuple[list[Part], list[str]]:
    """Every folder of every copy, and a line for each that could not be listed."""
    parts, lost = [], []
    for rank, store in enumerate(copies.stores):
        for folder in store.folders:
            try:
                listing = store.listing(folder)
            except SourceUnreadable as error:
                lost.append(f"folder {safe('/'.join(folder.folder))}: {error.message}")
                continue
            items = tuple(Item(folder, message, rank, copies.marks[rank]) for message in listing.messages)
            parts.append(Part(folder.folder, items, listing.unreadable))
    return parts, lost
