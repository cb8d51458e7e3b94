"""Which databases on a target this incident made: told by the ledger's step keys and facts, never by a prefix alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from restore.model.facts import DatabaseSwitched
from restore.model.mysql import (
    KEPT_PREFIX,
    STAGING_PREFIX,
    UNDONE_PREFIX,
    AccountName,
    DatabaseId,
    TableState,
    state_digest,
)

LOAD, SWITCH = "load/", "switch/"
STAGING, KEPT, UNDONE = "staging", "kept", "undone"
# A load's key ends with the first 12 of the 20 digits in the names of its staging and kept databases (databases.py).
MARKED = re.compile(
    rf"(?P<prefix>{STAGING_PREFIX}|{KEPT_PREFIX})(?P<mark>[0-9a-f]{{12}})[0-9a-f]{{8}}(?:_[0-9a-f]{{12}})?"
)
STEMMED = re.compile(rf"(?P<stem>{UNDONE_PREFIX}[0-9a-f]{{20}})(?:_[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Trace:
    """A database that this incident made: `kind` is staging, kept or undone; `database` whose content it holds."""

    kind: str
    database: DatabaseId
    key: str = ""


class Traces:
    """What the ledger knows of the databases that this incident made, from the keys of all its loads and all its
    switch-ons that ever came through."""

    def __init__(self, loads: Iterable[str], switched: Iterable[DatabaseSwitched] = ()) -> None:
        self._marks: dict[tuple[str, str], Trace] = {}
        self._stems: dict[tuple[str, str], Trace] = {}
        for key in loads:
            database, target, mark = read_load_key(key)
            self._marks[target, mark] = Trace(STAGING, database, key)
        for fact in switched:
            stem = undone_stem(fact.database, fact.kept, fact.tables)
            self._stems[fact.target, stem] = Trace(UNDONE, fact.database)

    def of(self, target: str, name: str) -> Trace | None:
        """What that database on that target is; None where the ledger does not know it as this incident's."""
        if marked := MARKED.fullmatch(name):
            found = self._marks.get((target, marked["mark"]))
            if found is None or marked["prefix"] == STAGING_PREFIX:
                return found
            return Trace(KEPT, found.database, found.key)
        if stemmed := STEMMED.fullmatch(name):
            return self._stems.get((target, stemmed["stem"]))
        return None

    def marks(self, target: str) -> tuple[str, ...]:
        """The marks of all loads that this incident ever planned for that target."""
        return tuple(mark for place, mark in self._marks if place == target)

    def databases(self, target: str) -> tuple[str, ...]:
        """The names of all databases that were ever to go to that target, sorted."""
        return tuple(
            sorted({trace.database.name for (place, _), trace in self._marks.items() if place == target})
        )

    def key(self, target: str, mark: str) -> str:
        """The load of that mark."""
        return self._marks[target, mark].key


def read_load_key(key: str) -> tuple[DatabaseId, str, str]:
    """Database, target and mark of a load's key."""
    named, target, mark = key.removeprefix(LOAD).rsplit("/", 2)
    server, _, name = named.partition("/")
    return DatabaseId(server, name), target, mark


def stand_in(database: str) -> AccountName:
    """The locked account that defines a database's objects while its customer's own is not known."""
    digest = hashlib.sha256(database.encode("utf-8", "surrogateescape")).hexdigest()
    return AccountName(f"br_def_{digest[:8]}", "localhost")


def undone_stem(database: DatabaseId, kept: str, tables: Sequence[TableState]) -> str:
    """How the names begin of the databases to which an undo moves what was restored."""
    text = f"{database}\0{kept}\0{state_digest(tables)}"
    return UNDONE_PREFIX + hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:20]
