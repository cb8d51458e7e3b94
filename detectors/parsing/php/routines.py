"""The site's own functions and methods, called in a scope of their own."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.flow import run_body
from detectors.parsing.php.machine import Machine
from detectors.parsing.php.source import Source, named
from detectors.parsing.php.state import Routine
from detectors.parsing.php.targets import forget_root
from detectors.parsing.php.values import Note, Object, Slot, Unknown, Value

MAX_CALLS = 12


def invoke(
    machine: Machine,
    node: Node,
    routine: Routine,
    given: list[tuple[Value, frozenset[Note]]],
    this: Object | None,
    arguments: list[Node],
) -> Value:
    """Call one of the site's own functions in a scope of its own."""
    machine.calls += 1
    if machine.calls > MAX_CALLS:
        machine.calls -= 1
        return machine.unknown(node, "functions calling each other too deeply", "limit")
    scope: dict[bytes, Slot] = {}
    caller = machine.source
    parameters = routine.node.child_by_field_name("parameters")
    with machine.inside(routine.source, routine.owner):
        for index, parameter in enumerate(named(parameters) if parameters is not None else ()):
            name = parameter.child_by_field_name("name")
            default = parameter.child_by_field_name("default_value")
            if name is None or parameter.type == "variadic_parameter":
                continue
            if any(child.type in ("&", "reference_modifier") for child in parameter.children) and index < len(
                arguments
            ):
                why = machine.unknown(name, "an argument passed by reference")
                forget_outside(machine, caller, arguments[index], why)
            key = machine.source.text(name)[1:]
            promoted = parameter.type == "property_promotion_parameter"
            if index < len(given):
                scope[key] = Slot(given[index][0], machine.where(name), given[index][1])
            elif default is not None:
                scope[key] = Slot(machine.eval(default), machine.where(name))
            if promoted and this is not None and key in scope:
                machine.write_prop(this, key, scope[key])
        if this is not None:
            scope[b"this"] = Slot(this, machine.where(routine.node))
        machine.state.scopes.append(scope)
        machine.state.linked.append(frozenset())
        try:
            return run_body(machine, routine.node)
        finally:
            machine.state.scopes.pop()
            machine.state.linked.pop()
            machine.calls -= 1


def forget_outside(machine: Machine, caller: Source, argument: Node, why: Unknown) -> None:
    """A variable handed over by reference is not known any more."""
    with machine.inside(caller):
        forget_root(machine, argument, why)
