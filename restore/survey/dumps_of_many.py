"""Files and folders that hold dumps of many databases: --all-databases dumps and mydumper's folders, database by
database."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from detectors.walk import Entry
from restore.errors import DumpDamaged, DumpRefused
from restore.model.incident import OldServer
from restore.model.mysql import SLICE, DatabaseId, DumpFile, Fingerprint, HeldDatabase
from restore.model.ports import Source
from restore.model.text import safe
from restore.survey.dump_folders import list_folder
from restore.survey.places import PACKED, SUFFIXES, Place, expand

# The database whose tables hold the old server's accounts.
ACCOUNTS = "mysql"
SYSTEM_DATABASES = frozenset({ACCOUNTS, "information_schema", "performance_schema", "sys"})
Inside = Callable[[Source, Fingerprint], Sequence[HeldDatabase]]


def list_dumps_of_many(
    server: OldServer, backup: Source, pattern: str, inside: Inside, notes: list[str]
) -> Iterator[DumpFile]:
    """Every database in what a pattern finds; of system databases `mysql` alone. `inside` tells what a file holds."""
    for path, _, entry in dump_places(server, backup, pattern, notes):
        if entry is None:
            notes.append(f"{server.name}: {safe(path)} is not there")
        elif entry.kind == "folder":
            yield from _known(list_folder(server, backup, path, notes))
        elif entry.kind == "file":
            yield from _known(_slices(server, backup, path, entry, inside, notes))
        else:
            notes.append(f"{server.name}: {safe(path)} is a {entry.kind}; it is not followed")


def dump_places(server: OldServer, backup: Source, pattern: str, notes: list[str]) -> Iterator[Place]:
    """What a pattern of dumps fits, plain and packed, with what stands there; a folder is listed once."""
    for place in expand(backup, server.path.encode(), pattern, notes, PACKED):
        path, names, listed = place
        if listed is not None:
            yield place
            continue
        entries = [(path + suffix, backup.lstat(path + suffix)) for suffix in SUFFIXES]
        standing: list[Place] = [(one, names, entry) for one, entry in entries if entry is not None]
        yield from standing or [place]


def _known(dumps: Iterator[DumpFile]) -> Iterator[DumpFile]:
    """Without the databases of the server itself, but for the one that holds its accounts."""
    yield from (
        one
        for one in dumps
        if one.database.name.lower() not in SYSTEM_DATABASES or one.database.name == ACCOUNTS
    )


def _slices(
    server: OldServer, backup: Source, path: bytes, entry: Entry, inside: Inside, notes: list[str]
) -> Iterator[DumpFile]:
    stamp = Fingerprint(server.source, path, entry.size, entry.mtime, entry.inode)
    try:
        held = inside(backup, stamp)
    except (DumpDamaged, DumpRefused) as trouble:
        notes.append(f"{server.name}: nothing of {safe(path)} can be used: {trouble.message}")
        return
    for one in held:
        if not one.name:
            notes.append(f"{server.name}: {safe(path)} names no database: state it by a pattern of `dumps`")
            continue
        if one.cut:
            notes.append(
                f"{server.name}: {safe(path)} is damaged in the database {safe(one.name)}; databases behind that place"
                " are not found"
            )
        yield DumpFile(
            DatabaseId(server.name, one.name), stamp, copied=server.taken, form=SLICE, held=one.bytes
        )
