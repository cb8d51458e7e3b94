"""An operator looks a code or a command up at four in the morning: it must be there, and be true."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from restore import errors
from restore.arguments import parser
from restore.cli import MISUSES
from restore.errors import RestoreError
from restore.report.letter import WORDS

DOCS = Path(__file__).parent.parent / "docs"
CLASSES = [
    one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, RestoreError) and one is not RestoreError
]
ROW = re.compile(r"^\| `([a-z-]+)` \| (\w+) \| (yes|no) \| (.+) \| (.+) \|$", re.MULTILINE)
COMMANDS = re.findall(r"^ {4,}(bulkrestore .+)$", (DOCS / "runbook.md").read_text(), re.MULTILINE)


def test_every_error_is_documented_as_it_is() -> None:
    rows = ROW.findall((DOCS / "errors.md").read_text())

    stated = [(code, scope, again, following) for code, scope, again, _, following in rows]
    assert sorted(stated) == sorted(
        (one.code, one.scope.value, "yes" if one.transient else "no", one.hint) for one in CLASSES
    )


def test_what_the_errors_page_calls_bad_use_ends_with_exit_code_2() -> None:
    section = (DOCS / "errors.md").read_text().split("\n## What was typed\n")[1].split("\n## ")[0]

    assert {row[0] for row in ROW.findall(section)} <= {one.code for one in MISUSES}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_runbook_can_be_typed(command: str) -> None:
    parser().parse_args(shlex.split(command)[1:])


def test_the_readme_leads_to_both_pages_for_operators() -> None:
    readme = (DOCS.parent / "README.md").read_text()

    assert {"docs/runbook.md", "docs/errors.md"} <= set(re.findall(r"`(docs/[a-z]+\.md)`", readme))
    assert len(COMMANDS) > 10


def test_each_trap_of_mail_names_a_test_that_there_is() -> None:
    named = re.findall(r"\| `([a-z_/0-9]+\.py)` `(test_\w+)` \|", (DOCS / "mail-traps.md").read_text())
    tests = DOCS.parent / "tests"

    assert len(named) > 40
    assert [one for one in named if f"\ndef {one[1]}(" not in (tests / one[0]).read_text()] == []


def test_the_readme_tells_every_question_that_can_wait_for_a_person() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    told = set(re.findall(r"`([a-z-]+)`", readme.split("\n| cause | what is asked |\n")[1].split("\n\n")[0]))

    assert told == set(WORDS) - {"abandoned", "not-finished", "undone"}
