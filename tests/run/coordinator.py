"""A coordinator of its own process, for tests that kill or interrupt it: python -m tests.run.coordinator FOLDER.

Begins four long steps and prints the worker's process ids, then "ended KEY KIND" for each outcome, then "closed".
SIGINT drains the first time and cancels the second time.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from types import FrameType

from restore.model.plan import Rest, Step
from restore.run.cluster import DaskCrew, Size
from restore.run.post import Factory


def say(*words: object) -> None:
    """One line, at once."""
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def main(folder: Path) -> None:
    """See the module's text."""
    crew = DaskCrew(folder / "cluster", Factory("tests.run.workplace:rest_systems", str(folder)), Size(2, 2))

    def interrupted(number: int, frame: FrameType | None) -> None:
        crew.cancel() if crew.draining else crew.drain()
        say("draining")

    signal.signal(signal.SIGINT, interrupted)
    for number in range(4):
        crew.begin(Step(f"long{number}", Rest(600)))
    say("workers", *crew.workers())
    for outcomes in crew.ready():
        for outcome in outcomes:
            say("ended", outcome.key, type(outcome).__name__)
    crew.close()
    say("closed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
