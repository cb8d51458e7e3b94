"""Operators: logic, comparison, arithmetic, casts, conditionals and match."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.functions import to_int
from detectors.parsing.php.machine import EXPRESSIONS, Machine
from detectors.parsing.php.state import merge
from detectors.parsing.php.text_functions import UNDECIDED
from detectors.parsing.php.texts import concat
from detectors.parsing.php.values import (
    INT_MAX,
    INT_MIN,
    Array,
    Note,
    Object,
    TreePath,
    Unknown,
    Value,
    loose_equal,
    same,
    string,
    truth,
)


def binary(machine: Machine, node: Node) -> Value:
    """All binary operators; a chain that nests to the left is walked in a loop."""
    chain = [node]
    while (left := chain[-1].child_by_field_name("left")) is not None and left.type == "binary_expression":
        chain.append(left)
        machine.step()
    first = chain[-1].child_by_field_name("left")
    if first is None:
        return machine.unknown(node, "an operator without an operand")
    value = machine.eval(first)
    for link in reversed(chain):
        operator, right = link.child_by_field_name("operator"), link.child_by_field_name("right")
        if operator is None or right is None:
            return machine.unknown(link, "an operator without an operand")
        value = apply(machine, link, operator.type.lower(), value, right)
    return value


def apply(machine: Machine, node: Node, operator: str, left: Value, right: Node) -> Value:
    if operator in ("&&", "and", "||", "or"):
        return _logic(machine, operator in ("&&", "and"), left, right)
    if operator == "??":
        return _coalesce(machine, node, left, right)
    outer, machine.notes = machine.notes, set()
    other = machine.eval(right)
    noted = machine.notes
    machine.notes = outer | noted
    if operator == ".":
        return concat(machine, node, unset_is_null(left), unset_is_null(other))
    for value in (left, other):
        if isinstance(value, Unknown) and value.kind != "unset":
            return value
    result = _compare(operator, unset_is_null(left), unset_is_null(other))
    if result is not UNDECIDED:
        if (result is True) == (operator in ("==", "===")):
            _hit(machine)
        return result  # type: ignore[return-value]
    if type(left) is int and type(other) is int:
        return _arithmetic(machine, node, operator, left, other)
    if (
        operator == "+"
        and isinstance(left, Array)
        and isinstance(other, Array)
        and left.rest is None
        and other.rest is None
    ):
        union = left.copy()
        for key, slot in other.items.items():
            if key not in union.items:
                union.put(key, slot)
        return union
    return machine.unknown(node, f"operator {operator} on these values")


def _hit(machine: Machine) -> None:
    if any(note.kind == "host" for note in machine.notes):
        machine.host_hits += 1


def unset_is_null(value: Value) -> Value:
    return None if isinstance(value, Unknown) and value.kind == "unset" else value


def _logic(machine: Machine, conjunction: bool, left: Value, right: Node) -> Value:
    known = truth(unset_is_null(left))
    if known is (not conjunction):
        return known
    if known is None and _acts(right):
        return _maybe(machine, left, right)
    other = machine.eval(right)
    second = truth(unset_is_null(other))
    if second is (not conjunction):
        return second
    if known is None:
        return (
            left
            if isinstance(left, Unknown)
            else machine.unknown(right, "a condition that is not understood")
        )
    if second is None:
        return (
            other
            if isinstance(other, Unknown)
            else machine.unknown(right, "a condition that is not understood")
        )
    return conjunction


def _acts(node: Node) -> bool:
    """Whether evaluating an expression may change something."""
    return node.type in (
        "function_call_expression",
        "assignment_expression",
        "include_expression",
        "require_once_expression",
        "include_once_expression",
        "require_expression",
        "exit_statement",
        "parenthesized_expression",
        "error_suppression_expression",
        "augmented_assignment_expression",
        "object_creation_expression",
        "member_call_expression",
        "scoped_call_expression",
    )


def _maybe(machine: Machine, condition: Value, right: Node) -> Value:
    """Evaluate something that may or may not be evaluated: both pasts are merged."""
    why = (
        condition
        if isinstance(condition, Unknown)
        else machine.unknown(right, "a condition that is not understood")
    )
    before = machine.state.copy()
    machine.eval(right)
    machine.state = merge(before, machine.state, why)
    return why


def _coalesce(machine: Machine, node: Node, left: Value, right: Node) -> Value:
    if isinstance(left, Unknown):
        if left.kind == "unset":
            return machine.eval(right)
        # getenv() gives false for what is not there, which is not null.
        stated = node.child_by_field_name("left")
        if left.kind == "environment" and (stated is None or stated.type != "function_call_expression"):
            return fall_back(machine, left, right)
        return left
    return machine.eval(right) if left is None else left


def fall_back(machine: Machine, environment: Unknown, right: Node) -> Value:
    other = machine.eval(right)
    if isinstance(other, Unknown):
        return environment
    machine.notes.add(Note("fallback", environment.reason))
    return other


def _compare(operator: str, left: Value, right: Value) -> object:
    if isinstance(left, TreePath) or isinstance(right, TreePath):
        return UNDECIDED
    if operator in ("===", "!=="):
        if isinstance(left, Object) or isinstance(right, Object):
            return UNDECIDED
        if isinstance(left, Array) and isinstance(right, Array):
            equal = same(left, right) and list(left.items) == list(right.items) and left.rest is None
            return UNDECIDED if not equal else equal is (operator == "===")
        return same(left, right) is (operator == "===")
    if operator in ("==", "!=", "<>"):
        loose = loose_equal(left, right)
        return UNDECIDED if loose is None else loose is (operator == "==")
    if type(left) is int and type(right) is int:
        table = {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}
        return table.get(operator, UNDECIDED)
    if operator == "xor":
        one, other = truth(left), truth(right)
        return UNDECIDED if one is None or other is None else one is not other
    return UNDECIDED


def _arithmetic(machine: Machine, node: Node, operator: str, left: int, right: int) -> Value:
    result: int | None = None
    if operator == "+":
        result = left + right
    elif operator == "-":
        result = left - right
    elif operator == "*":
        result = left * right
    elif operator == "%" and left >= 0 and right > 0:
        result = left % right
    elif operator == "/" and right != 0 and left % right == 0:
        result = left // right
    elif operator == "|":
        result = left | right
    elif operator == "&":
        result = left & right
    elif operator == "^":
        result = left ^ right
    elif operator == "<=>":
        result = (left > right) - (left < right)
    if result is None or not INT_MIN <= result <= INT_MAX:
        return machine.unknown(node, f"operator {operator} on these numbers")
    return result


def unary(machine: Machine, node: Node) -> Value:
    operator, argument = node.child_by_field_name("operator"), node.child_by_field_name("argument")
    if operator is None or argument is None:
        return machine.unknown(node, "an operator without an operand")
    value = machine.value(argument)
    if operator.type == "!":
        known = truth(unset_is_null(value))
        if known is None:
            return (
                value
                if isinstance(value, Unknown)
                else machine.unknown(node, "a condition that is not understood")
            )
        return not known
    if isinstance(value, Unknown):
        return value
    if type(value) is int and operator.type in ("-", "+", "~"):
        result = -value if operator.type == "-" else (value if operator.type == "+" else ~value)
        return result if INT_MIN <= result <= INT_MAX else machine.unknown(node, "a number that is too large")
    return machine.unknown(node, f"operator {operator.type} on this value")


def cast(machine: Machine, node: Node) -> Value:
    kind, argument = node.child_by_field_name("type"), node.child_by_field_name("value")
    if kind is None or argument is None:
        return machine.unknown(node, "a cast that is not understood")
    value = unset_is_null(machine.eval(argument))
    if isinstance(value, Unknown):
        return value
    name = machine.source.text(kind).strip().lower()
    result: object = UNDECIDED
    if name in (b"string", b"binary"):
        text = string(value)
        result = UNDECIDED if text is None else text
    elif name in (b"int", b"integer"):
        result = to_int(value)
    elif name in (b"bool", b"boolean"):
        known = truth(value)
        result = UNDECIDED if known is None else known
    elif name == b"array" and isinstance(value, Array):
        result = value
    elif name == b"object" and isinstance(value, Array) and value.rest is None:
        thing = machine.new_object(b"stdclass")
        for key, slot in value.items.items():
            machine.write_prop(thing, key if isinstance(key, bytes) else b"%d" % key, slot)
        result = thing
    return machine.unknown(node, "a cast that is not understood") if result is UNDECIDED else result  # type: ignore[return-value]


EXPRESSIONS.update(
    {
        "binary_expression": binary,
        "unary_op_expression": unary,
        "cast_expression": cast,
    }
)
