"""What names hold: constants, variables, entries of arrays, properties of objects."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.machine import EXPRESSIONS, Machine
from detectors.parsing.php.source import named
from detectors.parsing.php.superglobals import superglobal
from detectors.parsing.php.targets import name_of
from detectors.parsing.php.text_functions import UNDECIDED
from detectors.parsing.php.values import INT_MAX, Array, Object, TreePath, Unknown, Value, key_of, string

WORDS: dict[bytes, Value] = {b"true": True, b"false": False, b"null": None}


def word(machine: Machine, node: Node) -> Value:
    """A bare name: true, false, null, a magic constant or a constant."""
    name = machine.source.text(node).rpartition(b"\\")[2]
    lower = name.lower()
    if lower in WORDS:
        return WORDS[lower]
    if name.startswith(b"__"):
        return _magic(machine, node, name.upper())
    slot = machine.state.constants.get(name)
    if slot is None:
        return _builtin_constant(machine, node, name)
    machine.notes |= slot.notes
    return slot.value


def _magic(machine: Machine, node: Node, name: bytes) -> Value:
    if name == b"__DIR__":
        return _lost(machine, machine.source.folder)
    if name == b"__FILE__":
        return _lost(machine, machine.source.path.encode("utf-8", "surrogateescape"))
    if name == b"__NAMESPACE__":
        return machine.unknown(node, "a namespace's name")
    return machine.unknown(node, f"{name.decode('latin-1')} is not evaluated")


def _lost(machine: Machine, path: bytes) -> Value:
    lost = machine.world.rooted.lost_name(path)
    return TreePath(b"/" + path if path else b"") if lost is None else lost


CONSTANTS: dict[bytes, Value] = {
    b"DIRECTORY_SEPARATOR": b"/",
    b"PATH_SEPARATOR": b":",
    b"PHP_EOL": b"\n",
    b"PHP_URL_SCHEME": 0,
    b"PHP_URL_HOST": 1,
    b"PHP_URL_PORT": 2,
    b"PHP_URL_USER": 3,
    b"PHP_URL_PASS": 4,
    b"PHP_URL_PATH": 5,
    b"PHP_URL_QUERY": 6,
    b"PHP_URL_FRAGMENT": 7,
    b"PHP_OS_FAMILY": b"Linux",
    b"PHP_OS": b"Linux",
    b"E_ALL": 32767,
    b"E_ERROR": 1,
    b"E_WARNING": 2,
    b"E_PARSE": 4,
    b"E_NOTICE": 8,
    b"E_USER_ERROR": 256,
    b"PHP_INT_MAX": INT_MAX,
}


def _builtin_constant(machine: Machine, node: Node, name: bytes) -> Value:
    if name in CONSTANTS:
        return CONSTANTS[name]
    if machine.state.opaque is not None:
        return machine.state.opaque
    return machine.unknown(node, f"the constant {name.decode('latin-1')} is not defined here")


def variable(machine: Machine, node: Node) -> Value:
    name = machine.source.text(node)[1:]
    found = superglobal(machine, node, name, None)
    return machine.variable(name, node) if found is UNDECIDED else found  # type: ignore[return-value]


def dynamic_variable(machine: Machine, node: Node) -> Value:
    name = name_of(machine, node)
    return (
        machine.unknown(node, "a variable's name that is computed")
        if name is None
        else machine.variable(name, node)
    )


def element(machine: Machine, node: Node, container: Value, key: Value) -> Value:
    """`$container[$key]`"""
    if isinstance(container, Unknown):
        return container
    if isinstance(key, Unknown):
        return key
    if isinstance(container, Array):
        normal = key_of(key)
        if normal is None:
            return machine.unknown(node, "an array key that is not understood")
        slot = container.items.get(normal)
        if slot is None:
            return container.rest or Unknown("an array has no such entry", machine.where(node), "unset")
        machine.notes |= slot.notes
        return slot.value
    if isinstance(container, bytes) and type(key) is int:
        if -len(container) <= key < len(container):
            return container[key : key + 1] if key != -1 else container[-1:]
        return machine.unknown(node, "a character beyond a text's end")
    if container is None:
        return Unknown("an array has no such entry", machine.where(node), "unset")
    return machine.unknown(node, "an entry of something that is no array")


def subscript(machine: Machine, node: Node) -> Value:
    chain = [node]
    while (inner := named(chain[-1])) and inner[0].type == "subscript_expression":
        chain.append(inner[0])
    base = named(chain[-1])
    if not base:
        return machine.unknown(node, "an empty expression")
    value: Value
    start = len(chain) - 1
    found: object = UNDECIDED
    if base[0].type == "variable_name" and len(base) == 2:
        found = superglobal(machine, node, machine.source.text(base[0])[1:], base[1])
        start -= found is not UNDECIDED
    value = machine.eval(base[0]) if found is UNDECIDED else found  # type: ignore[assignment]
    for link in reversed(chain[: start + 1]):
        parts = named(link)
        if len(parts) != 2:
            return machine.unknown(node, "an array entry without a key")
        value = element(machine, link, value, machine.value(parts[1]))
    return value


def member(machine: Machine, node: Node) -> Value:
    """`$object->name`"""
    inner, name = node.child_by_field_name("object"), node.child_by_field_name("name")
    if inner is None or name is None:
        return machine.unknown(node, "a property that is not understood")
    thing = machine.eval(inner)
    if isinstance(thing, Unknown) and thing.kind != "unset":
        return thing
    prop = machine.source.text(name) if name.type == "name" else string(machine.eval(name))
    if prop is None:
        return machine.unknown(node, "a property whose name is computed")
    if not isinstance(thing, Object):
        return Unknown("a property of something that is no object", machine.where(node), "unset")
    slot = machine.read_prop(thing, prop)
    if slot is None and not machine.known_whole(machine.state.heap[thing.id].kind):
        return machine.unknown(node, "a property that is not declared here")
    if slot is None:
        return Unknown("an object has no such property", machine.where(node), "unset")
    machine.notes |= slot.notes
    return slot.value


EXPRESSIONS.update(
    {
        "boolean": word,
        "null": word,
        "name": word,
        "qualified_name": word,
        "variable_name": variable,
        "dynamic_variable_name": dynamic_variable,
        "subscript_expression": subscript,
        "member_access_expression": member,
        "nullsafe_member_access_expression": member,
    }
)
