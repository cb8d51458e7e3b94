"""What is a part of the language though it is called like a function: define, isset, getenv and their like."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.arguments import evaluate_all
from detectors.parsing.php.files import contents, dirname_of, exists, is_dir, is_file, realpath, run_text
from detectors.parsing.php.machine import EXPRESSIONS, ExitReached, Machine
from detectors.parsing.php.routines import invoke
from detectors.parsing.php.superglobals import environment
from detectors.parsing.php.values import Array, Note, Slot, Unknown, Value, string, truth


def _define(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    if len(arguments) < 2:
        return machine.unknown(node, "define() that is not understood")
    name = string(machine.eval(arguments[0]))
    value, notes = machine.noted(arguments[1])
    if name is None:
        return machine.unknown(node, "a constant whose name is computed")
    known = name in machine.state.constants
    machine.define(name, Slot(value, machine.where(arguments[1]), notes, "define"))
    return not known


def _defined(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    name = string(machine.eval(arguments[0])) if len(arguments) == 1 else None
    if name is None:
        return machine.unknown(node, "a constant whose name is computed")
    slot = machine.state.constants.get(name)
    if slot is None:
        return machine.state.opaque or False
    if slot.maybe:
        return (
            slot.value
            if isinstance(slot.value, Unknown)
            else machine.unknown(node, "a constant that may be defined")
        )
    return True


def _constant(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    name = string(machine.eval(arguments[0])) if len(arguments) == 1 else None
    slot = None if name is None else machine.state.constants.get(name)
    if slot is None:
        return machine.unknown(node, "a constant that is not defined here")
    machine.notes |= slot.notes
    return slot.value


def _getenv(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    if not arguments:
        return machine.unknown(node, "the whole environment", "environment")
    name = string(machine.eval(arguments[0]))
    if name is None:
        return machine.unknown(node, "an environment variable whose name is computed", "environment")
    return environment(machine, node, name, server=name in (b"HTTP_HOST", b"SERVER_NAME"))


def _env(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    """env() of Laravel and Bedrock: the environment, else the second argument."""
    if b"env" in machine.functions:
        return invoke(
            machine, node, machine.functions[b"env"], [machine.noted(a) for a in arguments], None, arguments
        )
    value = _getenv(machine, node, arguments[:1])
    if isinstance(value, Unknown) and len(arguments) == 2:
        default = machine.eval(arguments[1])
        if not isinstance(default, Unknown):
            machine.notes.add(Note("fallback", value.reason))
            return default
    return value


def _isset(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    for argument in arguments:
        value = machine.eval(argument)
        if isinstance(value, Unknown):
            return False if value.kind == "unset" else value
        if value is None:
            return False
    return True


def _empty(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    value = machine.eval(arguments[0]) if len(arguments) == 1 else machine.unknown(node, "empty() of nothing")
    if isinstance(value, Unknown):
        return True if value.kind == "unset" else value
    known = truth(value)
    return machine.unknown(node, "a value that may be empty") if known is None else not known


def _exit(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    raise ExitReached


def exit_expression(machine: Machine, node: Node) -> Value:
    raise ExitReached


def _compact(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    made = Array()
    for value in evaluate_all(machine, arguments):
        slot = machine.scope_of(value).get(value) if isinstance(value, bytes) else None
        if slot is None or not isinstance(value, bytes):
            return machine.unknown(node, "compact() that is not understood")
        made.put(value, slot)
    return made


def _extract(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    value = machine.eval(arguments[0]) if len(arguments) == 1 else None
    if (
        not isinstance(value, Array)
        or value.rest is not None
        or any(slot.maybe for slot in value.items.values())
    ):
        machine.becomes_opaque(machine.unknown(node, "extract() of something that is not known"))
        return machine.unknown(node, "extract() of something that is not known")
    for key, slot in value.items.items():
        if isinstance(key, bytes):
            machine.assign(key, slot)
    return len(value.items)


SPECIAL = {
    b"define": _define,
    b"defined": _defined,
    b"constant": _constant,
    b"getenv": _getenv,
    b"env": _env,
    b"isset": _isset,
    b"empty": _empty,
    b"dirname": dirname_of,
    b"realpath": realpath,
    b"file_exists": exists,
    b"is_readable": exists,
    b"is_file": is_file,
    b"is_dir": is_dir,
    b"file_get_contents": contents,
    b"eval": run_text,
    b"die": _exit,
    b"exit": _exit,
    b"compact": _compact,
    b"extract": _extract,
}

EXPRESSIONS.update(
    {
        "exit_statement": exit_expression,
        "throw_expression": exit_expression,
        "exit_expression": exit_expression,
    }
)
