"""A first look at a dump that is no file of its own: a part of a file of many, or a folder."""

from __future__ import annotations

import re

from restore.model.facts import DumpLooked
from restore.model.mydumper import METADATA
from restore.model.mysql import MYDUMPER, SLICE
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import LookDump
from restore.model.ports import Systems
from restore.model.text import safe
from restore.survey.dump_installs import installs_of

LARGEST = 4 << 20
FINISHED = re.compile(rb"^(?:# )?Finished dump at: *\d", re.MULTILINE)


def look_form(key: str, work: LookDump, systems: Systems) -> Outcome:
    """What index, names and metadata tell of it. Partial where mydumper says that it did not come to its end, and
    where only the load can tell. Raises what the source raises."""
    dump = work.dump
    where = safe(dump.fingerprint.path)
    complete, notes = (
        True,
        [f"one of the databases in {where}" if dump.form == SLICE else f"a folder: {where}"],
    )
    if dump.form == MYDUMPER:
        complete = _finished(work, systems)
        notes.append("mydumper came to its end" if complete else "mydumper did not come to its end")
    elif dump.form != SLICE:
        notes.append("whether each file is whole was not checked; the load reads it all")
    systems.progress(key)(0)
    fact = DumpLooked(
        dump.database,
        "mydumper" if dump.form == MYDUMPER else "",
        "",
        complete,
        dump.size,
        (*((work.origin,) if work.origin else ()), *notes),
        installs_of(key, dump, systems) if work.whole else (),
    )
    return Done(key, fact) if complete and dump.form != "tab" else Partial(key, fact, tuple(notes))


def _finished(work: LookDump, systems: Systems) -> bool:
    for part in work.dump.parts:
        if part.path.rpartition(b"/")[2] == METADATA:
            return bool(FINISHED.search(systems.source(part.source).read(part.path, LARGEST)))
    return False
