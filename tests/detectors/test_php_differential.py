"""What the evaluator says of a program is what PHP says, or it says that it does not know."""

from __future__ import annotations

from pathlib import Path

import pytest

from detectors.detector import Site
from detectors.finding import text
from detectors.parsing import php
from detectors.parsing.php.machine import Machine
from detectors.parsing.php.source import Source
from detectors.parsing.php.values import Array, Object, Slot, TreePath, Unknown
from detectors.walk import Rooted
from tests.detectors.memory import MemoryTree
from tests.detectors.php_programs import HOST, VARIABLES, Programs, decoded, run_php


class NotKnown(Exception):
    pass


def plain(machine: Machine, slot: Slot) -> object:
    """A slot's value in the form `decoded` has; raises NotKnown where any of it is not known."""
    value = slot.value
    if slot.maybe or isinstance(value, (Unknown, TreePath)):
        raise NotKnown
    if isinstance(value, Array):
        if value.rest is not None:
            raise NotKnown
        return ("a", tuple((key, plain(machine, inner)) for key, inner in value.items.items()))
    if isinstance(value, Object):
        props = machine.state.heap[value.id].props
        return ("o", tuple((key, plain(machine, inner)) for key, inner in props.items()))
    return value


def disagreements(seed: int, count: int, folder: Path) -> tuple[list[str], int, int]:
    """Wrong values as lines, and how many values were known and not known."""
    made = Programs(seed)
    programs = [made.program(number) for number in range(count)]
    wrong, known, unknown = [], 0, 0
    for number, (program, truth) in enumerate(zip(programs, run_php(programs, folder), strict=True)):
        if truth["bad"]:
            continue
        site = Site(Rooted(MemoryTree({b"c.php": program}), b""), b"")
        run = php._run(site, Source("c.php", b"", program), HOST, {})
        if run is None or Source("c.php", b"", program).damage:
            unknown += 1
            continue
        machine = run[0]
        variables, constants = truth["vars"], truth["consts"]
        assert isinstance(variables, dict) and isinstance(constants, (dict, list))
        pairs = [
            (name, machine.state.scopes[0].get(name.encode()), variables.get(name)) for name in VARIABLES
        ]
        told = (
            dict(enumerate(constants))
            if isinstance(constants, list)
            else {int(k): v for k, v in constants.items()}
        )
        pairs += [
            (f"K{j}", machine.state.constants.get(b"K%d_%d" % (number, j)), told.get(j)) for j in range(4)
        ]
        for name, slot, expected in pairs:
            try:
                mine = None if slot is None else plain(machine, slot)
            except NotKnown:
                unknown += 1
                continue
            known += 1
            right = None if expected is None else decoded(expected)
            if (type(mine), mine) != (type(right), right):
                wrong.append(
                    f"seed {seed} program {number}: {name} is {right!r} for PHP, {mine!r} for us\n{text(program)}"
                )
    return wrong, known, unknown


def test_no_value_of_a_program_differs_from_what_php_computes(tmp_path: Path) -> None:
    wrong, known, unknown = disagreements(1, 1500, tmp_path)

    assert (wrong, known > unknown) == ([], True)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 22))
def test_no_value_of_many_programs_differs_from_what_php_computes(seed: int, tmp_path: Path) -> None:
    wrong, known, unknown = disagreements(seed, 2000, tmp_path)

    assert (wrong, known > unknown) == ([], True)
