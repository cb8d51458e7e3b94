"""Mail into one folder: time and memory against the number of messages, the second run too; draws an SVG.

BULKRESTORE_CURVE states the largest number of messages (50,000; the goal asks for 200,000), and the picture goes to
docs/mail-curve.svg only where BULKRESTORE_DRAW is set.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
from pathlib import Path

from tests.bench.report import Report
from tests.live.mailrace import Place, field, make_backup, names_of, restore, seconds, text

COUNTS = (1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000)
MEAN_BYTES = 2_000
PICTURE = Path(__file__).parents[2] / "docs" / "mail-curve.svg"
WIDTH, HEIGHT, EDGE = 640, 360, 60

Point = tuple[int, float, float]


def main(report: Report) -> None:
    """One worker, one folder, small messages; every point is a mailbox of its own."""
    largest = int(os.environ.get("BULKRESTORE_CURVE", "50000"))
    counts = [count for count in COUNTS if count <= largest]
    points: list[Point] = []
    with field([f"curve{count}" for count in counts]) as place:
        body = text()
        for count in counts:
            make_backup(place, f"curve{count}-0", range(count), body, MEAN_BYTES)
            point, grown = _point(place, count)
            points.append(point)
            report.note(f"{count:,}: {point[1]:.2f} s, again {point[2]:.2f} s, {grown:.0f} MB")
    first, last = points[0], points[-1]
    factor = (last[1] / last[0]) / (first[1] / first[0])
    report.figure(
        f"seconds a message, {last[0]:,} against {first[0]:,}", factor, "times", better="lower", goal=1.3
    )
    report.figure(f"memory, a folder of {last[0]:,}", grown, "MB", better="lower", goal=200)
    if os.environ.get("BULKRESTORE_DRAW"):
        PICTURE.write_text(picture(points))


def _point(place: Place, count: int) -> tuple[Point, float]:
    user = names_of(f"curve{count}")[0][0]
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    worker = context.Process(target=_measured, args=(place, user, f"curve{count}-0", told))
    worker.start()
    fill, again, grown = told.get()
    worker.join()
    return (count, fill, again), grown


def _measured(
    place: Place, user: str, backup: str, told: multiprocessing.SimpleQueue[tuple[float, float, float]]
) -> None:
    fill = seconds(lambda: restore(place, user, backup))
    again = seconds(lambda: restore(place, user, backup))
    told.put((fill, again, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def picture(points: list[Point]) -> str:
    """Two lines: the fill, and the run after it that finds nothing to do."""
    most, longest = points[-1][0], max(point[1] for point in points)
    lines = []
    for place, colour, words in ((1, "#1f6feb", "fill, proven"), (2, "#d1242f", "second run")):
        at = [(_x(point[0], most), _y(point[place], longest)) for point in points]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        lines.append(f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{drawn}"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in at]
        lines.append(f'<text x="{EDGE + 12}" y="{EDGE + 18 * place - 14}" fill="{colour}">{words}</text>')
    lines += [
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - EDGE + 20}" text-anchor="end">{most:,} messages</text>',
        f'<text x="{EDGE - 6}" y="{EDGE - 14}">{longest:,.0f} s</text>',
        f'<path d="M{EDGE} {EDGE}V{HEIGHT - EDGE}H{WIDTH - EDGE}" fill="none" stroke="#57606a"/>',
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">'
    )
    return "\n".join((head, '<rect width="100%" height="100%" fill="#fff"/>', *lines, "</svg>\n"))


def _x(count: int, most: int) -> float:
    return EDGE + (WIDTH - 2 * EDGE) * count / most


def _y(spent: float, longest: float) -> float:
    return HEIGHT - EDGE - (HEIGHT - 2 * EDGE) * spent / longest
