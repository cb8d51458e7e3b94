"""The command: what an operator types, what he reads, and the exit code."""

from __future__ import annotations

import importlib
import json
import os
import sys
from argparse import Namespace
from contextlib import suppress

from restore.arguments import parser
from restore.errors import (
    BadUse,
    CustomersInvalid,
    IncidentClosed,
    IncidentDiffers,
    IncidentInvalid,
    ItemUnknown,
    LedgerMissing,
    NobodyRuns,
    QuestionChanged,
    RestoreError,
    RunInProgress,
)
from restore.report.progress import Display, Documents, Lines, Live
from restore.run.nursery import open_nursery
from restore.verbs.screen import BAD_USE, DONE, FAILURES, Verb

MISUSES = (
    BadUse,
    CustomersInvalid,
    IncidentClosed,
    IncidentDiffers,
    IncidentInvalid,
    ItemUnknown,
    LedgerMissing,
    NobodyRuns,
    QuestionChanged,
    RunInProgress,
)
ROOMS = {
    "reading": ("init", "status", "log", "queue list", "queue show"),
    "restoring": ("survey", "plan", "run", "undo"),
    "steering": ("pause", "resume", "drain", "limit", "retry"),
    "reporting": ("report",),
    "verifying": ("verify",),
    "settling": ("queue answer", "queue drop"),
    "teaching": ("queue teach", "queue own", "queue rules"),
    "queueing": ("queue claim", "queue release", "queue add"),
    "slicing": ("slice",),
    "closing": ("kept list", "kept drop", "close"),
    "clustering": ("cluster certificates", "cluster scheduler", "cluster worker"),
}
WITH_WORKERS = ("restoring", "verifying")


class Terminal:
    """Satisfies verbs.screen.Screen with standard output and standard error."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def say(self, *lines: str) -> None:
        for line in lines:
            print(line, flush=True)

    def document(self, content: object) -> None:
        self.say(json.dumps(content, ensure_ascii=False))

    def warn(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def agrees(self, question: str) -> bool:
        if self.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return True
        return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def display(self, *, steps: bool) -> Display:
        if self.as_json:
            return Documents(self.document) if steps else Lines(lambda line: None)
        if sys.stdout.isatty():
            return Live()
        return Lines(self.say) if steps else Lines(lambda line: None)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code is 0 done, 1 failures, 2 bad use, 3 questions left."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    options = parser().parse_args(arguments)
    os.umask(0o077)
    screen = Terminal(as_json=options.json)
    try:
        return _verb(options)(options, screen)
    except RestoreError as error:
        _complain(error, screen)
        return BAD_USE if isinstance(error, MISUSES) else FAILURES
    except KeyboardInterrupt:
        screen.warn("bulkrestore: stopped before anything was begun")
        return FAILURES
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter flushes it once more at its end
        if options.verb not in ROOMS["restoring"]:
            return DONE
        with suppress(BrokenPipeError):
            screen.warn(f"bulkrestore: {options.verb} was cut: its output was closed. Run the same again.")
        return FAILURES


def _verb(options: Namespace) -> Verb:
    """The verb's function; only its room is imported, so that `status` does not wait for a cluster's library."""
    name = (
        f"{options.verb} {options.act}" if options.verb in ("queue", "kept", "cluster") else str(options.verb)
    )
    room = next(room for room, names in ROOMS.items() if name in names)
    if room in WITH_WORKERS:
        open_nursery()
    found: Verb = getattr(importlib.import_module(f"restore.verbs.{room}"), name.replace(" ", "_"))
    return found


def _complain(error: RestoreError, screen: Terminal) -> None:
    if screen.as_json:
        screen.document(
            {"error": error.code, "message": error.message, "kept": error.kept, "hint": error.hint}
        )
    screen.warn(f"bulkrestore: {error.message} [{error.code}]")
    if error.kept:
        screen.warn(f"  kept: {error.kept}")
    screen.warn(f"  next: {error.hint}")


if __name__ == "__main__":
    sys.exit(main())
