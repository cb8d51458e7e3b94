"""A second shell asks a run under way for one customer, on real servers; either of the two is killed."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from fixtures.company import WreckedCompany
from restore.errors import CoordinatorGone
from restore.incident import read_incident
from restore.request import identify, socket_path
from restore.verbs.asking import Line
from tests.live.program import Program, events, wait_for


def order(company: WreckedCompany) -> list[tuple[str, str, str]]:
    """Kind, customer and operator of every event, in order."""
    with closing(sqlite3.connect(f"file:{company.state / 'ledger.sqlite'}?mode=ro", uri=True)) as ledger:
        return ledger.execute("SELECT kind, customer, operator FROM event ORDER BY seq").fetchall()


def asked(company: WreckedCompany, count: int) -> None:
    """Wait until so many requests were taken up."""
    wait_for(lambda: len(events(company.state, "requested")) >= count, f"{count} requests to be taken up")


@pytest.fixture
def program(fresh_company: WreckedCompany) -> Program:
    """The command."""
    return Program(fresh_company.incident, impatient=True)


def paused(company: WreckedCompany) -> None:
    """Pause the run that begins just now, as soon as it listens: before its first step."""
    incident = read_incident(str(company.incident))

    def asked() -> bool:
        try:
            with closing(Line(socket_path(company.state), incident, identify("test", {}))) as line:
                return bool(line.settle("pause", command="pause", reason="wait")["paused"])
        except CoordinatorGone:
            return False

    wait_for(asked, "the run to be paused")


def test_a_customer_asked_for_in_a_second_shell_is_back_before_the_bulk_though_another_asker_is_killed(
    fresh_company: WreckedCompany, program: Program
) -> None:
    company = fresh_company
    with program.running("run") as bulk:
        paused(company)
        added = program(
            "queue", "add", "--customer", "steinn", "--text", "where is it?", "--json", operator="bob"
        )
        claimed = program("queue", "claim", added.document["id"], operator="carol")
        assert (added.code, claimed.code) == (0, 0), (added, claimed)
        with program.running("run", "--customer", "erla", operator="dora") as first:
            asked(company, 1)
            first.kill()
        with program.running("run", "--customer", "steinn", "--reason", "he waits", operator="bob") as second:
            asked(company, 2)
            assert program("resume").code == 0
            ended = second.end()
        done = bulk.end()

    assert (ended.code, "0 question(s)" in ended.out) == (0, True), ended
    assert "erla" not in ended.out and "steinn_drupal is live" in ended.out
    told = order(company)
    last = max(at for at, one in enumerate(told) if one[1] == "steinn")
    assert any(kind in ("done", "partial") and who == "anna" for kind, who, _ in told[last:])
    assert ("asked", "steinn", "bob") in told and ("claimed", "steinn", "carol") in told
    assert ("requested", "steinn", "bob") in told and ("requested", "erla", "dora") in told
    assert [kind for kind, _, _ in told].count("request-ended") == 2
    assert (done.code, "bob asks" in done.err, "steinn_drupal is live" in done.out) == (3, True, True), done
    assert program("queue", "drop", added.document["id"], "--reason", "found").code == 0
    assert company.prove().faults == ()


@pytest.mark.long
def test_an_asker_whose_run_is_killed_carries_on_by_himself(
    fresh_company: WreckedCompany, program: Program
) -> None:
    company = fresh_company
    with program.running("run") as bulk:
        paused(company)
        assert "Paused by" in program("status").out
        with program.running("run", "--customer", "saga", operator="carol") as asker:
            asked(company, 1)
            bulk.kill()
            ended = asker.end()

    assert (ended.code, "Traceback" in ended.err) == (0, False), ended
    assert "load/web1/saga_drupal" in ended.out
    assert events(company.state, "started", "mail/web1/anna%") == []
    assert "r1.1" not in program("status").out
    assert program("run").code == 3
    assert company.prove().faults == ()
