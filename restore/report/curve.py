"""A recovery curve as coordinates: how many things of one service were back at each moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restore.report.layout import span

WIDTH, HEIGHT = 360, 180
LEFT, RIGHT, TOP, BOTTOM = 42, 350, 12, 148
COLUMNS = 300


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: its place and its words."""

    place: float
    text: str


@dataclass(frozen=True, slots=True)
class Curve:
    """What an SVG of WIDTH x HEIGHT shows: the line and the area under it as path data, ticks, where runs began."""

    line: str
    area: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    runs: tuple[float, ...]
    end: tuple[float, float]


def curve(moments: Sequence[float], total: int, seconds: float, runs: Sequence[float]) -> Curve:
    """The curve of things that were back `moments` (seconds, in order) after the first run's start, of `total`,
    up to `seconds`; `runs` are the seconds at which commands began."""
    seconds = max(seconds, 1.0, *moments[-1:])
    steps: dict[int, int] = {}
    for count, moment in enumerate(moments, 1):
        steps[round(moment / seconds * COLUMNS)] = count
    points = [(_x(0), _y(0, total))]
    for column, count in steps.items():
        x = _x(column / COLUMNS)
        points += [(x, points[-1][1]), (x, _y(count, total))]
    end = (_x(1), points[-1][1])
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*points, end])
    halves = sorted({0, total // 2, total})
    return Curve(
        line,
        f"{line}L{end[0]:.1f} {BOTTOM}L{LEFT} {BOTTOM}Z",
        (Tick(_x(0), "0"), Tick(_x(0.5), span(seconds / 2)), Tick(_x(1), span(seconds))),
        tuple(Tick(_y(count, total), f"{count:,}") for count in halves),
        tuple(_x(min(1.0, max(0.0, run / seconds))) for run in runs),
        end,
    )


def _x(part: float) -> float:
    return LEFT + part * (RIGHT - LEFT)


def _y(count: int, total: int) -> float:
    return BOTTOM - (count / total if total else 0) * (BOTTOM - TOP)
