"""What a benchmark says: figures, as JSON lines for programs or as one table for people."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
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
        self._unclear: set[str] = set()
        self._spread: dict[str, str] = {}

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

    def spread(
        self,
        name: str,
        values: Sequence[float],
        unit: str,
        *,
        better: Literal["higher", "lower"] = "higher",
        goal: float | None = None,
        peers: Sequence[float] = (),
        factor: float = 1,
    ) -> None:
        """States the median of several runs; least and most stand beside it, or as figures of their own in JSON.

        `peers` are a peer's values in the same runs: `factor` times them is the goal then. A goal that lies inside
        the spread is not distinguishable from the value, which neither reaches nor misses it."""
        peer = statistics.median(peers) if peers else None
        goals = [factor * value for value in peers] if peers else [] if goal is None else [goal]
        if goals and min(values) < max(goals) and max(values) > min(goals):
            self._unclear.add(name)
            self.note(f"{name}: the goal lies inside the spread: not distinguishable")
        if peer is not None:
            goal = factor * peer
        self.figure(name, statistics.median(values), unit, better=better, goal=goal, peer=peer)
        self._spread[name] = f"{_short(min(values))} to {_short(max(values))}"
        if self._as_json:
            self.figure(f"{name}: least", min(values), unit, better=better)
            self.figure(f"{name}: most", max(values), unit, better=better)

    def note(self, text: str) -> None:
        """Says how it goes, or what a reader of the figures should know; apart from the figures."""
        print(text, file=self._notes, flush=True)

    def close(self) -> bool:
        """Prints the table, unless the figures went out as JSON. Returns whether every goal was reached."""
        if not self._as_json:
            table = Table(box=None, pad_edge=False)
            table.add_column("figure", overflow="fold")
            for column in ("value", "least to most", "goal", "peer"):
                table.add_column(column, justify="right")
            table.add_column("unit")
            table.add_column("")
            for figure in self.figures:
                name, value, *others = _cells(figure, unclear=figure.name in self._unclear)
                table.add_row(name, value, self._spread.get(name, ""), *others)
            Console(file=self._out, highlight=False, markup=False).print(table)
        return not any(figure.missed and figure.name not in self._unclear for figure in self.figures)


def _short(value: float) -> str:
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def _cells(figure: Figure, *, unclear: bool) -> tuple[str, ...]:
    sign = "≥" if figure.better == "higher" else "≤"
    return (
        figure.name,
        _short(figure.value),
        "" if figure.goal is None else f"{sign} {figure.goal:,g}",
        "" if figure.peer is None else f"{figure.peer:,g}",
        figure.unit,
        "not distinguishable" if unclear else "MISSED" if figure.missed else "",
    )
