"""Forecast and outcome, held against each other item by item; a run's time, estimated from what was measured."""

from __future__ import annotations

import pytest

from restore.model.facts import DumpVerified, MailboxVerified
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, Fingerprint
from restore.report.estimate import estimate
from restore.report.expected import compare, compared_lines
from restore.report.hope import Expected, Hope
from restore.report.recovery import CustomerPart, Item, Recovery, State

SLOTS = {"source/b": 4, "mail/m": 8, "database/d": 2, "worker": 4}


def recovery(state: State | None, hope: Hope, service: str = "database", name: str = "shop") -> Recovery:
    items = (Item(service, "web1", name, state),) if state else ()
    forecast = (Expected(service, "web1", "alice", "shop", hope, "as seen"),)
    return Recovery((CustomerPart("web1", "alice", items),), (), (), (), (), (), "1 event", forecast=forecast)


@pytest.mark.parametrize(
    ("hope", "state", "held"),
    [
        (Hope.WHOLE, State.BACK, True),
        (Hope.WHOLE, State.PART, False),
        (Hope.WHOLE, State.FAILED, False),
        (Hope.PART, State.PART, True),
        (Hope.LOST, State.QUESTION, True),
        (Hope.LOST, State.BACK, False),
        (Hope.WHOLE, None, None),
        (Hope.WHOLE, State.UNFINISHED, None),
        (Hope.UNKNOWN, State.BACK, None),
        (Hope.DOUBT, State.QUESTION, None),
    ],
)
def test_a_forecast_holds_where_what_was_foreseen_came_and_is_open_where_nothing_has_come_yet(
    hope: Hope, state: State | None, held: bool | None
) -> None:
    assert [one.held for one in compare(recovery(state, hope))] == [held]


def test_an_account_is_known_by_its_user_name_whatever_target_and_host_it_got() -> None:
    name = "'shop'@'localhost'/db1/shop"

    assert [one.held for one in compare(recovery(State.BACK, Hope.WHOLE, "account", name))] == [True]


def test_what_did_not_turn_out_as_forecast_is_named_and_nothing_is_said_where_nothing_was_verified() -> None:
    lines = compared_lines(recovery(State.FAILED, Hope.WHOLE))

    assert "0 things as forecast, 1 not" in lines[0]
    assert "NOT AS FORECAST" in lines[1]
    assert compared_lines(Recovery((), (), (), (), (), (), "no event")) == []


def mailbox(read: int, seconds: float, lacking: int) -> MailboxVerified:
    return MailboxVerified(
        MailboxId("web1", "a@x.test"), "m", 1, 1, read, 0, (), (), "compared", 0, 0, 1, lacking, read, seconds
    )


def dumped(size: int, seconds: float) -> DumpVerified:
    stamp = Fingerprint("b", b"x.sql", size, 1.0)
    return DumpVerified(DatabaseId("web1", "x"), stamp, "d", 1, 1, 0, (), size, "", "", 0.0, seconds, True)


def test_a_sample_is_scaled_up_to_all_there_is_and_spread_over_the_slots() -> None:
    found = estimate([dumped(100, 60.0)], SLOTS, {"mail": 0, "load": 10})

    assert found is not None
    assert found.likely == 60.0 * 10 / 2
    assert found.least < found.likely < found.most


def test_appending_is_in_the_estimate_only_where_a_run_has_measured_it() -> None:
    seen = [mailbox(1000, 8.0, 4000)]
    without, measured = (estimate(seen, SLOTS, {"mail": 1}, rate) for rate in (None, 100.0))

    assert without is not None
    assert measured is not None
    assert (without.likely, measured.likely) == (8.0 / 4, (8.0 + 40.0) / 4)
    assert any("NOT in it" in line for line in without.basis)


def test_nothing_measured_is_no_estimate() -> None:
    assert estimate([], SLOTS, {"mail": 5, "load": 5}) is None
