"""The command: what an operator types, what he reads, and the exit code."""

from __future__ import annotations

import json
import os
import sys

from rich.console import Console

from restore.arguments import parser
from restore.errors import (
    BadUse,
    CustomersInvalid,
    IncidentInvalid,
    ItemUnknown,
    LedgerMissing,
    RestoreError,
    RunInProgress,
)
from restore.report.progress import Display, Documents, Lines, Live
from restore.verbs.reading import init, log, queue_list, queue_show, status
from restore.verbs.restoring import plan, run, survey, undo
from restore.verbs.screen import BAD_USE, DONE, FAILURES, Verb
from restore.verbs.settling import queue_answer, queue_drop

MISUSES = (BadUse, CustomersInvalid, IncidentInvalid, ItemUnknown, LedgerMissing, RunInProgress)
VERBS: dict[str, Verb] = {
    "init": init,
    "survey": survey,
    "plan": plan,
    "run": run,
    "status": status,
    "log": log,
    "undo": undo,
    "queue list": queue_list,
    "queue show": queue_show,
    "queue answer": queue_answer,
    "queue drop": queue_drop,
}


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

    def display(self, *, steps: bool) -> Display:
        if self.as_json:
            return Documents(self.document) if steps else Lines(lambda line: None)
        console = Console()
        if console.is_terminal:
            return Live(console)
        return Lines(self.say) if steps else Lines(lambda line: None)


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code is 0 done, 1 failures, 2 bad use, 3 questions left."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # type: ignore[union-attr]
    options = parser().parse_args(arguments)
    os.umask(0o077)
    screen = Terminal(as_json=options.json)
    verb = VERBS[f"queue {options.act}" if options.verb == "queue" else options.verb]
    try:
        return verb(options, screen)
    except RestoreError as error:
        _complain(error, screen)
        return BAD_USE if isinstance(error, MISUSES) else FAILURES
    except KeyboardInterrupt:
        screen.warn("bulkrestore: stopped before anything was begun")
        return FAILURES
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter flushes it once more at its end
        return DONE


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
