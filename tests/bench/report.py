"""What a benchmark says: figures, as JSON lines for programs or as one table for people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Literal, TextIO

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value. `goal` and `peer` are in the same unit; `peer` was measured in the same run."""

    name: str
    value: float
    unit: str
    better: Literal["higher", "lower"]
    goal: float | None
    peer: float | None

    @property
    def missed(self) -> bool:
        """The value does not reach its goal."""
        if self.goal is None:
            return False
        return self.value < self.goal if self.better == "higher" else self.value > self.goal


class Report:
    """Collects figures. As JSON each is one line on `out` at once; else `close` prints them as a table.
    `quick`: a benchmark with a smaller corpus takes that."""

    def __init__(self, out: TextIO, notes: TextIO, *, as_json: bool, quick: bool = False) -> None:
        self._out = out
        self._notes = notes
        self._as_json = as_json
        self.quick = quick
        self.figures: list[Figure] = []

    def figure(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        better: Literal["higher", "lower"] = "higher",
        goal: float | None = None,
        peer: float | None = None,
    ) -> None:
        """States one measured value. Raises ValueError for what is no number: nothing was measured then."""
        figure = Figure(name, value, unit, better, goal, peer)
        line = json.dumps(asdict(figure), allow_nan=False)
        self.figures.append(figure)
        if self._as_json:
            print(line, file=self._out, flush=True)

    def note(self, text: str) -> None:
        """Says how it goes, or what a reader of the figures should know; apart from the figures."""
        print(text, file=self._notes, flush=True)

    def close(self) -> bool:
        """Prints the table, unless the figures went out as JSON. Returns whether every goal was reached."""
        if not self._as_json:
            table = Table(box=None, pad_edge=False)
            table.add_column("figure", overflow="fold")
            for column in ("value", "goal", "peer"):
                table.add_column(column, justify="right")
            table.add_column("unit")
            table.add_column("")
            for figure in self.figures:
                table.add_row(*_cells(figure))
            Console(file=self._out, highlight=False, markup=False).print(table)
        return not any(figure.missed for figure in self.figures)


def _cells(figure: Figure) -> tuple[str, ...]:
    sign = "≥" if figure.better == "higher" else "≤"
    return (
        figure.name,
        f"{figure.value:,.4g}" if abs(figure.value) < 1000 else f"{figure.value:,.0f}",
        "" if figure.goal is None else f"{sign} {figure.goal:,g}",
        "" if figure.peer is None else f"{figure.peer:,g}",
        figure.unit,
        "MISSED" if figure.missed else "",
    )
