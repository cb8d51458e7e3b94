"""Acts that cannot be taken back are agreed to by a person at a terminal, or by --yes."""

from __future__ import annotations

import sys
from argparse import Namespace

from restore.errors import BadUse
from restore.verbs.screen import Screen


def confirmed(options: Namespace, screen: Screen, question: str) -> bool:
    """Whether the operator agrees: --yes says so beforehand. Raises BadUse where nobody can be asked."""
    if options.yes:
        return True
    if screen.as_json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise BadUse(
            f"{question} There is no terminal to ask at: give --yes once you are sure. Nothing was done."
        )
    return screen.agrees(question)
