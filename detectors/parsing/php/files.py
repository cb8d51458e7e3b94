"""Files that a config names: whether they are there, what they hold, includes."""

from __future__ import annotations

from tree_sitter import Node

from detectors.finding import text
from detectors.parsing.php.flow import run_file
from detectors.parsing.php.machine import EXPRESSIONS, Exhausted, Machine
from detectors.parsing.php.routines import MAX_CALLS
from detectors.parsing.php.source import Source, named
from detectors.parsing.php.text_functions import dirname
from detectors.parsing.php.values import Note, TreePath, Unknown, Value, Where
from detectors.walk import OutOfRoot, Unreadable, components

BOOTSTRAPS = frozenset(
    (b"wp-settings.php", b"wp-load.php", b"autoload.php", b"autoload_runtime.php", b"wp-blog-header.php")
)


def dirname_of(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    value = machine.value(arguments[0]) if arguments else None
    levels = machine.eval(arguments[1]) if len(arguments) > 1 else 1
    if isinstance(value, Unknown) or type(levels) is not int or not 1 <= levels < 64:
        return (
            value if isinstance(value, Unknown) else machine.unknown(node, "dirname() that is not understood")
        )
    for _ in range(levels):
        if isinstance(value, bytes):
            value = dirname(value)
        elif isinstance(value, TreePath) and value.below.strip(b"/"):
            value = TreePath(value.below.rstrip(b"/").rpartition(b"/")[0].rstrip(b"/"))
        else:
            return machine.unknown(node, "a folder above the customer's tree")
    return value


def realpath(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    value = machine.eval(arguments[0]) if arguments else None
    found = _locate(machine, value)
    if isinstance(found, Unknown) or found is None:
        return found or machine.unknown(node, "realpath() of something that is not there")
    lost = machine.world.rooted.lost_name(found[0])
    return TreePath(b"/" + found[0]) if lost is None else lost


def exists(
    machine: Machine, node: Node, arguments: list[Node], kinds: tuple[str, ...] = ("file", "folder")
) -> Value:
    value = machine.value(arguments[0]) if len(arguments) == 1 else None
    if isinstance(value, Unknown):
        return value
    found = _locate(machine, value)
    if isinstance(found, Unknown):
        return found
    return found is not None and found[1] in kinds


def is_file(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    return exists(machine, node, arguments, ("file",))


def is_dir(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    return exists(machine, node, arguments, ("folder",))


def _locate(machine: Machine, value: Value) -> tuple[bytes, str] | Unknown | None:
    """The real path and kind of a file name; None where nothing stands there, Unknown where it cannot be said."""
    where = machine.source.path
    if isinstance(value, Unknown):
        return value
    if isinstance(value, TreePath):
        candidates = [(value.below.lstrip(b"/"), b"")]
    elif isinstance(value, bytes) and value:
        if value.startswith(b"/"):
            candidates = [(value, b"")]
        elif components(value)[:1] == [b".."] or value.startswith(b"./") or b"://" in value:
            candidates = [(value, machine.world.cwd)]
        else:
            candidates = [(value, machine.world.cwd), (value, machine.source.folder)]
    else:
        return _no_file(machine, "a file name that cannot be decided", where)
    if isinstance(value, bytes) and b"://" in value:
        return _no_file(machine, "a file somewhere else", where)
    for path, base in candidates:
        try:
            found = machine.world.rooted.entry(path, base)
        except (OutOfRoot, Unreadable) as error:
            return _no_file(machine, f"a file that is not read: {error}", where)
        if found is not None:
            return found[0], found[1].kind
    return None


def _no_file(machine: Machine, reason: str, path: str) -> Unknown:
    return Unknown(reason, Where(path, 0))


def contents(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    value = machine.eval(arguments[0]) if len(arguments) == 1 else None
    found = _locate(machine, value)
    if isinstance(found, Unknown) or found is None or found[1] != "file":
        return (
            found if isinstance(found, Unknown) else machine.unknown(node, "a file that is not in the tree")
        )
    content = _read(machine, found[0])
    if content is None:
        return machine.unknown(node, "a file that cannot be read or is too large", "limit")
    machine.notes.add(Note("file", f"read from {text(found[0])}"))
    return content


def _read(machine: Machine, path: bytes) -> bytes | None:
    machine.includes -= 1
    limit = machine.world.rooted.limits.file
    if machine.includes < 0:
        return None
    try:
        content = machine.world.rooted.read(path, limit + 1)
    except Unreadable:
        return None
    return None if len(content) > limit else content


def include(machine: Machine, node: Node) -> Value:
    """include and require, once or not: the file is executed in place if it lies in the customer's tree."""
    parts = named(node)
    value = machine.eval(parts[0]) if parts else machine.unknown(node, "an include of nothing")
    name = value.below if isinstance(value, TreePath) else (value if isinstance(value, bytes) else b"")
    if name.rpartition(b"/")[2] in BOOTSTRAPS or name.endswith(b"/lib/setup.php"):
        return True
    found = value if isinstance(value, Unknown) else _locate(machine, value)
    if found is None and node.type.startswith("include"):
        return False
    if found is None or isinstance(found, Unknown) or found[1] != "file":
        reason = found.reason if isinstance(found, Unknown) else "the file is not in the tree"
        kind = found.kind if isinstance(found, Unknown) and found.kind == "environment" else "code"
        why = machine.unknown(node, f"the include is not followed: {reason}", kind)
        machine.becomes_opaque(why)
        return why
    if "once" in node.type and found[0] in machine.state.included:
        return True
    content = _read(machine, found[0])
    if content is None:
        why = machine.unknown(node, "the include is not followed: too many or too large files", "limit")
        machine.becomes_opaque(why)
        return why
    machine.state.included |= {found[0]}
    machine.opened.append(text(found[0]))
    return execute_file(machine, node, Source(text(found[0]), found[0].rpartition(b"/")[0], content))


def execute_file(machine: Machine, node: Node, source: Source) -> Value:
    """Run a file in the present scope; its return value, or 1."""
    machine.step(len(source.code) // 64)
    if source.damage:
        why = machine.unknown(node, f"the included file is damaged at its line {source.damage}")
        machine.becomes_opaque(why)
        return why
    machine.calls += 1
    if machine.calls > MAX_CALLS:
        raise Exhausted
    try:
        with machine.inside(source):
            return run_file(machine, source)
    finally:
        machine.calls -= 1


def run_text(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    code = machine.eval(arguments[0]) if len(arguments) == 1 else None
    if not isinstance(code, bytes):
        why = machine.unknown(node, "eval() runs code that is not read")
        machine.becomes_opaque(why)
        return why
    source = Source(machine.source.path, machine.source.folder, b"<?php " + code)
    return execute_file(machine, node, source)


EXPRESSIONS.update(
    {
        "include_expression": include,
        "include_once_expression": include,
        "require_expression": include,
        "require_once_expression": include,
    }
)
