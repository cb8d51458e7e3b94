"""Objects and classes: new, methods, class constants, static properties."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.arguments import arguments_of, odd_arguments
from detectors.parsing.php.machine import EXPRESSIONS, Machine
from detectors.parsing.php.routines import invoke
from detectors.parsing.php.source import named
from detectors.parsing.php.state import Record, Routine
from detectors.parsing.php.targets import static_key
from detectors.parsing.php.values import NO_NOTES, Note, Object, Slot, Unknown, Value

CONNECTING_CLASSES = frozenset(
    b"mysqli pdo medoo mysqlidb meekrodb ezsql_mysql ezsql_mysqli ezsql_pdo adapter connection sql "
    b"zend_db_adapter_pdo_mysql zend_db_adapter_mysqli".split()
)


CONNECTING_METHODS = frozenset(
    b"real_connect connect pconnect nconnect select_db addconnection getconnection setup factory create singleton "
    b"__construct".split()
)


def new(machine: Machine, node: Node) -> Value:
    """`new Foo(…)` of a class of the site; of any other class the result is Unknown."""
    names = [child for child in named(node) if child.type in ("name", "qualified_name")]
    if (odd := odd_arguments(machine, node)) is not None:
        return odd
    arguments = arguments_of(node)
    given = [machine.noted(one) for one in arguments]
    if not names:
        return machine.unknown(node, "an object whose class is computed")
    kind = machine.source.text(names[0]).rpartition(b"\\")[2].lower()
    if kind == b"stdclass":
        return machine.new_object(kind)
    if b"new " + kind in machine.world.watched:
        machine.record(b"new " + kind, arguments, given)
    if kind in CONNECTING_CLASSES and kind not in machine.classes:
        machine.connect(b"new " + kind, node, arguments, given)
    return instance(machine, node, kind, given, arguments)


def instance(
    machine: Machine,
    node: Node,
    kind: bytes,
    given: list[tuple[Value, frozenset[Note]]],
    arguments: list[Node],
) -> Value:
    """An object of a declared class, with its defaults, its constructor run."""
    lineage = machine.lineage(kind)
    if any(_reaches_out(info.methods.get(b"__destruct")) for info in lineage):
        machine.becomes_opaque(
            machine.unknown(node, "a class whose destructor changes what is outside of it")
        )
    if not lineage:
        return machine.unknown(node, f"the class {kind.decode('latin-1')} is not declared here")
    thing = machine.new_object(kind)
    props: dict[bytes, Slot] = {}
    for info in reversed(lineage):
        with machine.inside(info.source, info.name.lower()):
            for name, (place, default) in info.props.items():
                value, notes = machine.noted(default) if default is not None else (None, NO_NOTES)
                if name in props and any(name in one.private for one in lineage):
                    value = machine.unknown(place, "a private property of two classes")
                props[name] = Slot(value, machine.where(default or place), notes, "class property")
    machine.state.heap[thing.id] = Record(kind, props)
    for info in lineage:
        constructor = info.methods.get(b"__construct") or info.methods.get(info.name.lower())
        if constructor is not None:
            invoke(machine, node, constructor, given, thing, arguments)
            break
        if info.partial:
            return machine.unknown(node, "an object whose class has more than is declared here")
    return thing


def _is_private(routine: Routine | None) -> bool:
    return routine is not None and b"private" in routine.source.text(routine.node).partition(b"(")[0]


def _reaches_out(routine: Routine | None) -> bool:
    code = b"" if routine is None else routine.source.text(routine.node)
    return any(word in code for word in (b"$GLOBALS", b"global ", b"::$", b"define"))


def cloned(machine: Machine, node: Node) -> Value:
    """`clone $object`: a shallow copy, then __clone()."""
    parts = named(node)
    thing = machine.eval(parts[0]) if len(parts) == 1 else None
    if not isinstance(thing, Object):
        return thing if isinstance(thing, Unknown) else machine.unknown(node, "a clone of what is no object")
    record = machine.state.heap[thing.id]
    copy = machine.new_object(record.kind)
    machine.state.heap[copy.id] = Record(record.kind, dict(record.props))
    for info in machine.lineage(record.kind):
        if b"__clone" in info.methods:
            invoke(machine, node, info.methods[b"__clone"], [], copy, [])
            break
    return copy


def method(machine: Machine, node: Node) -> Value:
    """`$object->method(…)`"""
    inner, name = node.child_by_field_name("object"), node.child_by_field_name("name")
    if (odd := odd_arguments(machine, node)) is not None:
        return odd
    arguments = arguments_of(node)
    thing = machine.eval(inner) if inner is not None else None
    given = [machine.noted(one) for one in arguments]
    _watch(machine, name, arguments, given)
    if isinstance(thing, Object) and name is not None and name.type == "name":
        wanted = machine.source.text(name).lower()
        own = machine.classes.get(machine.owner)
        lineage = machine.lineage(machine.state.heap[thing.id].kind)
        if own in lineage and own is not None and _is_private(own.methods.get(wanted)):
            lineage = [own]
        for info in lineage:
            if wanted in info.methods:
                return invoke(machine, node, info.methods[wanted], given, thing, arguments)
            if info.partial:
                break
    if name is not None:
        _may_connect(machine, node, name, arguments, given)
    return thing if isinstance(thing, Unknown) else machine.unknown(node, "a method that is not evaluated")


def static_call(machine: Machine, node: Node) -> Value:
    """`Foo::method(…)`"""
    scope, name = node.child_by_field_name("scope"), node.child_by_field_name("name")
    if (odd := odd_arguments(machine, node)) is not None:
        return odd
    arguments = arguments_of(node)
    given = [machine.noted(one) for one in arguments]
    _watch(machine, name, arguments, given)
    if scope is not None and name is not None and name.type == "name":
        kind = machine.class_named(machine.source.text(scope))
        wanted = machine.source.text(name).lower()
        own = machine.state.scopes[-1].get(b"this")
        this = own.value if own is not None and isinstance(own.value, Object) else None
        for info in machine.lineage(kind):
            if wanted in info.methods:
                return invoke(machine, node, info.methods[wanted], given, this, arguments)
            if info.partial:
                break
    if name is not None:
        _may_connect(machine, node, name, arguments, given)
    return machine.unknown(node, "a method that is not evaluated")


def _watch(
    machine: Machine,
    name: Node | None,
    arguments: list[Node],
    given: list[tuple[Value, frozenset[Note]]],
) -> None:
    if machine.world.watched and name is not None:
        wanted = b"->" + machine.source.text(name).lower()
        if wanted in machine.world.watched:
            machine.record(wanted, arguments, given)


def _may_connect(
    machine: Machine,
    node: Node,
    name: Node,
    arguments: list[Node],
    given: list[tuple[Value, frozenset[Note]]],
) -> None:
    """Keep a method's call if its name is one that opens a connection."""
    wanted = machine.source.text(name).lower()
    if wanted in CONNECTING_METHODS and arguments:
        machine.connect(b"->" + wanted, node, arguments, given)


