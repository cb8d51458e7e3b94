"""The arguments of a call."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.machine import Machine
from detectors.parsing.php.source import named
from detectors.parsing.php.values import Unknown, Value


def arguments_of(node: Node) -> list[Node]:
    """The argument expressions of a call; [] where they are not understood (named or spread arguments)."""
    found = node.child_by_field_name("arguments") or next(
        (c for c in node.children if c.type == "arguments"), None
    )
    if found is None:
        return []
    expressions = []
    for argument in named(found):
        parts = named(argument)
        if argument.type != "argument" or len(parts) != 1 or parts[0].type == "variadic_unpacking":
            return []
        expressions.append(parts[0])
    return expressions


def odd_arguments(machine: Machine, node: Node) -> Unknown | None:
    """Named and spread arguments are not matched with parameters: what such a call does is not known."""
    found = node.child_by_field_name("arguments") or next(
        (c for c in node.children if c.type == "arguments"), None
    )
    if found is None:
        return None
    written = machine.source.text(found)
    if (b":" not in written and b"..." not in written) or not named(found) or arguments_of(node):
        return None
    why = machine.unknown(node, "named or spread arguments")
    machine.becomes_opaque(why)
    return why


def evaluate_all(machine: Machine, arguments: list[Node]) -> list[Value]:
    return [machine.eval(one) for one in arguments]
