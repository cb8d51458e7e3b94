"""Mail into one folder: time and memory against the number of messages, the second run too; draws an SVG.

BULKRESTORE_CURVE states the largest number of messages (200,000), and the picture goes to docs/mail-curve.svg only
where BULKRESTORE_DRAW is set. Mail and journal are on disk, in memory where BULKRESTORE_MEMORY is set; the backup is.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

from fixtures.servers.folder import MEMORY, PARENT
from tests.bench.mail import add_large
from tests.bench.report import Report
from tests.live.mailcorpus import Corpus, Place, field, make_backup
from tests.live.mailrace import grown, restore, seconds, server_seconds

COUNTS = (1_000, 5_000, 20_000, 50_000, 100_000, 200_000)
QUICK = 5_000
MEAN_BYTES = 2_000
PICTURE = Path(__file__).parents[2] / "docs" / "mail-curve.svg"
WIDTH, HEIGHT, EDGE = 640, 360, 60

Point = tuple[int, float, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of the fill and of the run after it, processor seconds of the worker and of the server in the fill, and
    the most memory the worker held, in MB."""

    fill: float
    again: float
    client: float
    server: float
    memory: float


def main(report: Report) -> None:
    """One worker, one folder, small messages; every point is a mailbox of its own. In the largest folder one message
    more has 100 MB."""
    largest = QUICK if report.quick else int(os.environ.get("BULKRESTORE_CURVE", "200000"))
    counts = [count for count in COUNTS if count <= largest]
    points: list[Point] = []
    disk = MEMORY if os.environ.get("BULKRESTORE_MEMORY") else PARENT
    with field([f"curve-{count}@example.is" for count in counts], disk) as place:
        for count in counts:
            make_backup(place, f"curve-{count}", Corpus(1, 1, count), range(count), MEAN_BYTES)
            if count == counts[-1]:
                add_large(place, f"curve-{count}")
            found = _point(place, count)
            points.append((count, found.fill, found.again))
            report.note(
                f"{count:,}: {found.fill:.2f} s, again {found.again:.2f} s; CPU a message: client "
                f"{found.client / count * 1000:.3f}, server {found.server / count * 1000:.3f} ms; {found.memory:.0f} MB"
            )
    first, last = points[0], points[-1]
    factor = (last[1] / last[0]) / (first[1] / first[0])
    report.figure(
        f"seconds a message, {last[0]:,} against {first[0]:,}", factor, "times", better="lower", goal=1.3
    )
    name = f"memory, a folder of {last[0]:,} and a message of 100 MB"
    report.figure(name, found.memory, "MB", better="lower", goal=200)
    if os.environ.get("BULKRESTORE_DRAW"):
        PICTURE.write_text(picture(points))


def _point(place: Place, count: int) -> Measured:
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    worker = context.Process(target=_measured, args=(place, count, told))
    worker.start()
    found: Measured = told.get()
    worker.join()
    return found


def _measured(place: Place, count: int, told: multiprocessing.SimpleQueue[Measured]) -> None:
    user, backup = f"curve-{count}@example.is", f"curve-{count}"
    used, server = time.process_time(), server_seconds(place)
    fill = seconds(lambda: restore(place, user, backup))
    used = time.process_time() - used
    time.sleep(0.5)  # the server's process has ended then
    server = server_seconds(place) - server
    again = seconds(lambda: restore(place, user, backup))
    told.put(Measured(fill, again, used, server, grown()))


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
