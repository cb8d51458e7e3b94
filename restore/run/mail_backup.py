"""The copies of one mailbox as one tree: folders, subscriptions, and which copy could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restore.errors import RestoreError, SourceUnreadable
from restore.model.mail import FolderPath
from restore.model.plan import RestoreMailbox
from restore.model.ports import Source, Systems
from restore.model.text import safe
from restore.run.mail_read import Item
from restore.survey.maildir import Maildir, list_messages, read_maildir


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies that could be read, in order of preference; `marks` tell their files apart. `subscribed` is as the
    first of them states it. `refused` are "path: reason" lines, `notes` free text."""

    maildirs: tuple[Maildir, ...]
    marks: tuple[str, ...]
    subscribed: tuple[FolderPath, ...]
    refused: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One folder of one copy, listed; `unreadable` are "path: reason" lines of what is no file in it."""

    folder: FolderPath
    items: tuple[Item, ...]
    unreadable: tuple[str, ...]


def read_copies(work: RestoreMailbox, systems: Systems) -> tuple[list[Source], Copies]:
    """The sources that could be read and their trees. A copy that cannot be read keeps no other out; where none can,
    raises what the first one raises."""
    places = [(work.source, work.path), *((copy.source, copy.path) for copy in work.also)]
    sources: list[Source] = []
    maildirs: list[Maildir] = []
    marks: list[str] = []
    refused: list[str] = []
    first_error: RestoreError | None = None
    for rank, (name, path) in enumerate(places, 1):
        try:
            source = systems.source(name)
            maildirs.append(read_maildir(source, path))
        except RestoreError as error:
            first_error = first_error or error
            refused.append(f"copy {rank} of {len(places)} is not merged: {error.message}")
            continue
        sources.append(source)
        marks.append(f"{name}/{safe(path)}:" if work.also else "")
    if first_error is not None and not maildirs:
        raise first_error
    refused += [line for maildir in maildirs for line in maildir.refused]
    notes = [note for maildir in maildirs for note in maildir.notes]
    if work.origin:
        notes.insert(0, work.origin)
    return sources, Copies(
        tuple(maildirs), tuple(marks), maildirs[0].subscribed, tuple(refused), tuple(dict.fromkeys(notes))
    )


def list_parts(sources: Sequence[Source], copies: Copies) -> tuple[list[Part], list[str]]:
    """Every folder of every copy, and a line for each that could not be listed."""
    parts, lost = [], []
    for rank, maildir in enumerate(copies.maildirs):
        for folder in maildir.folders:
            try:
                listing = list_messages(sources[rank], folder)
            except SourceUnreadable as error:
                lost.append(f"folder {safe('/'.join(folder.folder))}: {error.message}")
                continue
            items = tuple(Item(folder, message, rank, copies.marks[rank]) for message in listing.messages)
            parts.append(Part(folder.folder, items, listing.unreadable))
    return parts, lost
