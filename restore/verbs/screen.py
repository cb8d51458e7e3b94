"""What a verb shows itself on; cli.py alone prints."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from typing import Protocol

from restore.incident import read_incident
from restore.model.incident import Incident
from restore.model.operator import Operator
from restore.report.progress import Display
from restore.request import identify

DONE, FAILURES, BAD_USE, QUESTIONS = 0, 1, 2, 3


class Screen(Protocol):
    """Where an operator or a machine reads."""

    @property
    def as_json(self) -> bool:
        """A machine reads."""

    def say(self, *lines: str) -> None:
        """Lines for people."""

    def document(self, content: object) -> None:
        """One JSON document on a line of its own."""

    def warn(self, line: str) -> None:
        """A line beside the output."""

    def agrees(self, question: str) -> bool:
        """Ask a person; where nobody can be asked, the answer is yes."""

    def display(self, *, steps: bool) -> Display:
        """How work that goes on is shown; without `steps` only what a terminal shows while it lasts."""


def operator_of(options: Namespace) -> Operator:
    """Who runs this command."""
    return identify(options.operator, os.environ)


Verb = Callable[[Namespace, Screen], int]


def incident_of(options: Namespace) -> Incident:
    """The incident that the options, the environment or this folder name."""
    return read_incident(options.incident or os.environ.get("BULKRESTORE_INCIDENT") or "incident.toml")
