"""slice: one database or table out of a dump file."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from restore.errors import BadUse, StateUnwritable
from restore.model.text import safe
from restore.report.layout import table
from restore.systems.slices import SlicedDump, sliced
from restore.verbs.screen import DONE, Screen, incident_of

FOLDER = "indexes"
SHOWN = 200


def slice(options: Namespace, screen: Screen) -> int:
    """Write what was asked for to a new file, 0600; without one, list what the dump holds."""
    path = Path(options.dump)
    try:
        folder = Path(incident_of(options).state) / FOLDER
        dump = sliced(path, folder, recompress=options.recompress)
    except OSError as error:
        raise BadUse(f"{safe(options.dump)} cannot be read: {error.strerror}") from error
    if options.output is None:
        _list(dump, screen)
        return DONE
    database = _database(dump, options)
    size = _write(dump, database, options)
    if screen.as_json:
        screen.document({"database": database, "table": options.table, "bytes": size, "seeks": dump.seeks})
    else:
        screen.say(f"{size:,} bytes written to {safe(options.output)}; {_way(dump)}")
    return DONE


def _way(dump: SlicedDump) -> str:
    if dump.copied:
        return "read by seeking in the seekable copy that --recompress keeps"
    if dump.seeks:
        return "read by seeking"
    return "it is packed in one piece, so it was read from its start (--recompress keeps a seekable copy)"


def _database(dump: SlicedDump, options: Namespace) -> str:
    names = dump.index.databases
    if options.database is None and len(names) == 1:
        return names[0]
    if options.database is None:
        raise BadUse(f"{safe(options.dump)} holds {len(names):,} databases: say which, by --database")
    name = str(options.database)
    if not dump.index.parts(name, options.table):
        what = (
            f"no table {safe(options.table)} of {safe(name)}"
            if options.table
            else f"no database {safe(name)}"
        )
        raise BadUse(f"{safe(options.dump)} holds {what}; `slice` without --output lists what it holds")
    return name


def _write(dump: SlicedDump, database: str, options: Namespace) -> int:
    size = 0
    try:
        made = os.open(options.output, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with open(made, "wb") as out:
            for chunk in dump.read(database, options.table):
                size += out.write(chunk)
    except FileExistsError as error:
        raise BadUse(f"{safe(options.output)} is there already; it was left as it is") from error
    except OSError as error:
        raise StateUnwritable(f"{safe(options.output)}: {error.strerror}") from error
    return size


def _list(dump: SlicedDump, screen: Screen) -> None:
    sizes: dict[tuple[str, str], int] = {}
    for one in dump.index.stretches:
        if one.database is not None:
            key = (one.database, one.table)
            sizes[key] = sizes.get(key, 0) + one.end - one.start
    if screen.as_json:
        screen.document(
            {"held": [{"database": d, "table": t, "bytes": size} for (d, t), size in sizes.items()]}
        )
        return
    rows = [
        (safe(d) or "-", safe(t) or "(objects)", f"{size:,}") for (d, t), size in list(sizes.items())[:SHOWN]
    ]
    screen.say(*table(rows, ("database", "table", "bytes")))
    if len(sizes) > SHOWN:
        screen.say(f"and {len(sizes) - SHOWN:,} more: --json lists all")
