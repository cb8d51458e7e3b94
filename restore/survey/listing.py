"""Mailboxes and dumps of one copy of an old server, found by their paths alone: no tenant's file is opened."""

from __future__ import annotations

from collections.abc import Iterator

from detectors.walk import Entry
from restore.model.incident import OldServer
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.ports import Source
from restore.model.stores import MAILDIR, Store
from restore.model.survey import MailboxPlace
from restore.model.text import safe
from restore.survey.dump_folders import list_folder
from restore.survey.dumps_of_many import SYSTEM_DATABASES, Inside, dump_places, list_dumps_of_many
from restore.survey.places import expand


def list_mailboxes(server: OldServer, backup: Source, notes: list[str]) -> Iterator[MailboxPlace]:
    """Every mailbox that the patterns of the server's mail layout find, by listing folders alone."""
    layout = server.mail_layout
    found: dict[str, MailboxPlace] = {}
    for pattern, is_inbox in ((layout.mailboxes, False), (layout.inbox, True)):
        for path, names, listed in expand(backup, server.path.encode(), pattern, notes) if pattern else ():
            address = f"{names['user']}@{names.get('domain', layout.domain)}"
            if any(ord(character) < 33 or 0xDC80 <= ord(character) <= 0xDCFF for character in address):
                notes.append(f"{server.name}: {safe(path)} is not the mailbox of any address")
                continue
            if layout.format != MAILDIR and not _stands(backup, path, listed):
                continue
            before = found.get(address)
            store = Store(layout.format, path if is_inbox else b"")
            place = MailboxPlace(
                MailboxId(server.name, address),
                before.path if before else path,
                server.source,
                server.kind,
                server.taken,
                store=store,
            )
            found[address] = place
    yield from found.values()


def _stands(backup: Source, path: bytes, listed: Entry | None) -> bool:
    """Whether mail may stand there: homes without any have none, and a lock is no mail."""
    return not path.endswith(b".lock") and (listed is not None or backup.lstat(path) is not None)


def list_dumps(
    server: OldServer, backup: Source, notes: list[str], inside: Inside | None = None
) -> Iterator[DumpFile]:
    """Every dump that the server's `dumps` and `more_dumps` patterns find, plain or packed, newest of each database
    first; of system databases `mysql` alone, where it lies among many. `inside` tells what a file of many holds."""
    found = [*_own_dumps(server, backup, server.dumps, notes)]
    for pattern in server.more_dumps:
        if "{database}" in pattern:
            found += _own_dumps(server, backup, pattern, notes)
        elif inside is not None:
            found += list_dumps_of_many(server, backup, pattern, inside, notes)
    yield from sorted(found, key=lambda dump: (dump.database, -dump.fingerprint.mtime, dump.fingerprint.path))


def _own_dumps(server: OldServer, backup: Source, pattern: str, notes: list[str]) -> Iterator[DumpFile]:
    """Those of one database each."""
    for path, names, entry in dump_places(server, backup, pattern, notes):
        name = names["database"]
        if entry is None or entry.kind not in ("file", "folder"):
            notes.append(f"{server.name}: {safe(path)} is not a regular file and is not read as a dump")
        elif name.lower() in SYSTEM_DATABASES:
            notes.append(f"{server.name}: {safe(path)} dumps a system database; it is not restored")
        elif entry.kind == "folder":
            yield from list_folder(server, backup, path, notes, name)
        else:
            stamp = Fingerprint(server.source, path, entry.size, entry.mtime, entry.inode)
            yield DumpFile(DatabaseId(server.name, name), stamp, copied=server.taken)
