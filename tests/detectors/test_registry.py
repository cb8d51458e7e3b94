"""A system is whole: its file, its place in the registry, its fixtures and its row in the handbook."""

from __future__ import annotations

import re
from pathlib import Path

from detectors import cms
from detectors.cms import dotenv
from detectors.registry import DETECTORS
from tests.detectors.fixture_sites import cases

ROOT = Path(__file__).parents[2]
SYSTEMS = (
    {one.name for one in DETECTORS if one.name != "dotenv"} | {kind for kind, _ in dotenv.KINDS} | {"custom"}
)


def test_every_system_has_fixtures_and_a_row_in_the_handbook() -> None:
    rows = set(re.findall(r"^\| ([a-z0-9]+) \| ", (ROOT / "docs" / "detectors.md").read_text(), re.MULTILINE))
    fixtures = {case.name.split("/")[0] for case in cases()}

    assert (SYSTEMS - fixtures, SYSTEMS - rows) == (set(), set())


def test_each_system_is_shown_stock_old_edited_and_with_a_hostile_password() -> None:
    of = [case.name.split("/")[0] for case in cases()]

    assert [system for system in sorted(SYSTEMS) if of.count(system) < 4] == []


def test_every_detector_that_is_written_is_asked() -> None:
    files = {path.stem for path in Path(cms.__path__[0]).glob("*.py")} - {"__init__"}
    registered = {
        one.detect.__module__.rpartition(".")[2] for one in DETECTORS if one.detect.__module__ != FIELDS
    }
    tables = {one.name for one in DETECTORS if one.detect.__module__ == FIELDS}

    assert registered | tables | {"custom"} == files


FIELDS = "detectors.parsing.php.fields"
