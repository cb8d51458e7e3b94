"""PHP expressions: literals, operators, variables, arrays, assignments."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.machine import EXPRESSIONS, Machine
from detectors.parsing.php.operators import apply
from detectors.parsing.php.source import named
from detectors.parsing.php.targets import assign_to, poison
from detectors.parsing.php.values import INT_MAX, Array, Slot, Unknown, Value, key_of


def parenthesized(machine: Machine, node: Node) -> Value:
    parts = named(node)
    return (
        machine.eval(parts[0])
        if len(parts) == 1
        else machine.unknown(node, "parentheses that are not understood")
    )


def array_literal(machine: Machine, node: Node) -> Value:
    made = Array()
    for item in named(node):
        if item.type == "ERROR":
            return machine.unknown(node, "an array that is damaged")
        parts = named(item)
        if parts and parts[0].type == "variadic_unpacking":
            spread = machine.eval(named(parts[0])[0])
            if not isinstance(spread, Array) or spread.rest is not None:
                made.rest = machine.unknown(node, "an array with something spread into it")
            else:
                for key, slot in spread.items.items():
                    made.put(None if isinstance(key, int) else key, slot)
            continue
        if any(child.type in ("&", "by_ref") for child in item.children):
            poison(machine, parts[-1], machine.unknown(node, "a reference in an array"))
        if len(parts) == 2:
            raw = machine.value(parts[0])
            normal = None if isinstance(raw, Unknown) else key_of(raw)
            value, notes = machine.noted(parts[1])
            if normal is None:
                made.rest = (
                    raw
                    if isinstance(raw, Unknown)
                    else machine.unknown(parts[0], "a key that is not understood")
                )
                made.items = {key: s._replace(value=made.rest, maybe=True) for key, s in made.items.items()}
                continue
            made.put(normal, Slot(value, machine.where(parts[1]), notes, how_of(parts[1])))
        elif len(parts) == 1:
            value, notes = machine.noted(parts[0])
            made.put(None, Slot(value, machine.where(parts[0]), notes, how_of(parts[0])))
    return made


def how_of(node: Node) -> str:
    """The construct an expression is, for evidence."""
    return (
        ""
        if node.type in ("string", "encapsed_string", "integer")
        else node.type.replace("_expression", "").replace("_", " ")
    )


def assignment(machine: Machine, node: Node) -> Value:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return machine.unknown(node, "an assignment that is not understood")
    value, notes = machine.noted(right)
    slot = Slot(value, machine.where(right), notes, how_of(right))
    if any(child.type == "&" for child in node.children) or node.type == "reference_assignment_expression":
        _bind(machine, left, right, slot)
    elif left.type in ("list_literal", "array_creation_expression") and b"&" in machine.source.text(left):
        machine.becomes_opaque(machine.unknown(left, "a reference that is not followed"))
        poison(machine, right, machine.unknown(left, "a reference that is not followed"))
    else:
        assign_to(machine, left, slot)
    return value


def _bind(machine: Machine, left: Node, right: Node, slot: Slot) -> None:
    """`$a = &$b`: from now on neither is followed."""
    if right.type == "object_creation_expression":
        assign_to(machine, left, slot)
        return
    why = machine.unknown(left, "a reference that is not followed")
    poison(machine, left, why)
    poison(machine, right, why)
    if right.type.endswith("call_expression") and _by_reference(machine):
        machine.becomes_opaque(why)


def _by_reference(machine: Machine) -> bool:
    """Whether any function of the site hands out references to what it holds."""
    routines = [*machine.functions.values()]
    routines += [one for info in machine.classes.values() for one in info.methods.values()]
    return any(b"&" in one.source.text(one.node).partition(b"(")[0] for one in routines)


def augmented(machine: Machine, node: Node) -> Value:
    left, operator, right = (node.child_by_field_name(name) for name in ("left", "operator", "right"))
    if left is None or operator is None or right is None:
        return machine.unknown(node, "an assignment that is not understood")
    outer, machine.notes = machine.notes, set()
    old = machine.eval(left)
    if operator.type == "??=" and not (old is None or isinstance(old, Unknown)):
        machine.notes = outer | machine.notes
        return old
    value = apply(machine, node, operator.type[:-1], old, right)
    slot = Slot(value, machine.where(right), frozenset(machine.notes) | machine.control, "assembled")
    machine.notes = outer | machine.notes
    assign_to(machine, left, slot)
    return value


def increment(machine: Machine, node: Node) -> Value:
    argument = node.child_by_field_name("argument") or next(iter(named(node)), None)
    if argument is None:
        return machine.unknown(node, "an operator without an operand")
    old = machine.eval(argument)
    operator = node.child_by_field_name("operator")
    change = -1 if operator is not None and operator.type == "--" else 1
    prefix = bool(node.children) and node.children[0].type in ("++", "--")
    new: Value = machine.unknown(node, "a counter that is not understood")
    if type(old) is int and abs(old) < INT_MAX:
        new = old + change
    assign_to(machine, argument, Slot(new, machine.where(node)))
    return new if prefix else old


def suppressed(machine: Machine, node: Node) -> Value:
    parts = named(node)
    return machine.eval(parts[0]) if parts else machine.unknown(node, "an empty expression")


def printed(machine: Machine, node: Node) -> Value:
    for part in named(node):
        machine.eval(part)
    return 1


EXPRESSIONS.update(
    {
        "parenthesized_expression": parenthesized,
        "array_creation_expression": array_literal,
        "assignment_expression": assignment,
        "reference_assignment_expression": assignment,
        "augmented_assignment_expression": augmented,
        "update_expression": increment,
        "error_suppression_expression": suppressed,
        "print_intrinsic": printed,
        "by_ref": suppressed,
    }
)
