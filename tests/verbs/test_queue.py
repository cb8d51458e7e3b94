"""Several people work through the manual queue at once: nothing is lost from it, and who did what is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from io import StringIO

import pytest

from restore.ledger.events import Asked
from restore.model.mysql import AccountName
from restore.model.outcome import Manual, ManualItem
from restore.model.plan import CreateAccount, Job, Step
from tests.verbs.conftest import ITEMS, LEAVE, Desk, write

OPEN = {"aa11": "open", "ab22": "open", "ac33": "open", "ad44": "open"}


def test_a_claimed_item_shows_who_works_on_it_until_it_is_given_back(desk: Desk) -> None:
    assert desk("queue", "claim", "aa", "ad44", operator="bob").code == 0

    shown = [desk("queue", "list", "--json").document, desk("queue", "show", "aa11", "--json").document]
    assert {one["id"]: one["claimed_by"] for one in shown[0]} == {
        "aa11": "bob",
        "ab22": "",
        "ac33": "",
        "ad44": "bob",
    }
    assert shown[1]["claimed_by"] == "bob"
    assert [one["id"] for one in desk("queue", "list", "--claimed-by", "bob", "--json").document] == [
        "aa11",
        "ad44",
    ]

    assert desk("queue", "release", "aa11", operator="bob").code == 0
    assert [one["id"] for one in desk("queue", "list", "--claimed-by", "bob", "--json").document] == ["ad44"]


def test_what_somebody_else_works_on_is_claimed_only_when_it_is_taken_over(desk: Desk) -> None:
    desk("queue", "claim", "aa11", operator="bob")

    refused = desk("queue", "claim", "aa11", "ab22")
    assert (refused.code, "aa11 by bob" in refused.err, len(desk.events("claimed"))) == (2, True, 1)
    assert desk("queue", "claim", "aa11", "--take").code == 0
    released = desk("queue", "release", "aa11", operator="bob")
    assert (released.code, "was claimed by ann" in released.err) == (0, True)


def test_an_answer_by_another_than_who_claimed_it_counts_and_warns(desk: Desk) -> None:
    desk("queue", "claim", "ac33", operator="bob")

    answered = desk("queue", "answer", "ac33", "--choose", "1")

    assert (answered.code, "claimed by bob" in answered.err, desk.states()["ac33"]) == (0, True, "done")
    assert desk.events("claimed", "answered") == [("claimed", "ac33", "bob"), ("answered", "ac33", "ann")]


def test_all_of_a_cause_are_answered_at_once_after_they_were_shown(
    desk: Desk, typed: Callable[[str], None]
) -> None:
    words = ("queue", "answer", "--cause", "account-differs", "--choose", "1", "--reason", "ours")
    unasked = desk(*words)
    assert (unasked.code, "give --yes" in unasked.err, desk.states()) == (2, True, OPEN)
    typed("n")
    refused = desk(*words)
    assert (refused.code, desk.states()) == (0, OPEN)
    assert ["aa11" in refused.err, "ab22" in refused.err, "leave the live account" in refused.err] == [
        True
    ] * 3

    typed("y")
    assert desk(*words).code == 0

    assert desk.states() == {**OPEN, "aa11": "done", "ab22": "done"}
    assert desk.events("answered") == [("answered", "aa11", "ann"), ("answered", "ab22", "ann")]


def test_a_bulk_drop_is_narrowed_to_a_customer_and_keeps_its_reason(desk: Desk) -> None:
    words = (
        "queue",
        "drop",
        "--cause",
        "account-differs",
        "--customer",
        "web1/bert",
        "--reason",
        "left",
        "--yes",
    )

    assert desk(*words).code == 0

    assert desk.states() == {**OPEN, "ab22": "dropped"}
    assert desk("queue", "show", "ab22", "--json").document["reason"] == "left"


@pytest.mark.parametrize(
    "words",
    [
        ("answer", "--cause", "no-login", "--choose", "1", "--yes"),
        ("answer", "--cause", "account-differs", "--choose", "2", "--yes"),
        ("answer", "--cause", "no-such-cause", "--choose", "1", "--yes"),
        ("answer", "aa11", "--cause", "account-differs", "--choose", "1"),
        ("answer", "--choose", "1"),
        ("answer", "aa11", "--choose", "2"),
        ("drop", "aa11", "--customer", "anna", "--reason", "x"),
        ("release", "aa11"),
        ("add", "--customer", "anna", "--text", " "),
    ],
)
def test_what_fits_no_question_settles_none(desk: Desk, words: tuple[str, ...]) -> None:
    assert (desk("queue", *words).code, desk.states()) == (2, OPEN)


def test_a_question_that_changed_while_somebody_thought_is_not_answered(
    desk: Desk, typed: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed("y")

    def think(question: str) -> str:
        known = desk("queue", "show", "ab22", "--json").document
        assert known["evidence"] == ["seen"]
        write(desk.state, (), [Asked(replace(ITEMS[1], evidence=("seen otherwise",)))])
        return "y"

    monkeypatch.setattr("builtins.input", think)

    ended = desk("queue", "answer", "--cause", "account-differs", "--choose", "1")

    assert (ended.code, "question-changed" in ended.err, desk.states()) == (2, True, OPEN)


def test_the_list_is_grouped_by_cause_with_counts(desk: Desk) -> None:
    desk("queue", "claim", "aa11", operator="bob")

    lines = desk("queue", "list").out.splitlines()

    assert [line for line in lines if not line.startswith(" ")] == [
        "account-differs: 2, 1 claimed",
        "live-database-differs: 1",
        "no-login: 1",
    ]
    assert [len(desk("queue", "list", *words, "--json").document) for words in (
        ("--customer", "anna"), ("--customer", "web1/bert"), ("--customer", "web2/bert"), ("--cause", "no-login"),
    )] == [3, 1, 0, 1]  # fmt: skip


def test_a_complaint_is_kept_with_all_that_is_known_of_the_customer(desk: Desk) -> None:
    ended = desk("queue", "add", "--customer", "anna", "--text", "my mail\x1b[2J\nis gone", "--json")
    item = ended.document

    assert (ended.code, item["cause"], item["customer"], item["subject"]) == (
        0, "complaint", "anna", "web1/customer/anna",
    )  # fmt: skip
    assert ("my mail\\x1b[2J" in item["question"], item["evidence"][0]) == (True, "he says: is gone")
    told = "\n".join(item["evidence"])
    for known in (
        "mailbox info@anna.example: came back",
        "mailbox shop@anna.example: failed [mail-refused]: the server said NO",
        "(question ac33)",
        "www/wp-config.php (wordpress, exact): user anna, database shop",
    ):
        assert known in told
    assert desk.states()[item["id"]] == "open"


def test_a_complaint_is_done_with_its_answer_and_its_history_is_told(desk: Desk) -> None:
    item = desk("queue", "add", "--customer", "web1/anna", "--text", "all gone", "--json").document["id"]
    desk("queue", "claim", item, operator="bob")
    assert desk("queue", "answer", item, "--choose", "1", operator="bob").code == 0

    shown = desk("queue", "show", item, "--json").document

    assert shown["state"] == "done"
    assert [(one["kind"], one["operator"]) for one in shown["history"]] == [
        ("asked", "ann"), ("claimed", "bob"), ("answered", "bob"), ("settled", "bob"),
    ]  # fmt: skip
    assert any("info@anna.example" in line for line in shown["known"])


def test_a_complaint_of_somebody_unknown_is_kept_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO("where is my shop?\n"))

    ended = desk("queue", "add", "--customer", "zoe", "--stdin", "--json")

    assert (ended.code, "knows no customer zoe" in ended.err, ended.document["customer"]) == (0, True, "zoe")
    assert len(desk.states()) == 5


def test_two_complaints_of_the_same_words_are_two(desk: Desk) -> None:
    for _ in range(2):
        assert desk("queue", "add", "--customer", "anna", "--text", "still gone").code == 0

    assert json.loads(desk("queue", "list", "--cause", "complaint", "--json").out)[1]["customer"] == "anna"


def test_what_a_person_leaves_as_it_is_is_done_and_told_so_in_the_report(desk: Desk) -> None:
    account = AccountName("zoe", "localhost")
    work = CreateAccount("web1", "zoe", account, "db1", ("zoe",), None, "night", b"home/zoe", (), "listed")
    item = ManualItem("ae55", "account-differs", "zoe", "web1/account/zoe", "Whose?", (), LEAVE)
    write(
        desk.state,
        [Job("account/1", "account", "zoe", (Step("account/1", work),))],
        [Manual("account/1", (item,))],
    )

    assert desk("queue", "answer", "ae55", "--choose", "1").code == 0

    assert desk.states()["ae55"] == "done"
    told = desk("report", "--customer", "zoe", "--json").document
    assert "left, as a person decided" in str(told) and "waits for a person" not in str(told)
