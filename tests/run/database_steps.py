"""The steps of one database: its dump in a source in memory, any server as its target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from restore.model.facts import DatabaseLoaded, DatabaseSwitched
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.outcome import Done, Outcome, Partial, Unchanged
from restore.model.plan import Definer, LoadDatabase, SwitchDatabase, UndoSwitch
from restore.model.ports import DatabaseServer
from restore.run.database_switch import switch_database, undo_switch
from restore.run.databases import load_database
from restore.systems.staging import StagingFolder
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import File, MemorySource
from tests.memory.systems import GivenSystems

SHOP = DatabaseId("web1", "shop")
STAGING = "br_stage_0123456789abcdef0123"
MTIME = 1_767_323_045.0


def dump_file(path: bytes, data: bytes) -> DumpFile:
    """A dump of the shop in the backup."""
    return DumpFile(SHOP, Fingerprint("backup", path, len(data), MTIME))


@dataclass(slots=True)
class Steps:
    """Load, switch and undo of one database on `server`, from `files` of the backup."""

    server: DatabaseServer
    folder: Path
    files: Mapping[bytes, bytes]
    staging: str = STAGING
    definer: Definer | None = None
    office: Office = field(default_factory=Office)
    use_older: bool = False

    @property
    def systems(self) -> GivenSystems:
        source = MemorySource("backup", {path: File(data, MTIME) for path, data in self.files.items()})
        return GivenSystems(
            MemoryDesk(self.office), {"backup": source}, {}, {"db1": self.server}, StagingFolder(self.folder)
        )

    def load(self) -> Outcome:
        """Load the first file; the others are older dumps of the same database."""
        first, *others = (dump_file(path, data) for path, data in self.files.items())
        work = LoadDatabase(
            first,
            "alice",
            "db1",
            "shop",
            self.staging,
            tuple(others),
            "a@example.org",
            use_older=self.use_older,
        )
        return load_database("load/shop", work, self.systems)

    def switch(self, loaded: Outcome, replace: str | None = None) -> Outcome:
        """Switch on what `loaded` tells."""
        assert isinstance(loaded, Done | Partial), loaded
        fact = loaded.fact
        assert isinstance(fact, DatabaseLoaded)
        work = SwitchDatabase(
            SHOP,
            "alice",
            "db1",
            "shop",
            fact.staging,
            fact.tables,
            fact.objects,
            fact.charset,
            fact.collation,
            "a@example.org",
            self.definer,
            replace,
        )
        return switch_database("switch/shop", work, self.systems)

    def undo(self, switched: Outcome) -> Outcome:
        """Undo what `switched` tells."""
        fact = fact_of(switched)
        work = UndoSwitch(SHOP, "alice", "db1", "shop", fact.kept, fact.tables)
        return undo_switch("undo/shop", work, self.systems)


def fact_of(switched: Outcome) -> DatabaseSwitched:
    """What a switch read back."""
    assert isinstance(switched, Done | Unchanged), switched
    assert isinstance(switched.fact, DatabaseSwitched)
    return switched.fact
