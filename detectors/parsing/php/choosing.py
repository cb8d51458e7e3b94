"""Expressions that choose: the conditional operator and match."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.machine import EXPRESSIONS, Machine
from detectors.parsing.php.operators import fall_back, unset_is_null
from detectors.parsing.php.source import named
from detectors.parsing.php.values import Object, TreePath, Unknown, Value, same, truth


def conditional(machine: Machine, node: Node) -> Value:
    """`a ? b : c` and `a ?: c`"""
    condition, body, other = (node.child_by_field_name(name) for name in ("condition", "body", "alternative"))
    if condition is None or other is None:
        return machine.unknown(node, "a condition that is not understood")
    value = machine.eval(condition)
    known = truth(unset_is_null(value))
    if known is not None:
        if body is None:
            return value if known else machine.eval(other)
        return machine.eval(body if known else other)
    if isinstance(value, Unknown) and value.kind == "environment":
        first = value if body is None else machine.eval(body)
        if isinstance(first, Unknown) and first.kind == "environment":
            return fall_back(machine, first, other)
    first = value if body is None else machine.eval(body)
    second = machine.eval(other)
    if same(first, second):
        return first
    return (
        value if isinstance(value, Unknown) else machine.unknown(node, "a condition that is not understood")
    )


def match(machine: Machine, node: Node) -> Value:
    """match: strict comparison, first that fits."""
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if condition is None or body is None:
        return machine.unknown(node, "a match that is not understood")
    outer, machine.notes = machine.notes, set()
    subject = machine.value(condition)
    noted = machine.notes
    machine.notes = outer | noted
    if isinstance(subject, (Unknown, TreePath, Object)):
        return (
            subject
            if isinstance(subject, Unknown)
            else machine.unknown(node, "a match that is not understood")
        )
    default: Node | None = None
    for arm in named(body):
        result = arm.child_by_field_name("return_expression")
        if arm.type == "match_default_expression":
            default = result
            continue
        listed = arm.child_by_field_name("conditional_expressions")
        for one in named(listed) if listed is not None else ():
            value = machine.value(one)
            if isinstance(value, Unknown):
                return value
            if same(subject, value) and result is not None:
                machine.host_hits += any(note.kind == "host" for note in noted)
                return machine.eval(result)
    return machine.unknown(node, "a match without a fit") if default is None else machine.eval(default)


EXPRESSIONS.update(
    {
        "conditional_expression": conditional,
        "match_expression": match,
    }
)
