"""Nothing that came back is left out of the report, and nothing that did not is told as back."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.ledger.reading import Reading
from restore.model.text import safe
from restore.report.curve import BOTTOM, LEFT, RIGHT, TOP, curve
from restore.report.letter import letter
from restore.report.page import customer_page, incident_page
from restore.report.recovery import CustomerPart, Recovery, State, rank, recovery_points, recovery_times, sums
from restore.report.summary import customer_lines, incident_lines
from tests.report.conftest import gathered
from tests.report.night import (
    EVIL,
    Night,
    database,
    failed_mailbox,
    site,
    torn_mailbox,
    undo,
    whole_mailbox,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
# Each thing of Anna's that did not come back, with its reason.
ANNAS_LOSSES = (
    "new/1: unreadable sector",
    "new/2: not a message",
    "the server said NO to anna",
    "view monthly",
    "The dump of old is damaged. Which dump shall be used?",
    "Which login does shop use?",
)


def customer(recovery: Recovery, name: str) -> CustomerPart:
    return next(one for one in recovery.customers if one.name == name)


def states(recovery: Recovery, name: str) -> dict[str, State]:
    return {item.name: item.state for item in customer(recovery, name).items}


def test_every_thing_stands_where_its_steps_and_questions_left_it(recovery: Recovery) -> None:
    assert states(recovery, "anna") == {
        "anna@example.is": State.BACK,
        "info@example.is": State.PART,
        "sala@example.is": State.FAILED,
        "shop": State.BACK,
        "blog": State.PART,
        "old": State.QUESTION,
        "'shop'@'localhost'/db1/shop": State.BACK,
        "for shop": State.ANSWERED,
    }
    assert states(recovery, "bob") == {
        "bob@example.is": State.UNFINISHED,
        "late@example.is": State.UNFINISHED,
        "lost@example.is": State.QUESTION,
        "both": State.LEFT,
    }
    assert Counter(item.state for item in customer(recovery, safe(EVIL)).items) == {
        State.BACK: 2,
        State.FAILED: 1,
        State.PART: 1,
        State.QUESTION: 1,
    }


def test_the_page_counts_steps_as_the_ledger_does(night: Night, recovery: Recovery) -> None:
    page = incident_page(recovery, NOW)

    rows = re.findall(
        r'<tr><th scope="row">(\w+)</th><td class="text">(\w+)</td><td>([\d,]+)</td></tr>', page
    )
    with Reading.open(night.state) as reading:
        assert rows == [(one.work or "index", one.kind, f"{one.steps:,}") for one in reading.tallies()]


def test_the_sums_on_the_page_are_those_of_its_customers(recovery: Recovery) -> None:
    page = incident_page(recovery, NOW)

    counted = sums(recovery.items)
    rows = dict(
        re.findall(r'<tr(?: class="total")?><th scope="row">([a-z, ]+)</th><td>(.*?)</td></tr>', page)
    )
    shown = {
        state: [int(one) for one in rows[state.value].split("</td><td>")]
        for state in State
        if state.value in rows
    }
    assert shown == {
        state: [counts[state] for counts in counted.values()]
        for state in State
        if any(counts[state] for counts in counted.values())
    }
    assert [int(one) for one in rows["all that is known"].split("</td><td>")] == [
        counts.total() for counts in counted.values()
    ]
    tables = page[page.index("<h2>Customers</h2>") :]
    assert tables.count('<span class="kind">') == len(recovery.items)


@pytest.mark.parametrize("loss", ANNAS_LOSSES)
def test_a_customers_page_names_each_thing_that_did_not_come_back_with_its_reason(
    loss: str, recovery: Recovery
) -> None:
    anna = customer(recovery, "anna")

    assert loss in customer_page(recovery, anna, NOW)
    assert loss in incident_page(recovery, NOW)
    assert loss in "\n".join(customer_lines(recovery, anna))


def test_a_letter_says_of_each_thing_whether_it_came_back(recovery: Recovery) -> None:
    anna = customer(recovery, "anna")

    words = "\n".join(letter(recovery, anna))

    back, _, rest = words.partition("What did not come back, or not whole:")
    assert [
        one for one in ("anna@example.is: 5 messages restored", "shop: 2 tables, 23 rows") if one not in back
    ] == []
    assert "mailbox sala@example.is: not back yet" in rest and "database old: not back yet" in rest
    assert "new/1: unreadable sector" in rest and "view monthly" in rest
    assert "shop" not in back.partition("To:")[0]


def test_each_of_many_lost_messages_is_on_the_customers_page(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    lost = tuple(f"new/{number:04}: unreadable" for number in range(1000))
    night.run(torn_mailbox("anna", "a@example.is", lost))
    recovery = gathered(night)

    whole, own = incident_page(recovery, NOW), customer_page(recovery, customer(recovery, "anna"), NOW)

    assert [line for line in lost if line not in own] == []
    assert "and 800 more" in whole and "report --customer" in whole


def test_a_database_that_was_put_back_is_not_told_as_restored(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(database("anna", "shop"))
    night.run(undo("anna", "shop"), command="undo")

    assert states(gathered(night), "anna") == {"shop": State.UNDONE}


def test_a_database_restored_again_came_back_when_it_was_restored_again(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(database("anna", "shop"))
    first = gathered(night).items[0].at
    night.run(undo("anna", "shop"), command="undo")
    night.run(database("anna", "shop"))

    (again,) = gathered(night).items
    assert again.state is State.BACK and again.at is not None and first is not None and again.at > first


def test_looking_again_at_what_is_back_does_not_change_when_it_came_back(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(whole_mailbox("anna", "a@example.is"))
    first = gathered(night).items
    night.run(whole_mailbox("anna", "a@example.is"))

    assert gathered(night).items == first


def test_a_failure_that_was_mended_since_is_no_failure(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(failed_mailbox("anna", "a@example.is", "no"))
    night.run(whole_mailbox("anna", "a@example.is"))
    recovery = gathered(night)

    assert states(recovery, "anna") == {"a@example.is": State.BACK}
    assert "No step stands failed." in incident_page(recovery, NOW)


def test_customers_of_one_name_on_two_servers_are_two(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(whole_mailbox("anna", "a@example.is"), whole_mailbox("anna", "b@example.is", server="web2"))

    assert [(str(one), [item.name for item in one.items]) for one in gathered(night).customers] == [
        ("web1/anna", ["a@example.is"]),
        ("web2/anna", ["b@example.is"]),
    ]


def test_recovery_times_run_from_the_first_run_and_not_from_a_look_before_it(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(site("anna"), command="survey")
    night.run(whole_mailbox("anna", "a@example.is"))
    recovery = gathered(night)

    times = recovery_times(recovery, "mail")
    at = recovery.items[0].at
    assert times is not None and at is not None
    assert recovery.began == recovery.runs[1].started
    assert times.longest == (at - recovery.runs[1].started).total_seconds()


def test_a_ledger_of_looks_alone_says_that_nothing_was_restored(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(site("anna"), command="survey")

    page = incident_page(gathered(night), NOW)

    assert "No run has restored anything yet." in page
    assert "cannot be told from the ledger" in page


def test_a_restored_database_says_of_what_time_it_is(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(database("anna", "shop", taken=NOW.timestamp() - 3600), database("anna", "blog", taken=1e300))
    recovery = gathered(night)
    (anna,) = recovery.customers

    for text in (
        customer_page(recovery, anna, NOW),
        "\n".join([*letter(recovery, anna), *customer_lines(recovery, anna)]),
    ):
        assert "2026-11-23 23:00:00" in text
    points = recovery_points(recovery, NOW)
    assert points is not None and (points.count, points.longest) == (1, 3600)
    assert "1 h 00 min" in incident_page(recovery, NOW, lost=NOW)


def test_a_backup_that_is_newer_than_the_loss_is_pointed_out(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(database("anna", "shop", taken=NOW.timestamp() + 60))
    recovery = gathered(night)

    assert "1 of them are newer than the loss" in incident_page(recovery, NOW, lost=NOW)
    assert "1 of them are newer than the loss" in "\n".join(incident_lines(recovery, NOW))


def test_without_the_time_of_the_loss_no_recovery_point_is_made_up(tmp_path: Path) -> None:
    night = Night(tmp_path / "state")
    night.run(database("anna", "shop", taken=NOW.timestamp()), whole_mailbox("anna", "a@example.is"))

    page = incident_page(gathered(night), NOW)

    assert "1 h 00 min" not in page and "or with --lost" in page


def test_a_mailbox_says_of_when_its_newest_message_in_the_backup_is(tmp_path: Path) -> None:
    night = Night(tmp_path / "state", lost=NOW.timestamp())
    night.run(whole_mailbox("anna", "a@example.is", newest=NOW.timestamp() - 7200))
    recovery = gathered(night)
    (anna,) = recovery.customers

    times = recovery_times(recovery, "mail", recovery.began - timedelta(hours=5)) if recovery.began else None
    assert times is not None and 5 * 3600 <= times.p50 < 6 * 3600
    points = recovery_points(recovery, NOW, "mail")
    assert points is not None and (points.count, points.longest) == (1, 7200)
    assert recovery.lost == NOW
    for text in (customer_page(recovery, anna, NOW), "\n".join(customer_lines(recovery, anna))):
        assert "newest message in the backup of 2026-11-23 22:00:00" in text
    assert "2 h 00 min" in incident_page(recovery, NOW, lost=NOW)


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_half_of_all_things_are_back_by_the_median_and_all_by_the_last(seconds: list[float]) -> None:
    ordered = sorted(seconds)

    assert sum(one <= rank(ordered, 50) for one in ordered) * 2 >= len(ordered)
    assert sum(one <= rank(ordered, 95) for one in ordered) * 100 >= 95 * len(ordered)
    assert rank(ordered, 100) == ordered[-1]


@given(st.lists(st.floats(0, 1e6)), st.integers(0, 50), st.floats(0, 2e6))
def test_a_curve_never_falls_and_ends_at_what_is_back(
    seconds: list[float], missing: int, length: float
) -> None:
    total = len(seconds) + missing

    drawn = curve(sorted(seconds), total, length, (0.0, length))

    points = [tuple(map(float, point.split())) for point in drawn.line[1:].split("L")]
    assert all(LEFT <= x <= RIGHT and TOP <= y <= BOTTOM for x, y in points)
    assert all(before[0] <= after[0] and before[1] >= after[1] for before, after in pairwise(points))
    share = len(seconds) / total if total else 0
    assert abs(points[-1][1] - (BOTTOM - share * (BOTTOM - TOP))) < 0.1