def class_constant(machine: Machine, node: Node) -> Value:
    """`Foo::BAR`"""
    parts = named(node)
    if len(parts) != 2:
        return machine.unknown(node, "a class constant that is not understood")
    wanted = machine.source.text(parts[1])
    if wanted.lower() == b"class" and machine.source.text(parts[0]).lower() in (
        b"self",
        b"static",
        b"parent",
    ):
        return machine.unknown(node, "the name of a class that is not stated")
    if wanted.lower() == b"class":
        return machine.source.text(parts[0]).lstrip(b"\\")
    for info in machine.lineage(machine.class_named(machine.source.text(parts[0]))):
        if wanted in info.constants:
            with machine.inside(info.source, info.name.lower()):
                return machine.eval(info.constants[wanted])
    return machine.unknown(node, "a class constant that is not declared here")


def static_property(machine: Machine, node: Node) -> Value:
    """`Foo::$bar`"""
    key = static_key(machine, node)
    if key is None:
        return machine.unknown(node, "a static property that is not understood")
    slot = machine.state.statics.get(key)
    if slot is not None:
        machine.notes |= slot.notes
        return slot.value
    if machine.state.opaque is not None:
        return machine.state.opaque
    for info in machine.lineage(key[0]):
        if key[1] in info.statics:
            default = info.statics[key[1]][1]
            with machine.inside(info.source, info.name.lower()):
                return None if default is None else machine.eval(default)
    return machine.unknown(node, "a static property that is not declared here")


EXPRESSIONS.update(
    {
        "object_creation_expression": new,
        "clone_expression": cloned,
        "member_call_expression": method,
        "nullsafe_member_call_expression": method,
        "scoped_call_expression": static_call,
        "class_constant_access_expression": class_constant,
        "scoped_property_access_expression": static_property,
    }
)
