"""One answer that fits many: a taught rule, a prefix; shown with all it would change before anything is recorded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from restore.incident import read_incident
from restore.ledger.events import Asked
from restore.ledger.reading import Reading
from restore.model.outcome import ManualItem
from restore.model.plan import LookSite
from restore.model.survey import Survey
from restore.plan.bulk import BulkPlan
from restore.plan.question import item_id
from restore.survey.index import read_index
from restore.wiring import open_source
from tests.verbs.conftest import Desk, write

PLACES = ("--file", "inc/db.php", "--host", "$h", "--user", "$u", "--password", "$p", "--database", "$d")
SECRETS = ("hush-alice", "hush-bert", "hush-carl")


def config(user: str, password: str, database: str) -> str:
    return f"<?php $h = 'localhost'; $u = '{user}'; $p = '{password}'; $d = '{database}';\n"


def no_login(server: str, customer: str, database: str) -> ManualItem:
    subject = f"{server}/database/{database}"
    return ManualItem(item_id("no-login", subject), "no-login", customer, subject, "Which login?")


ALICE, BERT = no_login("web1", "alice", "alice_app"), no_login("web1", "bert", "bert_app")


@pytest.fixture
def taught(desk: Desk, tmp_path: Path) -> Desk:
    """Three customers whose sites are of one framework; carl's names a database of alice's."""
    web1 = tmp_path / "web1"
    rows = [f"{name},home/{name},{name}.example,,{name}_app,," for name in ("alice", "bert", "carl")]
    header = "customer,home,domains,mailboxes,databases,contact,phone"
    stated = {"alice": "alice_app", "bert": "bert_app", "carl": "alice_app"}
    for name, database in stated.items():
        inc = web1 / "home" / name / "www" / "inc"
        inc.mkdir(parents=True)
        (inc / "db.php").write_text(config(f"{name}_u", f"hush-{name}", database))
    (web1 / "customers.csv").write_text("\n".join([header, *rows]) + "\n")
    dumps = web1 / "var" / "backups" / "mysql"
    dumps.mkdir(parents=True)
    for name in ("alice_app", "bert_app", "carl_app", "shop_one", "shop_two"):
        (dumps / f"{name}.sql").write_text("-- MySQL dump\n-- Dump completed\n")
    write(desk.state, [], [Asked(ALICE), Asked(BERT)])
    return desk


def claims(desk: Desk) -> list[tuple[str, str, str]]:
    """The (customer, user, system) of what the next look reads, by what the ledger keeps."""
    incident = read_incident(desk.incident)
    with Reading.open(desk.state) as reading:
        decisions = reading.queue().decisions()
    homes = BulkPlan(
        incident, Survey(read_index(incident, lambda name: open_source(incident.sources[0], 1)), decisions)
    )
    rules = {job.customer: step.work.rules for job in homes.jobs for step in job.steps
             if isinstance(step.work, LookSite)}  # fmt: skip
    return [(name, rule.file, rule.user) for name, taught in sorted(rules.items()) for rule in taught]


def test_the_preview_shows_what_would_be_read_settled_and_contradicted_and_records_nothing(
    taught: Desk,
) -> None:
    ended = taught("queue", "teach", "--all", *PLACES, "--preview", "--json")

    document = ended.document
    assert ended.code == 3
    assert [(one["customer"], one["user"], one["password"]) for one in document["reads"]] == [
        ("alice", "alice_u", "***"),
        ("bert", "bert_u", "***"),
        ("carl", "carl_u", "***"),
    ]
    assert {one["id"] for one in document["settles"]} >= {ALICE.id, BERT.id}
    assert [(one["cause"], one["customer"]) for one in document["raises"]] == [("foreign-database", "carl")]
    assert not any(secret in ended.out + ended.err for secret in SECRETS)
    assert taught.states()[ALICE.id] == "open"
    assert claims(taught) == []


def test_what_was_taught_is_read_by_the_next_look_and_closes_what_it_settles(taught: Desk) -> None:
    ended = taught("queue", "teach", ALICE.id, *PLACES, "--yes")

    assert ended.code == 0
    assert taught.states()[ALICE.id] == "done"
    assert taught.states()[BERT.id] == "open"
    assert claims(taught) == [("alice", "inc/db.php", "$u")]


def test_a_rule_is_carried_to_another_incident_as_text_and_taken_back_by_dropping_it(
    taught: Desk, tmp_path: Path
) -> None:
    taught("queue", "teach", "--all", *PLACES, "--yes")
    carried = tmp_path / "rules.toml"
    carried.write_text(taught("queue", "rules").out)
    (item,) = (id_ for id_ in taught.states() if id_ in carried.read_text())
    taught("queue", "drop", item, "--reason", "another framework")

    assert claims(taught) == []
    assert taught("queue", "teach", "--from", str(carried), "--yes").code == 0
    assert [name for name, _, _ in claims(taught)] == ["alice", "bert", "carl"]


def test_a_rule_that_fits_no_site_is_not_recorded(taught: Desk) -> None:
    ended = taught("queue", "teach", "--all", *("--file", "nope.php", *PLACES[2:]), "--yes")

    assert ended.code == 2
    assert "no site fits" in ended.err
    assert claims(taught) == []


def test_nothing_is_taught_where_the_operator_says_no(taught: Desk, typed: Callable[[str], None]) -> None:
    typed("n")

    taught("queue", "teach", "--all", *PLACES)

    assert claims(taught) == []


def test_a_prefix_gives_away_what_nobody_owns_and_nothing_else(taught: Desk) -> None:
    ended = taught("queue", "own", "--prefix", "shop_", "--customer", "alice", "--yes", "--json")
    taught("queue", "own", "--prefix", "bert_", "--customer", "alice", "--yes")

    incident = read_incident(taught.incident)
    with Reading.open(taught.state) as reading:
        decisions = reading.queue().decisions()
    survey = Survey(read_index(incident, lambda name: open_source(incident.sources[0], 1)), decisions)
    loads = {
        job.key.split("/")[2]: job.customer
        for job in BulkPlan(incident, survey).jobs
        if job.kind == "database"
    }
    settled = {one["subject"] for one in ended.document["settles"]}
    assert settled == {"web1/database/shop_one", "web1/database/shop_two"}
    assert loads["shop_one"] == loads["shop_two"] == "alice"
    assert loads["bert_app"] == "bert"
