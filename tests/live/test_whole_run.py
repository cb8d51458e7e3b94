"""A whole restore as an operator lives it: look, plan, run, run again, settle what was asked, put back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from fixtures.company import Scale, WreckedCompany
from fixtures.company.manifest import AccountBefore, Expected
from tests.live.program import OPERATOR, Ended, Program, events, questions

SCALE = Scale(customers=13, messages=3, rows=4, files=1, copies=False)
MISTAKEN = "c00012"


@dataclass(frozen=True)
class Story:
    """A company, the program for it, and how its first verbs ended."""

    company: WreckedCompany
    program: Program
    ended: dict[str, Ended]

    def open_questions(self) -> dict[str, str]:
        return {customer: one["cause"] for customer, one in questions(self.program).items()}


def mistake_a_config(company: WreckedCompany) -> None:
    """One customer's config names a neighbour's database, though he has one of his own."""
    config = company.tree / "web1" / "home" / MISTAKEN / "public_html" / "wp-config.php"
    config.write_text(config.read_text().replace(f"'{MISTAKEN}_db'", "'wordpress'"))
    before = company.manifest
    company.manifest = replace(
        before,
        accounts=tuple(
            replace(one, restorable=one.restorable and one.customer != MISTAKEN) for one in before.accounts
        ),
        manual=(*before.manual, Expected(MISTAKEN, "foreign-database")),
    )
    company.manifest.save(company.folder / "manifest.json")


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with WreckedCompany(scale=SCALE) as company:
        mistake_a_config(company)
        program = Program(company.incident)
        ended = {verb: program(verb, "--json") for verb in ("survey", "plan", "run")}
        yield Story(company, program, ended)


def test_every_verb_tells_a_machine_what_it_did_and_ends_with_its_code(story: Story) -> None:
    assert {verb: one.code for verb, one in story.ended.items()} == {"survey": 0, "plan": 3, "run": 3}
    assert {verb: len(one.documents) > 0 for verb, one in story.ended.items()} == dict.fromkeys(
        story.ended, True
    )
    assert story.ended["run"].document["questions"] == 5
    assert {one.err for one in story.ended.values()} == {""}

    item = next(iter(questions(story.program).values()))
    for words in (("status",), ("log",), ("queue", "list"), ("queue", "show", item["id"])):
        ended = story.program(*words, "--json")
        assert (ended.code in (0, 3), ended.documents != [], ended.err) == (True, True, ""), words


def test_what_can_be_restored_is_there_once_and_the_rest_is_asked(story: Story) -> None:
    verdict = story.company.prove()

    assert (verdict.faults, verdict.lost, verdict.doubled, verdict.manual) == ((), 0, 0, 5)


def test_a_second_run_restores_nothing_again(story: Story) -> None:
    ended = story.program("run", "--json")
    counts = ended.document["steps"]

    assert (ended.code, counts["done"], counts["failed"]) == (3, 0, 0)
    assert story.company.prove().faults == ()


def test_a_customer_nobody_knows_is_bad_use(story: Story) -> None:
    ended = story.program("run", "--customer", "nobody-of-that-name")

    assert (ended.code, "nobody-of-that-name" in ended.err, "Traceback" in ended.err) == (2, True, False)


def test_a_wrong_incident_file_is_refused_with_every_mistake_in_it(story: Story) -> None:
    wrong = story.company.folder / "wrong.toml"
    text = story.company.incident.read_text()
    wrong.write_text(
        text.replace("workers = 2", "workers = 'two'")
        .replace('kind = "sftp"', 'kind = "carrier pigeon"')
        .replace('databases_to = ["db1"]', 'databases_to = ["db7"]')
        .replace("loads = 2", "laods = 2")
    )

    ended = Program(wrong)("run")

    assert ended.code == 2
    told = [word in ended.err for word in ("limits.workers", "kind", "db7", "laods")]
    assert (told, "Traceback" in ended.err) == ([True] * 4, False)


def test_answers_finish_the_customers_and_the_log_names_who_gave_them(story: Story) -> None:
    company, program = story.company, story.program
    asked = questions(program)
    assert story.open_questions() == {
        "ketill": "no-login",
        "hrafn": "no-login",
        "halla": "dump-damaged",
        "gunnar": "foreign-database",
        MISTAKEN: "foreign-database",
    }

    given = [
        program(
            *("queue", "answer", asked["ketill"]["id"], "--user", "ketill", "--database", "ketill_gestir"),
            *("--password-stdin", "--reason", "told by phone", "--json"),
            feed="aldrei lesið\n",
            operator="sigga",
        ),
        program("queue", "answer", asked[MISTAKEN]["id"], "--choose", "1", "--json", operator="sigga"),
        *(
            program(
                "queue", "drop", asked[name]["id"], "--reason", "no site any more", "--json", operator="jon"
            )
            for name in ("halla", "hrafn", "gunnar")
        ),
    ]
    assert [(one.code, len(one.documents)) for one in given] == [(0, 1)] * 5, given

    ended = program("run", "--json")

    assert (ended.code, ended.document["questions"], story.open_questions()) == (0, 0, {}), ended
    _now_expected(company)
    assert company.prove().faults == ()
    log = program("log", "--json").documents
    assert [(one["operator"], one["key"]) for one in log if one["kind"] == "answered"] == [
        ("sigga", asked["ketill"]["id"]),
        ("sigga", asked[MISTAKEN]["id"]),
    ]
    assert [(one["operator"], one["text"]) for one in log if one["kind"] == "dropped"] == [
        ("jon", "no site any more")
    ] * 3
    assert {one["operator"] for one in log if one["kind"] == "done"} == {OPERATOR}
    listed = program("queue", "list", "--all", "--json").document
    assert sorted(one["state"] for one in listed) == ["done", "done", "dropped", "dropped", "dropped"]


def _now_expected(company: WreckedCompany) -> None:
    """What the answers have made restorable."""
    before = company.manifest
    settled = ("ketill", MISTAKEN)
    accounts = tuple(
        replace(one, restorable=one.restorable or one.customer in settled) for one in before.accounts
    )
    assert [one for one in accounts if one.customer == "ketill"] == [
        AccountBefore(
            "web1", "ketill", "ketill", "localhost", "aldrei lesið", "db1", "ketill_gestir", restorable=True
        )
    ]
    company.manifest = replace(before, accounts=accounts, manual=())
    company.manifest.save(company.folder / "manifest.json")


SHOP = "saga_blogg"


def live_rows(company: WreckedCompany, database: str) -> str:
    return company.db1.sql(f"SELECT * FROM {database}.orders ORDER BY id")


def test_a_live_database_is_set_aside_only_when_a_person_says_so_and_undo_puts_it_back() -> None:
    with WreckedCompany(scale=SCALE) as company:
        company.db1.sql(
            f"CREATE DATABASE {SHOP}; CREATE TABLE {SHOP}.orders (id INT PRIMARY KEY, at DATETIME) ENGINE=InnoDB;"
            f"INSERT INTO {SHOP}.orders VALUES (1, '2026-11-20 10:00:00'), (2, '2026-11-21 11:30:00')"
        )
        program = Program(company.incident)
        before = live_rows(company, SHOP)

        first = program("run", "--customer", "web1/saga", "--only", "databases", "--json")
        touched = {key.split("/")[0] for key in events(company.state, "started")}
        asked = questions(program)["saga"]

        assert (first.code, live_rows(company, SHOP), touched) == (3, before, {"look", "load", "switch"})
        assert set(events(company.state, "started", "load/%")) == set(
            events(company.state, "started", "load/web1/saga%")
        )
        assert asked["cause"] == "live-database-differs"
        evidence = "\n".join(asked["evidence"])
        assert ("2 rows, newest 2026-11-21 11:30:00" in evidence, "restored: " in evidence) == (True, True)

        number = 1 + [one["effect"] for one in asked["candidates"]].index("replace")
        assert program("queue", "answer", asked["id"], "--choose", str(number)).code == 0
        replaced = program("run", "--customer", "saga", "--only", "databases")
        kept = [
            one["text"] for one in program("log", "--json").documents if "is kept in br_kept_" in one["text"]
        ]
        assert (replaced.code, len(kept)) == (0, 1), replaced
        name = "br_kept_" + kept[0].split("br_kept_")[1].split()[0]
        assert (live_rows(company, name), "orders" in company.db1.sql(f"SHOW TABLES IN {SHOP}")) == (
            before,
            False,
        )

        undone = program("undo", f"web1/{SHOP}", "--json")

        assert (undone.code, live_rows(company, SHOP)) == (0, before), undone
        aside = [one for one in company.db1.sql("SHOW DATABASES").split() if one.startswith("br_undone_")]
        assert len(aside) == 1
        assert "blogg_posts" in company.db1.sql(f"SHOW TABLES IN {aside[0]}")
        later = program("run", "--customer", "saga", "--only", "databases")
        assert (later.code, live_rows(company, SHOP)) == (0, before)
        end_it(company, program, aside[0])


def end_it(company: WreckedCompany, program: Program, aside: str) -> None:
    """What was set aside is listed and dropped; then the incident is closed, and only its ledger is left."""
    stranger = "br_kept_0123456789abcdef0123"
    company.db1.sql(f"CREATE DATABASE {stranger}")
    listed = program("kept", "list", "--json").document
    assert [(one["name"], one["kind"], one["of"]) for one in listed["kept"]] == [
        (aside, "undone", f"web1/{SHOP}")
    ]
    assert listed["strange"] == [f"db1/{stranger}"]

    unasked = program("kept", "drop", aside, "--reason", "content")
    assert (unasked.code, "give --yes" in unasked.err) == (2, True)
    assert program("kept", "drop", stranger, "--reason", "content", "--yes").code == 2
    dropped = program("kept", "drop", f"db1/{aside}", "--reason", "content", "--yes")
    assert (dropped.code, aside in company.db1.sql("SHOW DATABASES")) == (0, False), dropped

    added = program("queue", "add", "--customer", "saga", "--text", "where is it?", "--json").document
    left = program("close", "--yes")
    assert (left.code, "1 complaint (open)" in left.err, (company.state / "vault").exists()) == (
        3,
        True,
        True,
    ), left
    assert program("close", "--yes", "--anyway").code == 2
    closed = program("close", "--yes", "--anyway", "--reason", "told to write to us")
    assert closed.code == 0, closed
    names = [one for one in company.db1.sql("SHOW DATABASES").split() if one.startswith("br_")]
    assert names == [stranger]
    assert {"vault", "vault.key", "staging", "scratch", "journals", "cluster"}.isdisjoint(
        path.name for path in company.state.iterdir()
    )
    for words in (("run",), ("queue", "drop", added["id"], "--reason", "x"), ("undo", f"web1/{SHOP}")):
        refused = program(*words)
        assert (refused.code, "was closed by night-shift" in refused.err) == (2, True), refused
    assert [program(*words).code for words in (("log", "--verify"), ("close", "--yes"))] == [0, 0]
