"""What a restore needed for itself goes once nothing needs it; what it does not know as its own stays."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from detectors.cms.joomla import JOOMLA
from detectors.cms.wordpress import WORDPRESS
from restore.ledger.queue import ItemState
from restore.model.facts import DatabaseLoaded, StagingSwept
from restore.model.mysql import STAGING_PREFIX, DatabaseId
from restore.model.outcome import Answer, fact_of
from restore.model.plan import LoadDatabase, Plan
from restore.plan.ours import KEPT, LOAD, STAGING, Traces, read_load_key
from restore.plan.sweep import SweepPlan
from restore.wiring import Office as Coordinator
from tests.memory.database import MemorySchema
from tests.run.night import Moments, Night, bulk, bulk_again

HANK = "web1/database/hankdb"
STRANGE = f"{STAGING_PREFIX}0123456789abcdef0123"


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.examine.DETECTORS", (WORDPRESS, JOOMLA))
        patch.setattr(os, "fsync", lambda file: None)
        yield


def sweep(office: Coordinator) -> Plan:
    """What a whole `run` ends with."""
    return office.sweep_plan()


def staging(night: Night) -> list[str]:
    return sorted(
        name
        for server in night.databases.values()
        for name in server.schemas
        if name.startswith(STAGING_PREFIX) and name != STRANGE
    )


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night after which one database waits loaded for a person, beside a database that only looks like ours."""
    night = Night(tmp_path_factory.mktemp("night"))
    night.run(bulk)
    night.databases["db1"].schemas[STRANGE] = MemorySchema()
    assert len(staging(night)) == 1
    return night


def test_what_waits_for_a_person_is_not_swept(first: Night, tmp_path: Path) -> None:
    night = first.copy(tmp_path)
    before = staging(night)

    night.run(bulk)
    night.run(sweep)

    assert staging(night) == before


def test_what_a_person_keeps_or_drops_leaves_no_staging_database_however_often_it_is_cut(
    first: Night, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for choice in (Answer("", "", "keep"), None):
        settled = first.copy(tmp_path_factory.mktemp("night"))
        settled.settle({HANK: choice})
        settled.run(bulk)
        whole, moments = settled.copy(tmp_path_factory.mktemp("night")), Moments()
        whole.run(sweep, moments)
        assert (staging(whole), len(moments.names) > 8) == ([], True)

        for at in range(len(moments.names)):
            night = settled.copy(tmp_path_factory.mktemp("night"))
            night.run(sweep, Moments(at + 1))
            night.run(bulk)
            night.run(sweep)

            assert (at, staging(night), STRANGE in night.databases["db1"].schemas) == (at, [], True)
            assert night.open() == whole.open()


def test_what_is_wanted_after_all_is_loaded_afresh(first: Night, tmp_path: Path) -> None:
    night = first.copy(tmp_path)
    night.settle({HANK: Answer("", "", "keep")})
    night.run(sweep)
    assert staging(night) == []
    item = next(one.item for one in night.queue() if one.item.subject == HANK)
    replaced = item.candidates[1]
    night.decide(item.id, Answer(item.id, HANK, replaced.effect, replaced.value))

    ends = night.run(bulk)

    loaded = [fact for fact in map(fact_of, ends.values()) if isinstance(fact, DatabaseLoaded)]
    assert DatabaseId("web1", "hankdb") in [one.database for one in loaded]
    assert [one.state for one in night.queue() if one.item.subject == HANK] == [ItemState.DONE]
    assert staging(night) == []


def test_a_run_that_did_everything_again_and_was_cut_leaves_nothing_after_the_next_run(
    first: Night, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settled = first.copy(tmp_path_factory.mktemp("night"))
    settled.settle({HANK: None})
    moments = Moments()
    settled.copy(tmp_path_factory.mktemp("night")).run(bulk_again, moments, again=True)
    loading = [
        at for at, name in enumerate(moments.names) if name.startswith(("after insert", "after make staging"))
    ]

    for at in loading[::4]:
        night = settled.copy(tmp_path_factory.mktemp("night"))
        night.run(bulk_again, Moments(at + 1), again=True)
        assert staging(night) != []
        night.run(bulk)
        ends = night.run(sweep)

        assert (at, staging(night)) == (at, [])
        assert [fact.target for fact in map(fact_of, ends.values()) if isinstance(fact, StagingSwept)] == [
            "db1",
            "db2",
        ]


def test_a_load_says_by_its_key_what_its_databases_are_called(first: Night, tmp_path: Path) -> None:
    jobs: list[LoadDatabase] = []

    def look(office: Coordinator) -> Plan:
        plan = bulk(office)
        works = [(step.key, step.work) for job in plan.jobs for step in job.steps]
        for key, work in works:
            if isinstance(work, LoadDatabase):
                jobs.append(work)
                traces = Traces([key])
                found = traces.of(work.target, work.staging)
                kept = traces.of(work.target, work.staging.replace("br_stage_", "br_kept_") + "_0123456789ab")
                assert (found and (found.kind, found.database)) == (STAGING, work.dump.database)
                assert (kept and (kept.kind, kept.database)) == (KEPT, work.dump.database)
                assert (traces.of("elsewhere", work.staging), traces.of(work.target, STRANGE)) == (None, None)
        return plan

    first.copy(tmp_path).run(look)

    assert jobs


def test_a_database_name_with_slashes_is_read_from_its_key() -> None:
    assert read_load_key(f"{LOAD}web1/a/b/db1/0123456789ab") == (
        DatabaseId("web1", "a/b"),
        "db1",
        "0123456789ab",
    )


def test_a_sweep_is_planned_only_where_loads_were_made() -> None:
    plan = SweepPlan((), ["db1", "db2"], Traces(["load/web1/shop/db2/0123456789ab"]), ())

    assert [job.key for job in plan.jobs] == ["sweep/db2"]
