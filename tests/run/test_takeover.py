"""Views and triggers made before a login was known come to its account once a person has stated it."""

from __future__ import annotations

from pathlib import Path

from restore.errors import ObjectRefused
from restore.model.mysql import AccountName
from restore.model.plan import CreateAccount
from restore.plan.ours import stand_in
from restore.run.takeover import take_over_objects
from restore.systems.staging import StagingFolder
from tests.memory.database import MemoryDatabaseServer, MemorySchema
from tests.memory.desk import MemoryDesk, Office
from tests.memory.systems import GivenSystems

BERT = AccountName("bert", "localhost")
OTHER = AccountName("agency", "localhost")
WORK = CreateAccount(
    "web1", "bert", BERT, "db1", ("shop", "blog"), None, "backup", b"home/bert", (), "answered"
)


def company(folder: Path) -> tuple[MemoryDatabaseServer, GivenSystems]:
    server = MemoryDatabaseServer("db1")
    objects = {("view", "titles"): stand_in("shop"), ("trigger", "stamp"): OTHER}
    server.schemas |= {"shop": MemorySchema(objects=objects), "blog": MemorySchema()}
    desk = MemoryDesk(Office())
    return server, GivenSystems(desk, {}, {}, {"db1": server}, StagingFolder(folder))


def test_only_what_the_stand_in_defines_comes_to_the_customers_account(tmp_path: Path) -> None:
    server, systems = company(tmp_path)

    notes = take_over_objects("account/1", WORK, systems)

    assert notes == ()
    assert server.schemas["shop"].objects == {("view", "titles"): BERT, ("trigger", "stamp"): OTHER}


def test_what_cannot_come_over_stays_and_is_said(tmp_path: Path) -> None:
    server, systems = company(tmp_path)

    def refuse(database: str, old: AccountName, new: AccountName) -> None:
        raise ObjectRefused("view titles cannot be created: no such function")

    server.redefine = refuse  # type: ignore[method-assign]

    (note,) = take_over_objects("account/1", WORK, systems)

    assert ("no such function" in note, server.defined_by("shop", stand_in("shop"))) == (
        True,
        ("view titles",),
    )
