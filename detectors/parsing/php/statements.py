"""PHP statements: blocks, branches, loops, declarations. A branch that cannot be decided is taken both ways."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.flow import EXIT, hoist
from detectors.parsing.php.loops import havoc
from detectors.parsing.php.machine import STATEMENTS, Exhausted, ExitReached, Machine
from detectors.parsing.php.source import named
from detectors.parsing.php.state import Signal
from detectors.parsing.php.targets import assign_to, forget_root
from detectors.parsing.php.values import Array, Slot, Unknown, key_of


def expression(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        if part.type in ("exit_statement", "exit_expression"):
            return EXIT
        if part.type == "binary_expression" and (signal := _guard(machine, part)) is not UNGUARDED:
            return signal
        before = machine.state.copy() if _may_exit(part) else None
        try:
            machine.eval(part)
        except ExitReached:
            if before is None:
                return EXIT
            machine.state = before
    return None


UNGUARDED = Signal("unguarded")


def _may_exit(node: Node) -> bool:
    return node.type in ("binary_expression", "conditional_expression")


def _guard(machine: Machine, node: Node) -> Signal | None:
    """`… or die`, `… || exit`: a site that works does not die in its config, so the guard is passed."""
    right = node.child_by_field_name("right")
    left = node.child_by_field_name("left")
    if right is None or left is None:
        return UNGUARDED
    while right.type == "parenthesized_expression" and named(right):
        right = named(right)[0]
    name = right.child_by_field_name("function")
    dies = right.type in ("exit_statement", "exit_expression") or (
        name is not None and machine.source.text(name).lower() in (b"die", b"exit")
    )
    if not dies:
        return UNGUARDED
    machine.eval(left)
    return None


def exits(machine: Machine, node: Node) -> Signal | None:
    return EXIT


def returns(machine: Machine, node: Node) -> Signal | None:
    parts = named(node)
    if not parts:
        return Signal("return")
    value, notes = machine.noted(parts[0])
    machine.notes |= notes
    return Signal("return", value=value)


def leave(machine: Machine, node: Node) -> Signal | None:
    parts = named(node)
    level = machine.eval(parts[0]) if parts else 1
    kind = "break" if node.type == "break_statement" else "continue"
    return Signal(kind, level if type(level) is int else 1)


def unset(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        if part.type == "variable_name":
            name = machine.source.text(part)[1:]
            if name in machine.state.linked[-1]:
                machine.assign(
                    name, Slot(machine.unknown(part, "a global that is unset"), machine.where(part))
                )
            else:
                machine.scope_of(name).pop(name, None)
        elif part.type == "subscript_expression" and machine.source.text(named(part)[0]) == b"$GLOBALS":
            machine.becomes_opaque(machine.unknown(part, "a global that is unset"))
        elif part.type == "subscript_expression":
            parts = named(part)
            root = machine.eval(parts[0]) if parts else None
            key = machine.eval(parts[1]) if len(parts) == 2 else None
            normal = key_of(key)
            if isinstance(root, Array) and normal is not None:
                changed = root.copy()
                changed.items.pop(normal, None)
                if changed.rest is not None:
                    changed.rest = root.rest
                assign_to(machine, parts[0], Slot(changed, machine.where(part)))
            elif not (isinstance(root, Unknown) and root.kind == "unset"):
                forget_root(machine, part, machine.unknown(part, "an entry that is unset"))
        else:
            forget_root(machine, part, machine.unknown(part, "something that is unset"))
    return None


def global_declaration(machine: Machine, node: Node) -> Signal | None:
    if len(machine.state.scopes) == 1:
        return None
    names = {machine.source.text(part)[1:] for part in named(node) if part.type == "variable_name"}
    machine.state.linked[-1] |= names
    return None


def static_declaration(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        name = part.child_by_field_name("name")
        if name is not None:
            key = machine.source.text(name)[1:]
            machine.assign(key, Slot(machine.unknown(part, "a static variable"), machine.where(part)))
    return None


def const_declaration(machine: Machine, node: Node) -> Signal | None:
    for element in named(node):
        parts = named(element) if element.type == "const_element" else []
        if len(parts) == 2:
            value, notes = machine.noted(parts[1])
            name = machine.source.text(parts[0])
            if len(machine.namespaces) > 1:
                why = machine.unknown(element, "a constant of one of several namespaces")
                machine.state.constants[name] = Slot(why, machine.where(parts[1]))
                continue
            machine.define(name, Slot(value, machine.where(parts[1]), notes, "const"))
    return None


def echo(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        machine.eval(part)
    return None


def namespace(machine: Machine, node: Node) -> Signal | None:
    name = node.child_by_field_name("name")
    machine.namespaces.add(b"" if name is None else machine.source.text(name))
    body = node.child_by_field_name("body")
    if body is None:
        return None
    hoist(machine, named(body))
    return machine.run(body)


def damaged(machine: Machine, node: Node) -> Signal | None:
    """What stands in a place PHP would refuse: it may have meant anything."""
    havoc(machine, node, machine.unknown(node, "the file is damaged here"))
    return None


def goto(machine: Machine, node: Node) -> Signal | None:
    raise Exhausted


STATEMENTS.update(
    {
        "expression_statement": expression,
        "return_statement": returns,
        "break_statement": leave,
        "continue_statement": leave,
        "exit_statement": exits,
        "throw_statement": exits,
        "unset_statement": unset,
        "global_declaration": global_declaration,
        "function_static_declaration": static_declaration,
        "const_declaration": const_declaration,
        "echo_statement": echo,
        "namespace_definition": namespace,
        "goto_statement": goto,
        "ERROR": damaged,
    }
)
