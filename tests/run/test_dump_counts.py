"""Who must choose between a damaged dump and an older one is told what each table has in both, or why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from restore.model.outcome import Manual
from restore.model.plan import LoadDatabase
from restore.run.databases import load_database
from tests.memory.database import MemoryDatabaseServer
from tests.run.database_steps import STAGING, Steps, dump_file
from tests.systems.dumps import HEAD, POSTS, dump

CUT = HEAD + POSTS + POSTS.replace(b"posts", b"more")[:-100]
OLD = dump(POSTS, POSTS.replace(b"posts", b"older"))


def told(folder: Path, older: bytes, **changes: object) -> list[str]:
    """The evidence of the question about CUT, `older` being the other dump."""
    steps = Steps(MemoryDatabaseServer("db1"), folder, {b"shop.sql": CUT, b"old.sql": older})
    other = dump_file(b"old.sql", older)
    other = replace(other, fingerprint=replace(other.fingerprint, **changes))  # type: ignore[arg-type]
    work = LoadDatabase(dump_file(b"shop.sql", CUT), "alice", "db1", "shop", STAGING, (other,))
    outcome = load_database("load/shop", work, steps.systems)
    assert isinstance(outcome, Manual) and list(folder.rglob("*.sql*")) == []
    return [line for line in outcome.items[0].evidence if "old" in line or "table" in line or "rows" in line]


def test_each_table_that_differs_is_told_with_its_rows_in_both(tmp_path: Path) -> None:
    lines = told(tmp_path, OLD)

    (about,) = [line for line in lines if line.startswith("the dump of")]
    assert about.endswith(": 6 rows in 2 tables; of the damaged one 5 are read")
    assert "  table more: no such table there, 2 rows in the damaged one" in lines
    assert "  table older: 3 rows there, no such table in the damaged one" in lines
    assert "  1 tables have as many rows in both" in lines


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"source": "elsewhere"}, "its rows were not counted: it lies on elsewhere"),
        ({"size": 300 << 20}, "its rows were not counted: it has more than 256 MB"),
        ({"path": b"gone.sql"}, "its rows could not be counted: "),
    ],
)
def test_what_was_not_counted_says_so(tmp_path: Path, changes: dict[str, object], why: str) -> None:
    assert any(why in line for line in told(tmp_path, OLD, **changes))
