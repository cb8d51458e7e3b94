"""A backup server with a stock sshd's limits that is smothered in the middle of a run."""

from __future__ import annotations

from dataclasses import replace

from fixtures.company import Scale, WreckedCompany
from fixtures.servers.sshd import SshdOptions
from tests.live.program import Program, events
from tests.live.throng import Throng

SCALE = Scale(customers=12, messages=2, rows=2, files=0, copies=False)
STOCK = SshdOptions(max_startups="10:30:100", max_sessions=10, extra="LoginGraceTime 0")


def test_a_smothered_backup_server_slows_the_run_down_and_no_work_fails() -> None:
    with WreckedCompany(scale=SCALE, backup_options=STOCK) as company, Throng(company.backup) as throng:
        program = Program(company.write_incident(backup_port=throng.port, workers=4), impatient=True)
        with program.running("run", "--only", "mail", "--json") as running:
            assert running.until(
                lambda: len(events(company.state, "abandoned")) > 2, "steps to be put back"
            ), running.end()
            throng.leave()
            ended = running.end()

        steps = ended.document["steps"]
        assert (ended.code, steps["failed"], steps["abandoned"]) == (0, 0, 0), ended
        told = [one["text"] for one in program("log", "--kind", "abandoned", "--json").documents]
        assert all("put back, backup now has " in text for text in told)
        assert any("now has 1 slot(s)" in text for text in told)
        before = company.manifest
        company.manifest = replace(before, databases=(), accounts=(), manual=())
        company.manifest.save(company.folder / "manifest.json")
        assert company.prove().faults == ()
