"""What stands to the left of "=": variables, array entries, properties, list()."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.machine import Machine
from detectors.parsing.php.source import named
from detectors.parsing.php.values import Array, Object, Slot, Unknown, Value, key_of, string

APPEND = object()


def name_of(machine: Machine, node: Node) -> bytes | None:
    """A variable's name, also of `$$x` and `${'x'}`; None where it is computed."""
    if node.type == "variable_name":
        return machine.source.text(node)[1:]
    parts = named(node)
    if not parts:
        return None
    if parts[0].type == "name":
        return machine.source.text(parts[0])
    return string(machine.eval(parts[0]))


def assign_to(machine: Machine, target: Node, slot: Slot) -> None:
    """Write a value where `target` says; a place that cannot be decided makes what it may touch Unknown."""
    if target.type in ("variable_name", "dynamic_variable_name"):
        name = name_of(machine, target)
        if name is None:
            machine.becomes_opaque(machine.unknown(target, "a variable whose name is computed is written"))
        else:
            machine.assign(name, slot)
    elif target.type == "subscript_expression":
        _assign_entry(machine, target, slot)
    elif target.type == "member_access_expression":
        _assign_member(machine, target, slot)
    elif target.type == "scoped_property_access_expression":
        key = static_key(machine, target)
        if key is None:
            machine.becomes_opaque(
                machine.unknown(target, "a static property of a class that is not known is written")
            )
        else:
            machine.state.statics[key] = slot
    elif target.type in ("list_literal", "array_creation_expression"):
        _destructure(machine, target, slot)


def static_key(machine: Machine, node: Node) -> tuple[bytes, bytes] | None:
    """(class, property) of `Foo::$bar`."""
    parts = named(node)
    if len(parts) != 2 or parts[1].type != "variable_name":
        return None
    owner, name = machine.class_named(machine.source.text(parts[0])), machine.source.text(parts[1])[1:]
    if not owner:
        return None
    declared = (info.name.lower() for info in machine.lineage(owner) if name in info.statics)
    return next(declared, owner), name


def _keys(machine: Machine, target: Node) -> tuple[Node, list[Value | object]]:
    keys: list[Value | object] = []
    while target.type == "subscript_expression":
        machine.step()
        parts = named(target)
        keys.append(machine.value(parts[1]) if len(parts) > 1 else APPEND)
        target = parts[0]
    keys.reverse()
    return target, keys


def _assign_entry(machine: Machine, target: Node, slot: Slot) -> None:
    root, keys = _keys(machine, target)
    if root.type == "variable_name" and machine.source.text(root) == b"$GLOBALS":
        name = keys[0] if isinstance(keys[0], bytes) else None
        if name is None:
            machine.becomes_opaque(machine.unknown(target, "a variable whose name is computed is written"))
            return
        scope = machine.state.scopes[0]
        written = nested(machine, scope.get(name), keys[1:], slot)
        if name in machine.state.poisoned:
            written = written._replace(value=machine.unknown(target, "a variable that is a reference"))
        scope[name] = written
        return
    if root.type in ("variable_name", "dynamic_variable_name"):
        name = name_of(machine, root)
        if name is None:
            machine.becomes_opaque(machine.unknown(target, "a variable whose name is computed is written"))
            return
        machine.assign(name, nested(machine, machine.scope_of(name).get(name), keys, slot))
    elif root.type == "member_access_expression":
        _assign_member(machine, root, slot, keys)
    elif root.type == "scoped_property_access_expression":
        key = static_key(machine, root)
        if key is not None:
            machine.state.statics[key] = nested(machine, machine.state.statics.get(key), keys, slot)


