"""The complete rows of a damaged INSERT: those before the damage, and those behind it where rows begin again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from restore.systems.dump_inserts import blanked_escapes
from restore.systems.dump_rows import CELL, LITERAL

ROW = re.compile(
    rb"\(\s*+(" + LITERAL + rb"(?:\s*+,\s*+" + LITERAL + rb")*+)\s*+\)", re.DOTALL | re.IGNORECASE
)
NEXT = re.compile(rb"\s*+,\s*+(?=\(|\Z)")
END = re.compile(rb"\s*+(?:;|\Z)")
BETWEEN = re.compile(rb"\)\s*+,\s*+(?=\()")
LINES, ONE_LINE = b"),\n(", b"),("
# Each string is one quote here: what stood between its two was taken out.
PLAIN_CELL = rb"(?:'|NULL|-?\d++(?:\.\d++)?+(?:e[-+]?\d++)?+)"
PLAIN_ROW = re.compile(PLAIN_CELL + rb"(?:," + PLAIN_CELL + rb")*+")
# So many rows in a row, each of as many values as the table has columns, are no text that looks like some.
CERTAIN = 2
# A gap longer than so many usual rows may have swallowed any number of them.
FEW = 4


@dataclass(frozen=True, slots=True)
class Run:
    """Complete rows one behind the other: from the first `(` at `start` to behind the last `)`."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes that are no complete rows; at most so many rows stood there, None where nobody can know."""

    start: int
    end: int
    rows: int | None


@dataclass(frozen=True, slots=True)
class Rows:
    """The runs and gaps of an INSERT's values, in order."""

    runs: tuple[Run, ...]
    gaps: tuple[Gap, ...]

    @property
    def count(self) -> int:
        """All complete rows."""
        return sum(run.rows for run in self.runs)


def cells_of(row: bytes) -> int:
    """How many values a row (without its parentheses) has."""
    return len(CELL.findall(row))


def plain_rows(text: bytes, start: int, cells: int) -> int | None:
    """How many rows an INSERT has that is whole and written as dump programs write: read without a look at each byte.
    None where only rows_in() can tell."""
    parts = blanked_escapes(text[start:]).split(b"'")
    if len(parts) % 2 == 0 or b"\0" in text:
        return None
    code = b"'".join(parts[::2]).strip()
    if code[:1] != b"(" or code[-1:] != b")":
        return None
    rows = code[1:-1].split(LINES if LINES in code else ONE_LINE)
    whole = all(row.count(b",") + 1 == cells and PLAIN_ROW.fullmatch(row) for row in rows)
    return len(rows) if whole else None


def rows_in(text: bytes, start: int, cells: int, *, within: bool = False) -> Rows:
    """The complete rows of `cells` values each from `start` on, up to the statement's end. `within`: the text begins
    somewhere inside a row."""
    runs: list[Run] = []
    gaps: list[Gap] = []
    place = start
    while place < len(text):
        run, ends = (None, False) if within and place == start else _run(text, place, cells)
        if run is not None:
            runs.append(run)
            if ends:
                return Rows(tuple(runs), tuple(gaps))
            place = run.end
        gap = _gap(text, place, cells)
        usual = sum(one.end - one.start for one in runs) // max(1, sum(one.rows for one in runs))
        if usual and gap.end - gap.start > FEW * usual:
            gap = Gap(gap.start, gap.end, None)
        gaps.append(gap)
        place = gap.end
    return Rows(tuple(runs), tuple(gaps))


def _run(text: bytes, start: int, cells: int) -> tuple[Run | None, bool]:
    """The rows that begin at `start`, and whether the statement ends behind them."""
    place, end, rows = start, start, 0
    while (row := ROW.match(text, place)) is not None and cells_of(row[1]) == cells:
        follows, ends = NEXT.match(text, row.end()), END.match(text, row.end())
        # Dump programs escape NUL: where one stands, a disk's lost blocks were read as zeros.
        if (follows is None and ends is None) or b"\0" in row[1]:
            break
        end, rows = row.end(), rows + 1
        if follows is None:
            return Run(start, end, rows), True
        place = follows.end()
    return (Run(start, end, rows) if rows else None), False


def _gap(text: bytes, start: int, cells: int) -> Gap:
    """What lies between complete rows: up to the first place at which complete rows begin again."""
    # A row that neither `,` nor `;` follows looks complete and is not trusted: two may be damaged then.
    passed = 2 if ROW.match(text, start) else 1
    for between in BETWEEN.finditer(text, start):
        run, ends = _run(text, between.end(), cells)
        if run is not None and (ends or run.rows >= CERTAIN):
            return Gap(start, between.end(), passed)
        passed += 1
    closed = text.rstrip().endswith(b";")
    return Gap(start, len(text), passed if closed else None)


def joined(head: bytes, text: bytes, runs: Sequence[Run]) -> bytes:
    """The runs as one INSERT of ours."""
    return head + b",".join(text[run.start : run.end] for run in runs) + b";"
