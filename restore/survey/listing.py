"""Mailboxes and dumps of one copy of an old server, found by their paths alone: no tenant's file is opened."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors.walk import Entry, join
from restore.errors import SourceUnreadable
from restore.model.incident import OldServer
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.ports import Source
from restore.model.stores import MBOX, Store
from restore.model.survey import MailboxPlace
from restore.model.text import safe

# A dump may stand packed, its name longer by one of these.
PACKED = rb"(?:\.(?:gz|zst|xz|bz2))?"
SUFFIXES = (b"", b".gz", b".zst", b".xz", b".bz2")
SYSTEM_DATABASES = frozenset({"mysql", "information_schema", "performance_schema", "sys"})


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
            if layout.format == MBOX and not _stands(backup, path, listed):
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


def list_dumps(server: OldServer, backup: Source, notes: list[str]) -> Iterator[DumpFile]:
    """Every dump that the server's `dumps` pattern finds, plain or packed, newest of each database first."""
    found = []
    for path, names, listed in _dump_places(server, backup, notes):
        entry = listed or backup.lstat(path)
        if entry is None or entry.kind != "file":
            notes.append(f"{server.name}: {safe(path)} is not a regular file and is not read as a dump")
            continue
        if names["database"].lower() in SYSTEM_DATABASES:
            notes.append(f"{server.name}: {safe(path)} dumps a system database; it is not restored")
            continue
        print_of = Fingerprint(server.source, path, entry.size, entry.mtime, entry.inode)
        found.append(DumpFile(DatabaseId(server.name, names["database"]), print_of, copied=server.taken))
    yield from sorted(
        found,
        key=lambda dump: (
            dump.database,
            -dump.fingerprint.mtime,
            dump.fingerprint.path,
        ),
    )


def _dump_places(server: OldServer, backup: Source, notes: list[str]) -> Iterator[Place]:
    """What the `dumps` pattern fits, plain and packed; a folder is listed once."""
    for place in expand(backup, server.path.encode(), server.dumps, notes, PACKED):
        path, names, listed = place
        if listed is not None:
            yield place
            continue
        entries = [(path + suffix, backup.lstat(path + suffix)) for suffix in SUFFIXES]
        standing: list[Place] = [(one, names, entry) for one, entry in entries if entry is not None]
        yield from standing or [place]


Place = tuple[bytes, dict[str, str], Entry | None]


def expand(
    backup: Source, root: bytes, pattern: str, notes: list[str], ending: bytes = b""
) -> Iterator[Place]:
    """Paths under `root` that fit a pattern like "var/vmail/{domain}/{user}/Maildir", what each name stood
    for, and the entry where the last component was listed. Literal components are taken unlooked at; `ending` is a
    regular expression of what may follow a last component that is not literal."""
    parts = pattern.strip("/").split("/")
    found: list[Place] = [(root, {}, None)]
    for position, part in enumerate(parts):
        if "{" not in part:
            found = [(join(path, part.encode()), names, None) for path, names, _ in found]
            continue
        last = position == len(parts) - 1
        rule = re.compile(_rule(part).encode() + (ending if last else b""), re.DOTALL)
        found = [
            (join(path, entry.name), {**names, **values}, entry)
            for path, names, _ in found
            for entry, values in _matches(backup, path, rule, last, notes)
        ]
    yield from found


def _rule(part: str) -> str:
    pieces = re.split(r"\{([^}]*)\}", part)
    return "".join(
        rf"(?P<{piece}>[^/]+?)" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces)
    )


def _matches(
    backup: Source, folder: bytes, rule: re.Pattern[bytes], last: bool, notes: list[str]
) -> Iterator[tuple[Entry, dict[str, str]]]:
    try:
        entries = sorted(backup.list(folder), key=lambda entry: entry.name)
    except SourceUnreadable as error:
        notes.append(f"{safe(folder)}: {error.message}")
        return
    for entry in entries:
        match = rule.fullmatch(entry.name)
        if match is None:
            continue
        if not last and entry.kind != "folder":
            notes.append(
                f"{safe(join(folder, entry.name))} is a {entry.kind}, not a folder; it is not followed"
            )
            continue
        yield (
            entry,
            {key: value.decode("utf-8", "surrogateescape") for key, value in match.groupdict().items()},
        )
