"""Folders that are dumps, told by the names in them alone: mydumper's, and those of mysqldump --tab."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors.walk import Entry, join
from restore.model.incident import OldServer
from restore.model.mydumper import METADATA, PARTIAL, databases_of, is_mydumper
from restore.model.mysql import MYDUMPER, TAB, DatabaseId, DumpFile, Fingerprint
from restore.model.ports import Source
from restore.model.text import safe

TAB_ROWS = re.compile(rb".+\.txt(?:\.(?:gz|zst|xz|bz2))?", re.DOTALL)
TAB_FILE = re.compile(rb".+\.(?:sql|txt)(?:\.(?:gz|zst|xz|bz2))?", re.DOTALL)


def list_folder(
    server: OldServer, backup: Source, folder: bytes, notes: list[str], database: str = ""
) -> Iterator[DumpFile]:
    """The dumps in a folder: of every database that mydumper wrote there, or of `database` as --tab did. With
    `database`, no other one's."""
    entries = {entry.name: entry for entry in backup.list(folder) if entry.kind == "file"}
    if is_mydumper(entries):
        for name, files in databases_of(entries).items():
            text = name.decode("utf-8", "surrogateescape")
            if database and text != database:
                notes.append(
                    f"{server.name}: {safe(folder)} holds {safe(text)} too, which is not what it is named for"
                )
                continue
            wanted = [*files, *(one for one in (METADATA, PARTIAL) if one in entries)]
            yield _dump(server, folder, text, [entries[one] for one in wanted], MYDUMPER)
    elif database and any(map(TAB_ROWS.fullmatch, entries)):
        yield _dump(
            server, folder, database, [one for one in entries.values() if TAB_FILE.fullmatch(one.name)], TAB
        )
    else:
        notes.append(
            f"{server.name}: {safe(folder)} is a folder that neither mydumper nor mysqldump --tab wrote"
        )


def _dump(server: OldServer, folder: bytes, database: str, entries: list[Entry], form: str) -> DumpFile:
    if form == TAB:
        entries.sort(key=lambda entry: entry.name)
    parts = tuple(
        Fingerprint(server.source, join(folder, one.name), one.size, one.mtime, one.inode) for one in entries
    )
    whole = Fingerprint(
        server.source,
        folder,
        sum(part.size for part in parts),
        max((part.mtime for part in parts), default=0.0),
    )
    return DumpFile(
        DatabaseId(server.name, database),
        whole,
        copied=server.taken,
        form=form,
        parts=parts,
        charset=server.tab_charset if form == TAB else "",
    )