def nested(machine: Machine, old: Slot | None, keys: list[Value | object], slot: Slot) -> Slot:
    """The slot `old` with the entry at `keys` set to `slot`."""
    if not keys:
        return slot
    levels: list[tuple[Array, int | bytes | None]] = []
    current = old
    for key in keys:
        value = current.value if current is not None else None
        if isinstance(value, Array):
            made = value.copy()
            machine.step(len(made.items) // 16)
        elif value is None or value is False:
            made = Array()
        elif isinstance(value, Unknown):
            made = Array(rest=None if value.kind == "unset" else value)
        else:
            return slot._replace(
                value=Unknown("an entry is written into something that is no array", slot.where)
            )
        normal = None if key is APPEND else key_of(key)  # type: ignore[arg-type]
        if key is not APPEND and normal is None:
            why = (
                key
                if isinstance(key, Unknown)
                else Unknown("an array key that is not understood", slot.where)
            )
            made = Array({k: one._replace(value=why) for k, one in made.items.items()}, made.next, why)
            return _rebuild(levels, slot._replace(value=made))
        levels.append((made, normal))
        current = made.items.get(normal) if normal is not None else None
    return _rebuild(levels, slot)


def _rebuild(levels: list[tuple[Array, int | bytes | None]], slot: Slot) -> Slot:
    for made, key in reversed(levels):
        made.put(key, slot)
        slot = slot._replace(value=made)
    return slot


def _assign_member(
    machine: Machine, target: Node, slot: Slot, keys: list[Value | object] | None = None
) -> None:
    inner, name = target.child_by_field_name("object"), target.child_by_field_name("name")
    if inner is None or name is None:
        return
    thing = machine.eval(inner)
    if thing is None or (isinstance(thing, Unknown) and thing.kind == "unset"):
        thing = machine.new_object(b"stdclass")
        assign_to(machine, inner, Slot(thing, slot.where))
    prop = machine.source.text(name) if name.type == "name" else string(machine.eval(name))
    if not isinstance(thing, Object):
        return
    if prop is None:
        why = machine.unknown(target, "a property whose name is computed is written")
        for each in tuple(machine.state.heap[thing.id].props):
            machine.write_prop(thing, each, slot._replace(value=why))
        return
    if not machine.known_whole(machine.state.heap[thing.id].kind) and machine.read_prop(thing, prop) is None:
        slot = slot._replace(value=machine.unknown(target, "a property that is not declared here"))
    machine.write_prop(thing, prop, nested(machine, machine.read_prop(thing, prop), keys or [], slot))


def _destructure(machine: Machine, target: Node, slot: Slot) -> None:
    """`list($a, 'k' => $b) = …`"""
    position = 0
    key: Node | None = None
    children = [child for child in target.children if child.type != "comment"]
    for index, child in enumerate(children):
        place: Node | None = child
        if child.type == ",":
            position += key is None
            key = None
            continue
        if child.type == "array_element_initializer":
            parts = named(child)
            key, place = (parts[0], parts[1]) if len(parts) == 2 else (key, parts[0] if parts else None)
        elif not child.is_named:
            continue
        elif index + 1 < len(children) and children[index + 1].type == "=>":
            key = child
            continue
        wanted: Value = position if key is None else machine.value(key)
        if place is not None:
            assign_to(machine, place, _entry(machine, target, slot, wanted))


def _entry(machine: Machine, node: Node, slot: Slot, wanted: Value) -> Slot:
    if isinstance(slot.value, Array):
        normal = key_of(wanted)
        found = None if normal is None else slot.value.items.get(normal)
        if found is not None:
            return found._replace(notes=found.notes | slot.notes)
    if isinstance(slot.value, Unknown):
        return slot
    return slot._replace(value=machine.unknown(node, "an entry that is not known"))


def forget_root(machine: Machine, node: Node, why: Unknown) -> None:
    """Make the variable an expression begins with Unknown."""
    while node.type in ("subscript_expression", "member_access_expression", "by_ref", "argument"):
        parts = named(node)
        if not parts:
            return
        node = parts[0]
    if node.type in ("variable_name", "dynamic_variable_name"):
        name = name_of(machine, node)
        if name is not None:
            old = machine.scope_of(name).get(name)
            if old is not None and isinstance(old.value, Object):
                for each in tuple(machine.state.heap[old.value.id].props):
                    machine.write_prop(old.value, each, Slot(why, why.where))
            else:
                machine.assign(name, Slot(why, why.where))


def poison(machine: Machine, node: Node, why: Unknown) -> None:
    """A variable becomes a reference: it is Unknown now and after every later assignment."""
    forget_root(machine, node, why)
    while node.type in ("subscript_expression", "member_access_expression", "by_ref", "argument"):
        parts = named(node)
        if not parts:
            return
        node = parts[0]
    if node.type in ("variable_name", "dynamic_variable_name"):
        name = name_of(machine, node)
        if name is not None:
            machine.state.poisoned |= {name}
