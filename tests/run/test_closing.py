"""The end of an incident: all that it made for its own use is gone, whatever cut its closing; its ledger stays."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from detectors.cms.joomla import JOOMLA
from detectors.cms.wordpress import WORDPRESS
from detectors.finding import Secret
from restore.errors import DatabaseRefused
from restore.ledger.traces import facts_ever
from restore.ledger.vault import Vault
from restore.model.facts import DatabaseSwitched
from restore.model.mysql import AccountName, DatabaseId, state_digest
from restore.model.outcome import Answer
from restore.plan.ours import LOAD, SWITCH, Traces, stand_in
from restore.run.closing import close_incident, parts, standing
from tests.memory.cut import Cut
from tests.memory.database import MemoryAccount, MemorySchema
from tests.run.night import Moments, Night, bulk, undo
from tests.run.wreck import live_databases

SHOP = DatabaseId("web1", "shop")
STRANGE = "br_kept_0123456789abcdef0123"
HANKS = state_digest(live_databases()["db1"].tables("hankdb"))


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.examine.DETECTORS", (WORDPRESS, JOOMLA))
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="module")
def over(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night after which a kept database, an undone one and a staging one stand on the servers."""
    night = Night(tmp_path_factory.mktemp("night"))
    night.run(bulk)
    night.settle({"web1/database/hankdb": Answer("", "", "replace", HANKS)})
    night.run(bulk)
    night.run(undo(SHOP))
    night.databases["db1"].schemas[STRANGE] = MemorySchema()
    for database in ("shop", "hankdb"):
        night.databases["db1"].accounts[stand_in(database)] = MemoryAccount(b"")
    night.databases["db1"].accounts[stand_in("hankdb")].databases.add("hankdb")
    night.databases["db1"].schemas["hankdb"].objects["view", "mine"] = stand_in("hankdb")
    left = night.copy(tmp_path_factory.mktemp("night"))
    moments = Moments()
    night.copy(tmp_path_factory.mktemp("night")).run(bulk, moments, again=True)
    at = next(at for at, name in enumerate(moments.names) if name == "after insert")
    left.run(bulk, Moments(at + 1), again=True)
    return left


def ours(night: Night) -> list[str]:
    return sorted(
        name
        for server in night.databases.values()
        for name in server.schemas
        if name.startswith("br_") and name != STRANGE
    )


def idle(night: Night) -> set[AccountName]:
    """The locked accounts of ours that stand."""
    names = {stand_in(name) for name in ("shop", "hankdb")}
    return names & night.databases["db1"].accounts.keys()


def state_of(folder: Path) -> Path:
    """What a coordinator leaves in its state folder, beside the ledger."""
    state = folder / "state"
    vault = Vault.open(state, None)
    assert vault.put("answered password", Secret(b"of carol"))
    for part in ("staging", "journals", "cluster"):
        (state / part).mkdir()
        (state / part / "one").write_text("bytes of a tenant")
        (state / part / "two").write_text("bytes of a tenant")
    (state / "ledger.sqlite").write_text("stands for the ledger")
    return state


def close(night: Night, state: Path, moments: Moments) -> None:
    """One process that closes, to its end or its kill."""
    with night._ledger(moments) as ledger:
        night._watch(moments)
        connection = ledger._connection
        switched = [one for one in facts_ever(connection, SWITCH) if isinstance(one, DatabaseSwitched)]
        try:
            traces = Traces(ledger.step_keys(LOAD), switched)
            assert standing(night.databases, traces)[1] == (f"db1/{STRANGE}",)
            for _ in close_incident(ledger, night.databases, traces, state, "done"):
                moments.one("told")
        except Cut:
            assert moments.cut_at


def test_a_closing_cut_anywhere_is_finished_by_the_next(
    over: Night, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def removing(moments: Moments) -> None:
        """A kill in the middle of a folder leaves half of it."""

        def remove(path: Path) -> None:
            moments.one("before removing", path.name)
            next(iter(path.iterdir())).unlink()
            moments.one("amid removing", path.name)
            rmtree(path)

        monkeypatch.setattr("shutil.rmtree", remove)

    rmtree: Callable[[Path], None] = shutil.rmtree
    assert [name.split("_")[1] for name in ours(over)] == ["kept", "stage", "undone"]
    template = state_of(tmp_path_factory.mktemp("template"))
    whole, moments = over.copy(tmp_path_factory.mktemp("night")), Moments()
    removing(moments)
    close(whole, Path(shutil.copytree(template, whole.folder / "state")), moments)
    assert (ours(whole), parts(whole.folder / "state"), len(moments.names) > 25) == ([], (), True)

    for at in range(len(moments.names)):
        night = over.copy(tmp_path_factory.mktemp("night"))
        state = Path(shutil.copytree(template, night.folder / "state"))
        cut = Moments(at + 1)
        removing(cut)
        close(night, state, cut)
        again = Moments()
        removing(again)
        close(night, state, again)

        assert (at, ours(night), parts(state)) == (at, [], ())
        assert sorted(path.name for path in state.iterdir()) == ["ledger.sqlite"]
        assert STRANGE in night.databases["db1"].schemas
        assert idle(night) == {stand_in("hankdb")}
        with night._ledger(Moments()) as ledger:
            assert ledger.ending().startswith("the incident was closed by ada")


def test_a_database_that_stands_after_its_drop_is_not_called_gone(over: Night, tmp_path: Path) -> None:
    night = over.copy(tmp_path)
    state = state_of(night.folder)
    for server in night.databases.values():
        server.drop_kept = lambda name: None  # type: ignore[method-assign]

    with pytest.raises(DatabaseRefused, match="still stands"):
        close(night, state, Moments())

    with night._ledger(Moments()) as ledger:
        assert ledger.ending().startswith("the incident is being closed")
    assert "vault" in parts(state)
