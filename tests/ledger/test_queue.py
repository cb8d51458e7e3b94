"""No question is lost, asked twice or taken for settled before its work has come to an end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from restore.errors import ItemUnknown
from restore.ledger.events import Answered, Asked, Claimed, Dropped, Event, Released
from restore.ledger.ledger import Ledger
from restore.ledger.queue import ItemState
from restore.ledger.reading import Reading
from restore.model.facts import Nothing
from restore.model.mail import MailboxId
from restore.model.mysql import AccountName, DatabaseId, DumpFile, Fingerprint
from restore.model.outcome import Answer, Done, Failed, Manual, ManualItem, Partial, Scope, Unchanged
from restore.model.plan import (
    CreateAccount,
    Job,
    LoadDatabase,
    LookSite,
    RestoreMailbox,
    Step,
    SwitchDatabase,
    Work,
)
from restore.model.survey import Decision
from restore.model.text import safe
from tests.ledger.conftest import ANN, BOB

MAILBOX = ManualItem("aa11", "no-owner", "anna", "web1/mailbox/a@example.org", "Whose?", ("two claim it",))
DATABASE = ManualItem("ab22", "live-differs", "anna", "web1/database/shop", "Replace?")
LOGIN = ManualItem("ac33", "no-login", "anna", "web1/database/shop", "Which login?")
CONFIG = ManualItem("ae55", "login-unclear", "anna", "web1/site/anna/public_html/db.php", "Which login?")
USER = ManualItem("ad44", "two-passwords", "anna", "web1/account/shop", "Which?")

SHOP = DatabaseId("web1", "shop")
DUMP = DumpFile(SHOP, Fingerprint("night", b"shop.sql", 1, 1.0))
WORKS: dict[str, Work] = {
    "look": LookSite("web1", "anna", "night", b"home/anna", ()),
    "mail": RestoreMailbox(MailboxId("web1", "a@example.org"), "anna", "night", b"mail", "imap"),
    "load": LoadDatabase(DUMP, "anna", "db1", "shop", "br_stage_1"),
    "switch": SwitchDatabase(SHOP, "anna", "db1", "shop", "br_stage_1", (), (), "utf8mb4", "utf8mb4_bin"),
    "account": CreateAccount(
        "web1",
        "anna",
        AccountName("shop", "%"),
        "db1",
        ("shop",),
        None,
        "night",
        b"home/anna",
        (),
        "customers file",
    ),
}


class Desk:
    """A ledger that knows one job of each kind, and what a reader sees of its queue."""

    def __init__(self, ledger: Ledger, state: Path) -> None:
        self.ledger = ledger
        self._state = state
        for name, work in WORKS.items():
            ledger.about(Job(name, "look" if name == "look" else "any", "anna", (Step(name, work),)))

    def happens(self, *events: Event) -> None:
        self.ledger.append_all(events)

    def states(self) -> dict[str, str]:
        with Reading.open(self._state) as reading:
            assert list(reading.queue()) == list(self.ledger.queue)
            return {item.item.id: item.state.value for item in reading.items()}


@pytest.fixture
def desk(state: Path) -> Iterator[Desk]:
    with Ledger.open(state, ANN, 1) as ledger:
        yield Desk(ledger, state)


def answer(item: ManualItem, **more: str) -> Answered:
    return Answered(Answer(item.id, item.subject, more.pop("effect", "replace"), **more))


def test_a_question_asked_in_every_run_is_one_item(desk: Desk, state: Path) -> None:
    desk.happens(Asked(MAILBOX))
    desk.happens(Asked(MAILBOX), Asked(MAILBOX))

    assert desk.states() == {"aa11": "open"}
    assert desk.ledger.head.seq == 1


def test_new_evidence_is_recorded_once_and_an_answer_to_the_old_question_no_longer_counts(desk: Desk) -> None:
    grown = replace(MAILBOX, evidence=("three claim it",))
    desk.happens(Asked(MAILBOX), answer(MAILBOX))
    before = dict(desk.ledger.answers())
    desk.happens(Asked(grown), Asked(grown))

    assert list(before) == ["aa11"]
    assert (desk.states(), dict(desk.ledger.answers())) == ({"aa11": "open"}, {})
    assert desk.ledger.queue.get("aa11").item == grown


def test_the_same_question_does_not_take_its_answer_away(desk: Desk) -> None:
    desk.happens(Asked(MAILBOX), answer(MAILBOX))
    desk.happens(Asked(MAILBOX))

    assert desk.states() == {"aa11": "answered"}


@pytest.mark.parametrize(
    ("item", "given", "by"),
    [
        (MAILBOX, {}, "mail"),
        (DATABASE, {}, "switch"),
        (LOGIN, {"effect": "login", "user": "shop", "password_id": "0" * 32}, "account"),
        (USER, {"effect": "config"}, "account"),
        (CONFIG, {"effect": "login", "user": "shop", "password_id": "0" * 32}, "account"),
    ],
)
def test_an_answered_question_is_done_by_the_work_it_is_about_and_by_no_other(
    desk: Desk, item: ManualItem, given: dict[str, str], by: str
) -> None:
    desk.happens(Asked(item), answer(item, **given))
    desk.happens(*(Done(name, Nothing()) for name in WORKS if name != by))
    desk.happens(Failed(by, "c", Scope.JOB, "m", "h"))
    waiting = desk.states()
    desk.happens(Partial(by, Nothing(), ("a view: refused",)))

    assert (waiting, desk.states()) == ({item.id: "answered"}, {item.id: "done"})


def test_an_answer_about_an_oddly_named_thing_finds_its_work(desk: Desk) -> None:
    odd = DatabaseId("web1", "sh\udcf6p\n")
    item = replace(DATABASE, subject=safe(f"{odd.server}/database/{odd.name}"))
    work = SwitchDatabase(odd, "anna", "db1", odd.name, "br_stage_2", (), (), "utf8mb4", "utf8mb4_bin")
    desk.ledger.about(Job("odd", "database", "anna", (Step("odd", work),)))
    desk.happens(Asked(item), answer(item), Done("odd", Nothing()))

    assert desk.states() == {"ab22": "done"}


def test_an_open_question_of_the_plan_stays_open_whatever_ends(desk: Desk) -> None:
    desk.happens(Asked(MAILBOX), Asked(LOGIN, "look"))
    desk.happens(*(Done(name, Nothing()) for name in WORKS))

    assert desk.states() == {"aa11": "open", "ac33": "open"}


def test_a_question_at_which_a_step_stopped_is_done_when_that_step_came_through(desk: Desk) -> None:
    desk.happens(Manual("switch", (DATABASE,)))
    asked = desk.states()
    desk.happens(Unchanged("switch", Nothing()))

    assert (asked, desk.states()) == ({"ab22": "open"}, {"ab22": "done"})


def test_a_dropped_question_stays_dropped_until_it_is_answered(desk: Desk) -> None:
    desk.happens(Asked(MAILBOX), Dropped("aa11", "customer left"))
    desk.happens(Asked(replace(MAILBOX, evidence=("three",))), Done("mail", Nothing()))
    dropped = (desk.states(), dict(desk.ledger.drops()))
    desk.happens(answer(MAILBOX))

    assert dropped == ({"aa11": "dropped"}, {"aa11": "customer left"})
    assert (desk.states(), dict(desk.ledger.drops())) == ({"aa11": "answered"}, {})


def test_a_question_that_comes_up_again_after_it_was_done_is_open_again(desk: Desk) -> None:
    desk.happens(Asked(MAILBOX), answer(MAILBOX), Done("mail", Nothing()))
    desk.happens(Asked(MAILBOX))

    assert desk.states() == {"aa11": "open"}


def test_decisions_stand_in_the_order_they_were_made_and_the_last_word_counts(desk: Desk) -> None:
    desk.happens(Asked(MAILBOX), Asked(DATABASE), Asked(USER))
    desk.happens(answer(DATABASE), answer(MAILBOX), Dropped("ad44", "gone"), answer(DATABASE, effect="keep"))

    assert desk.ledger.decisions() == (
        Decision(MAILBOX, answer(MAILBOX).answer),
        Decision(USER, None),
        Decision(DATABASE, answer(DATABASE, effect="keep").answer),
    )


def test_a_claim_is_kept_over_new_evidence_and_given_back_by_release(desk: Desk) -> None:
    desk.happens(Asked(MAILBOX))
    desk.ledger.append_all([Claimed("aa11")], by=BOB)
    desk.happens(Asked(replace(MAILBOX, evidence=("three",))))
    claimed = desk.ledger.queue.get("aa11").claimed_by
    desk.happens(Released("aa11"))

    assert (claimed, desk.ledger.queue.get("aa11").claimed_by) == ("bob", "")


def test_the_history_of_an_item_is_all_that_happened_to_it(desk: Desk, state: Path) -> None:
    desk.happens(Asked(MAILBOX), Asked(DATABASE))
    desk.ledger.append_all([Claimed("aa11"), answer(MAILBOX)], by=BOB)
    desk.happens(Done("mail", Nothing()))

    with Reading.open(state) as reading:
        history = [(record.kind, record.operator.name, record.customer) for record in reading.history("aa")]
    assert history == [(kind, who, "anna") for kind, who in zip(
        ("asked", "claimed", "answered", "settled"), ("ann", "bob", "bob", "ann"), strict=True)]  # fmt: skip


@pytest.mark.parametrize(
    ("beginning", "found"),
    [("aa", "aa11"), ("aa11", "aa11"), ("a", None), ("", None), ("b", None), ("aa111", None)],
)
def test_a_unique_beginning_of_an_id_is_enough(desk: Desk, beginning: str, found: str | None) -> None:
    desk.happens(Asked(MAILBOX), Asked(DATABASE))

    if found is None:
        with pytest.raises(ItemUnknown):
            desk.ledger.queue.find(beginning)
    else:
        assert desk.ledger.queue.find(beginning).item.id == found


@pytest.mark.parametrize("event", [answer(MAILBOX), Dropped("aa11", "r"), Claimed("aa11"), Released("aa11")])
def test_nobody_settles_a_question_that_was_never_asked(desk: Desk, event: Event) -> None:
    with pytest.raises(ItemUnknown):
        desk.happens(event)


def test_items_are_listed_by_state(desk: Desk, state: Path) -> None:
    desk.happens(Asked(MAILBOX), Asked(DATABASE), Asked(USER), answer(DATABASE), Dropped("ad44", "gone"))

    with Reading.open(state) as reading:
        assert [item.item.id for item in reading.items(ItemState.OPEN, ItemState.DROPPED)] == ["aa11", "ad44"]
