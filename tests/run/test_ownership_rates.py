"""A generated company, looked at as a run does, with a customers file and without: no account goes astray."""

from __future__ import annotations

from tests.bench.ownership import Rates, company, measure

CASES = company(40)
UNCLEAR = sum(case.kind == "environment" for case in CASES)


def test_with_a_customers_file_all_is_automatic_but_what_a_config_leaves_open() -> None:
    assert measure(CASES, listed=True) == Rates(len(CASES) - UNCLEAR, UNCLEAR, 0)


def test_without_one_what_is_not_certain_is_asked_and_nothing_is_wrong() -> None:
    rates = measure(CASES, listed=False)

    assert (rates.wrong, rates.right + rates.asked) == (0, len(CASES))
    assert rates.right >= sum(case.kind == "panel" for case in CASES)


def test_surviving_privilege_tables_make_up_for_the_customers_file() -> None:
    assert measure(CASES, listed=False, privileges=True) == Rates(len(CASES) - UNCLEAR, UNCLEAR, 0)
