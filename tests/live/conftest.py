"""A small wrecked company for live tests: built once per process (about two seconds), copied for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fixtures.company import Scale, WreckedCompany

SMALL = Scale(customers=12, messages=4, rows=5, files=1, copies=False)


@pytest.fixture(scope="module")
def company() -> Iterator[WreckedCompany]:
    """A wrecked company with its servers up, shared by the tests of one module."""
    with WreckedCompany(scale=SMALL) as made:
        yield made


@pytest.fixture
def fresh_company() -> Iterator[WreckedCompany]:
    """A wrecked company for one test alone (about a second)."""
    with WreckedCompany(scale=SMALL) as made:
        yield made
