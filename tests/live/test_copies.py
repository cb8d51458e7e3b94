"""A lost server in three copies: last night's backup, an older one, and the wreck, which is out of reach at first."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fixtures.company import Scale, WreckedCompany
from tests.live.program import Program, events, questions

SCALE = Scale(messages=2, rows=2, files=0)
STORIES = ("freyja", "sigrun", "bjartur", "una")
BOX, DATABASE, LATE = "freyja@freyjukettir.is", "freyja_j", "bjartur_wp"


def things(program: Program, customer: str) -> dict[str, dict[str, Any]]:
    """What the report says of a customer's things."""
    document = program("report", "--customer", customer, "--json").document
    found: dict[str, Any] = {one["thing"]: one for one in document["things"]}
    return found


def test_what_one_copy_lacks_or_holds_damaged_comes_from_the_next_and_a_broken_source_holds_nothing_up() -> (
    None
):
    with WreckedCompany(scale=SCALE) as company:
        program = Program(company.incident)
        away = company.wreck.rename(company.folder / "not mounted")

        without = program("run", "--customer", "freyja", "--json")

        assert (without.code, "goes on with its other copies" in without.err) == (1, True), without
        asked = program("queue", "list", "--json").document
        assert {one["cause"] for one in asked} == {"not-in-backup", "no-login"}
        assert events(company.state, "done", f"switch/web2/{DATABASE}/%")

        away.rename(company.wreck)
        only_theirs(company)
        whole = program("run", *(word for name in STORIES for word in ("--customer", name)), "--json")
        assert (whole.code, whole.document["steps"]["failed"]) == (3, 0), whole
        assert faults(company, program) == ()

        told = things(program, "freyja")
        assert any("from wreck, wreck" in note for note in told[BOX]["notes"]), told[BOX]
        assert any("from backup, backup of" in note for note in told[DATABASE]["notes"]), told[DATABASE]
        week_ago = (
            datetime.now(UTC).timestamp() - datetime.fromisoformat(told[DATABASE]["backup_of"]).timestamp()
        )
        assert 6.5 * 86400 < week_ago < 8 * 86400

        item = questions(program)["bjartur"]
        effects = [one["effect"] for one in item["candidates"]]
        assert (item["cause"], sorted(effects)) == ("dump-damaged", ["dump", "salvage"])
        older = effects.index("dump")
        assert "bytes" in item["candidates"][older]["label"]
        assert program("queue", "answer", item["id"], "--choose", str(older + 1)).code == 0
        assert program("run", "--customer", "bjartur", "--json").code in (0, 3)
        expect_restored(company, LATE)
        assert faults(company, program) == ()


def faults(company: WreckedCompany, program: Program) -> tuple[str, ...]:
    """The proof, without the questions that were asked while the wreck was away: a whole run settles these."""
    queue = company.folder / "queue.json"
    items = [one for one in program("queue", "list", "--json").document if one["customer"] != "freyja"]
    queue.write_text(json.dumps(items))
    return company.prove(queue).faults


def only_theirs(company: WreckedCompany) -> None:
    """Let the proof be about the customers whose stories these are."""
    before = company.manifest
    company.manifest = replace(
        before,
        mailboxes=tuple(one for one in before.mailboxes if one.customer in STORIES),
        databases=tuple(one for one in before.databases if one.customer in STORIES),
        accounts=tuple(one for one in before.accounts if one.customer in STORIES),
        manual=tuple(one for one in before.manual if one.customer in STORIES),
    )
    company.manifest.save(company.folder / "manifest.json")


def expect_restored(company: WreckedCompany, name: str) -> None:
    """What an answer has made restorable: a database with its account."""
    before = company.manifest
    company.manifest = replace(
        before,
        databases=tuple(
            replace(one, restorable=one.restorable or one.name == name) for one in before.databases
        ),
        accounts=tuple(
            replace(one, restorable=one.restorable or one.database == name) for one in before.accounts
        ),
        manual=tuple(one for one in before.manual if one.customer != "bjartur"),
    )
    company.manifest.save(company.folder / "manifest.json")
