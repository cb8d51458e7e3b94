"""A file and a function's body, statement by statement; declarations are met first."""

from __future__ import annotations

from collections.abc import Sequence

from tree_sitter import Node

from detectors.parsing.php.machine import STATEMENTS, ExitReached, Machine
from detectors.parsing.php.source import Source, named
from detectors.parsing.php.state import ClassInfo, Routine, Signal, merge, merge_slots
from detectors.parsing.php.values import Slot, Value

EXIT = Signal("exit")


DEAD = Signal("dead")


def hoist(machine: Machine, nodes: Sequence[Node]) -> None:
    """Functions and classes can be used before they are declared."""
    for node in nodes:
        if node.type == "function_definition":
            name = node.child_by_field_name("name")
            if name is not None:
                machine.functions.setdefault(machine.source.text(name).lower(), Routine(node, machine.source))
        elif node.type == "class_declaration":
            declare_class(machine, node)


MAGIC = frozenset((b"__get", b"__set", b"__isset", b"__unset"))


def declare_class(machine: Machine, node: Node) -> Signal | None:
    """Remember what a class declares."""
    name, body = node.child_by_field_name("name"), node.child_by_field_name("body")
    if name is None or body is None or machine.source.text(name).lower() in machine.classes:
        return None
    base = next((child for child in node.children if child.type == "base_clause"), None)
    parent = (
        machine.source.text(named(base)[0]).rpartition(b"\\")[2].lower()
        if base is not None and named(base)
        else b""
    )
    info = ClassInfo(machine.source.text(name), parent, machine.source)
    for member in named(body):
        machine.step()
        info.partial |= member.type == "use_declaration"
        if member.type == "property_declaration":
            modifiers = machine.source.text(member).partition(b"$")[0]
            static = b"static" in modifiers and any(
                child.type == "static_modifier" for child in member.children
            )
            table = info.statics if static else info.props
            for element in named(member):
                variable = element.child_by_field_name("name") if element.type == "property_element" else None
                if variable is not None:
                    title = machine.source.text(variable)[1:]
                    table[title] = (element, element.child_by_field_name("default_value"))
                    if b"private" in modifiers:
                        info.private.add(title)
        elif member.type == "const_declaration":
            for element in named(member):
                parts = named(element) if element.type == "const_element" else []
                if len(parts) == 2:
                    info.constants[machine.source.text(parts[0])] = parts[1]
        elif member.type == "method_declaration":
            place = member.child_by_field_name("name")
            if place is not None:
                called = machine.source.text(place).lower()
                info.methods[called] = Routine(member, machine.source, info.name.lower())
                info.partial |= called in MAGIC
    machine.classes.setdefault(info.name.lower(), info)
    return None


def declare_function(machine: Machine, node: Node) -> Signal | None:
    hoist(machine, [node])
    return None


def run_all(machine: Machine, nodes: Sequence[Node]) -> Signal | None:
    """Statements one after another."""
    for node in nodes:
        signal = machine.run(node)
        if signal is not None:
            return signal
    return None


def block(machine: Machine, node: Node) -> Signal | None:
    return run_all(machine, named(node))


def _finish(machine: Machine, signal: Signal | None, nothing: Value) -> Value:
    """The return value of a file or function; ways that returned early are merged in."""
    returns, machine.returns = machine.returns, []
    value: Value = nothing
    alive = signal is None or signal.kind not in ("dead", "exit")
    if signal is not None and signal.kind == "return":
        value = signal.value
    for state, returned, why in returns:
        if not alive:
            machine.state, value, alive = state, returned, True
            continue
        machine.state = merge(machine.state, state, why)
        where = machine.where(machine.source.root)
        merged = merge_slots(Slot(value, where), Slot(returned, where), why)
        if merged is not None:
            machine.notes |= merged.notes
            value = merged.value
    return value


def run_file(machine: Machine, source: Source) -> Value:
    """A whole file in the present scope."""
    outer, machine.returns = machine.returns, []
    nodes = named(source.root)
    hoist(machine, nodes)
    try:
        try:
            signal = run_all(machine, nodes)
        except ExitReached:
            signal = EXIT
        return _finish(machine, signal, 1)
    finally:
        machine.returns = outer


def run_body(machine: Machine, node: Node) -> Value:
    """A function's body."""
    body = node.child_by_field_name("body")
    outer, machine.returns = machine.returns, []
    try:
        return _finish(machine, block(machine, body) if body is not None else None, None)
    finally:
        machine.returns = outer


STATEMENTS.update(
    {
        "compound_statement": block,
        "colon_block": block,
        "class_declaration": declare_class,
        "function_definition": declare_function,
    }
)
