"""Loops: turned as often as can be told, else whatever they touch is unknown."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.branches import condition_of, left_loop, run_optional
from detectors.parsing.php.functions import OPAQUE
from detectors.parsing.php.machine import STATEMENTS, Exhausted, Machine
from detectors.parsing.php.source import named
from detectors.parsing.php.state import Signal
from detectors.parsing.php.targets import assign_to, forget_root
from detectors.parsing.php.values import Array, Object, Slot, Unknown, Value

MAX_ROUNDS = 2_000


def foreach(machine: Machine, node: Node) -> Signal | None:
    parts = named(node)
    body = node.child_by_field_name("body")
    if len(parts) < 2:
        return None
    value = machine.eval(parts[0])
    if (
        any(child.type == "&" for child in node.children)
        or parts[1].type == "by_ref"
        or not isinstance(value, Array)
    ):
        return _havoc_loop(machine, node, value)
    if value.rest is not None or any(slot.maybe for slot in value.items.values()):
        return _havoc_loop(machine, node, value.rest or value)
    pair = named(parts[1]) if parts[1].type == "pair" else [parts[1]]
    if any(one.type == "by_ref" for one in pair):
        return _havoc_loop(machine, node, value)
    for key, slot in tuple(value.items.items()):
        machine.step()
        assign_to(machine, pair[-1], slot)
        if len(pair) == 2:
            assign_to(machine, pair[0], Slot(key, slot.where))
        signal = run_optional(machine, body)
        if signal is not None and not (signal.kind == "continue" and signal.levels == 1):
            return left_loop(signal)
    return None


def loop(machine: Machine, node: Node) -> Signal | None:
    """while, do, for: executed where its condition is known each time, else all it may write is Unknown."""
    body = node.child_by_field_name("body")
    condition = node.child_by_field_name("condition")
    if node.type == "for_statement":
        for start in node.children_by_field_name("initialize"):
            machine.eval(start)
    if condition is None:
        return _havoc_loop(machine, node, None)
    first = node.type == "do_statement"
    for _ in range(MAX_ROUNDS):
        if not first:
            known, why, _notes = condition_of(machine, condition)
            if known is None:
                return _havoc_loop(machine, node, why)
            if not known:
                return None
        first = False
        signal = run_optional(machine, body)
        if signal is not None and not (signal.kind == "continue" and signal.levels == 1):
            return left_loop(signal)
        if node.type == "for_statement":
            for update in node.children_by_field_name("update"):
                machine.eval(update)
    raise Exhausted


def _havoc_loop(machine: Machine, node: Node, value: Value) -> Signal | None:
    why = (
        value
        if isinstance(value, Unknown) and value.kind != "unset"
        else machine.unknown(node, "a loop that is not evaluated")
    )
    havoc(machine, node, why)
    return None


def havoc(machine: Machine, node: Node, why: Unknown) -> None:
    """Everything a piece of code may write becomes Unknown."""
    todo = [node]
    while todo:
        current = todo.pop()
        machine.step()
        if current.type in (
            "assignment_expression",
            "augmented_assignment_expression",
            "update_expression",
            "by_ref",
        ):
            left = current.child_by_field_name("left") or next(iter(named(current)), None)
            if left is not None:
                _havoc_target(machine, left, why)
        elif current.type in (
            "foreach_statement",
            "list_literal",
            "unset_statement",
            "reference_assignment_expression",
            "arguments",
        ):
            for part in named(current):
                if part.type not in ("compound_statement", "colon_block"):
                    _havoc_target(machine, part, why)
        elif current.type in (
            "include_expression",
            "include_once_expression",
            "require_expression",
            "require_once_expression",
            "exit_statement",
            "return_statement",
            "dynamic_variable_name",
        ):
            machine.becomes_opaque(why)
        elif current.type == "function_call_expression":
            _havoc_call(machine, current, why)
        todo.extend(current.named_children)


def _havoc_call(machine: Machine, node: Node, why: Unknown) -> None:
    function = node.child_by_field_name("function")
    name = machine.source.text(function).lower() if function is not None else b""
    if name == b"define":
        arguments = node.child_by_field_name("arguments")
        first = named(arguments)[:1] if arguments is not None else []
        literal = named(first[0])[0] if first and named(first[0]) else None
        constant = machine.eval(literal) if literal is not None and literal.type == "string" else None
        if isinstance(constant, bytes):
            if constant not in machine.state.constants:
                machine.state.constants[constant] = Slot(why, why.where, maybe=True)
        else:
            machine.becomes_opaque(why)
    elif name in machine.functions or name in OPAQUE:
        machine.becomes_opaque(why)


def _havoc_target(machine: Machine, node: Node, why: Unknown) -> None:
    while node.type in ("subscript_expression", "member_access_expression", "argument", "by_ref"):
        parts = named(node)
        if not parts:
            return
        node = parts[0]
    if node.type == "variable_name":
        name = machine.source.text(node)[1:]
        slot = machine.scope_of(name).get(name)
        if slot is not None and isinstance(slot.value, Object):
            forget_root(machine, node, why)
        else:
            machine.assign(name, Slot(why, why.where, maybe=slot is None))
    elif node.type in ("list_literal", "pair", "array_creation_expression"):
        for part in named(node):
            _havoc_target(machine, part, why)


STATEMENTS.update(
    {
        "foreach_statement": foreach,
        "while_statement": loop,
        "do_statement": loop,
        "for_statement": loop,
    }
)
