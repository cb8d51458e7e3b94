"""A damaged dump is a question that says what can be read of it; by consent that part goes on, never called whole."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from restore.model.facts import DatabaseLoaded, DumpVerified
from restore.model.incident import PARTIAL
from restore.model.mysql import Loaded
from restore.model.outcome import Answer, Done, Manual, ManualItem, Outcome, Partial
from restore.model.plan import LoadDatabase, VerifyDump
from restore.model.ports import SurvivingHash
from restore.model.survey import Decision, Survey
from restore.plan.bulk import BulkPlan
from restore.plan.databases import SALVAGE, path_text
from restore.report.expected import expected
from restore.report.hope import Hope
from restore.run.databases import load_database
from restore.run.verify_dumps import verify_dump
from tests.memory.database import MemoryDatabaseServer
from tests.plan.company import customer, incident, index
from tests.plan.company import dump as a_dump
from tests.run.database_steps import STAGING, Steps, dump_file
from tests.systems.dumps import HEAD, POSTS, dump

CUT = HEAD + POSTS + POSTS.replace(b"posts", b"more")[:-100]
ROWS = 5  # three of posts, two of more before the cut


def load(folder: Path, data: bytes, *, partial: bool) -> tuple[Outcome, MemoryDatabaseServer]:
    server = MemoryDatabaseServer("db1")
    steps = Steps(server, folder, {b"shop.sql": data})
    work = LoadDatabase(dump_file(b"shop.sql", data), "alice", "db1", "shop", STAGING, partial=partial)
    return load_database("load/shop", work, steps.systems), server


def asked(folder: Path, data: bytes) -> ManualItem:
    outcome, server = load(folder, data, partial=False)
    assert isinstance(outcome, Manual)
    assert server.schemas == {}
    (item,) = outcome.items
    return item


def test_a_cut_dump_is_a_question_that_offers_what_can_be_read(tmp_path: Path) -> None:
    item = asked(tmp_path, CUT)

    (candidate,) = item.candidates
    assert (candidate.effect, candidate.value) == (SALVAGE, "backup:shop.sql")
    assert candidate.label.endswith(f"2 tables, {ROWS} complete rows")
    assert any("table more, byte " in line and "cannot be known" in line for line in item.evidence)


def test_by_consent_the_complete_rows_are_loaded_and_each_loss_is_named(tmp_path: Path) -> None:
    outcome, server = load(tmp_path, CUT, partial=True)

    assert isinstance(outcome, Partial)
    assert isinstance(outcome.fact, DatabaseLoaded)
    assert sum(table.rows for table in outcome.fact.tables) == ROWS
    assert {table.name: table.rows for table in server.tables(STAGING)} == {"posts": 3, "more": 2}
    assert "the dump is damaged" in outcome.missing[0]
    assert "table more, byte " in outcome.missing[1]


def test_a_whole_dump_is_whole_whatever_was_agreed_to(tmp_path: Path) -> None:
    outcome, _ = load(tmp_path, dump(POSTS), partial=True)

    assert isinstance(outcome, Done)


def test_a_damaged_dump_of_another_database_is_no_part_of_this_one(tmp_path: Path) -> None:
    outcome, server = load(tmp_path, HEAD + b"USE `other`;\n" + POSTS[:-100], partial=True)

    assert isinstance(outcome, Manual)
    assert server.schemas == {}


def test_nothing_is_offered_where_nothing_can_be_read(tmp_path: Path) -> None:
    assert asked(tmp_path, HEAD[:200]).candidates == ()


class MemoryScratch:
    """Satisfies restore.model.ports.Scratch on a server in memory."""

    def load(self, tenant: str, dump: Iterable[bytes]) -> Loaded:
        return MemoryDatabaseServer("scratch").load(STAGING, dump)

    def hashes(self, dump: Iterable[bytes]) -> Sequence[SurvivingHash]:
        return ()


@pytest.mark.parametrize("partial", [True, False])
def test_a_verification_forecasts_what_a_run_brings(tmp_path: Path, partial: bool) -> None:
    steps = Steps(MemoryDatabaseServer("db1"), tmp_path / "verify", {b"shop.sql": CUT})
    systems = steps.systems
    systems.trial = MemoryScratch()
    work = VerifyDump(dump_file(b"shop.sql", CUT), "alice", "db1", partial=partial)
    verified = verify_dump("verify/load/shop", work, systems)
    run, _ = load(tmp_path / "run", CUT, partial=True)
    (told,) = expected("web1", "alice", "web1/shop", verified)

    assert isinstance(verified, Partial) and isinstance(run, Partial)
    assert isinstance(verified.fact, DumpVerified) and isinstance(run.fact, DatabaseLoaded)
    assert (verified.fact.tables, verified.fact.rows) == (2, sum(one.rows for one in run.fact.tables))
    assert verified.missing[1:] == run.missing[1:]
    assert told.hope is (Hope.PART if partial else Hope.LOST)


def loads(plan: BulkPlan) -> list[LoadDatabase]:
    return [step.work for job in plan.jobs for step in job.steps if isinstance(step.work, LoadDatabase)]


def test_an_answer_or_the_incident_file_lets_a_damaged_dump_go_live_in_part() -> None:
    held = index(customer("alice", "shop", "blog"), a_dump("shop"), a_dump("blog"))
    first = loads(BulkPlan(incident(), Survey(held)))[0]
    item = ManualItem(
        "x", "dump-damaged", "alice", f"{first.dump.database.server}/database/{first.name}", "?"
    )
    answer = Answer("x", item.subject, SALVAGE, path_text(first.dump))
    answered = loads(BulkPlan(incident(), Survey(held, (Decision(item, answer),))))
    servers = tuple(replace(one, damaged_dumps=PARTIAL) for one in incident().old_servers)
    stated = replace(incident(), old_servers=servers)

    assert not first.partial
    assert [work.partial for work in answered] == [work.name == first.name for work in answered]
    assert all(work.partial for work in loads(BulkPlan(stated, Survey(held))))


def test_an_answer_about_another_dump_says_nothing_of_this_one() -> None:
    held = index(customer("alice", "shop", "blog"), a_dump("shop"), a_dump("blog"))
    first = loads(BulkPlan(incident(), Survey(held)))[0]
    other = replace(first.dump, fingerprint=replace(first.dump.fingerprint, path=b"other.sql"))
    item = ManualItem(
        "x", "dump-damaged", "alice", f"{first.dump.database.server}/database/{first.name}", "?"
    )
    answer = Answer("x", item.subject, SALVAGE, path_text(other))

    assert not any(
        work.partial for work in loads(BulkPlan(incident(), Survey(held, (Decision(item, answer),))))
    )
