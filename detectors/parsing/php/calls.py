"""Calls: define and friends, PHP's computing functions, the site's own functions, new, include, eval."""

from __future__ import annotations

from tree_sitter import Node

from detectors.finding import text
from detectors.parsing.php.functions import BY_REFERENCE, FUNCTIONS, OPAQUE, UNDECIDED, dirname
from detectors.parsing.php.machine import EXPRESSIONS, Exhausted, Machine, Record, Routine, Signal
from detectors.parsing.php.source import Source, named
from detectors.parsing.php.superglobals import environment
from detectors.parsing.php.targets import forget_root, static_key
from detectors.parsing.php.values import (
    NO_NOTES,
    Array,
    Note,
    Object,
    Slot,
    TreePath,
    Unknown,
    Value,
    Where,
    string,
    truth,
)
from detectors.walk import OutOfRoot, Unreadable, components

MAX_CALLS = 12
BOOTSTRAPS = frozenset(
    (b"wp-settings.php", b"wp-load.php", b"autoload.php", b"autoload_runtime.php", b"wp-blog-header.php")
)


def arguments_of(node: Node) -> list[Node]:
    """The argument expressions of a call; [] where they are not understood (named or spread arguments)."""
    found = node.child_by_field_name("arguments") or next(
        (c for c in node.children if c.type == "arguments"), None
    )
    if found is None:
        return []
    expressions = []
    for argument in named(found):
        parts = named(argument)
        if argument.type != "argument" or len(parts) != 1 or parts[0].type == "variadic_unpacking":
            return []
        expressions.append(parts[0])
    return expressions


def _odd_arguments(machine: Machine, node: Node) -> Unknown | None:
    """Named and spread arguments are not matched with parameters: what such a call does is not known."""
    found = node.child_by_field_name("arguments") or next(
        (c for c in node.children if c.type == "arguments"), None
    )
    if found is None or not named(found) or arguments_of(node):
        return None
    why = machine.unknown(node, "named or spread arguments")
    machine.becomes_opaque(why)
    return why


def call(machine: Machine, node: Node) -> Value:
    """A call by name."""
    if (odd := _odd_arguments(machine, node)) is not None:
        return odd
    function = node.child_by_field_name("function")
    if function is None or function.type not in ("name", "qualified_name"):
        why = machine.unknown(node, "a function whose name is computed is called")
        _evaluate_all(machine, arguments_of(node))
        machine.becomes_opaque(why)
        return why
    name = machine.source.text(function).rpartition(b"\\")[2].lower()
    arguments = arguments_of(node)
    special = SPECIAL.get(name)
    if special is not None:
        return special(machine, node, arguments)
    routine = machine.functions.get(name)
    if routine is not None:
        given = [machine.noted(one) for one in arguments]
        if name in machine.world.watched:
            machine.record(name, arguments, given)
        return invoke(machine, node, routine, given, None, arguments)
    return _builtin(machine, node, name, arguments)


def _evaluate_all(machine: Machine, arguments: list[Node]) -> list[Value]:
    return [machine.eval(one) for one in arguments]


def _builtin(machine: Machine, node: Node, name: bytes, arguments: list[Node]) -> Value:
    outer, machine.notes = machine.notes, set()
    values = _evaluate_all(machine, arguments)
    if name in RECORDED or name in machine.world.watched:
        machine.record(name, arguments, [(value, frozenset(machine.notes)) for value in values])
    if name in CONNECTS:
        machine.connect(name, node, arguments, [(value, frozenset(machine.notes)) for value in values])
    noted = machine.notes
    machine.notes = outer | noted
    values = [None if isinstance(one, Unknown) and one.kind == "unset" else one for one in values]
    function = FUNCTIONS.get(name)
    if function is not None:
        for value in values:
            if isinstance(value, Unknown):
                return value
        machine.step(sum(len(one) for one in values if isinstance(one, bytes)) // 256)
        result = function(values)
        if result is not UNDECIDED:
            if result is not False and result != 0 and any(note.kind == "host" for note in noted):
                machine.host_hits += 1
            return result  # type: ignore[return-value]
    readable = name.decode("latin-1")
    why = machine.unknown(node, f"{readable}() is not evaluated")
    if name in OPAQUE or (
        machine.state.opaque is not None and name not in FUNCTIONS and name not in HARMLESS
    ):
        machine.becomes_opaque(machine.unknown(node, f"{readable}() runs code that is not read"))
    elif name in BY_REFERENCE:
        for argument in arguments:
            forget_root(machine, argument, why)
    return next((one for one in values if isinstance(one, Unknown)), why)


RECORDED = frozenset((b"spip_connect_db",))
CONNECTS = frozenset(
    b"mysqli_connect mysqli_real_connect mysql_connect mysql_pconnect mysql_select_db mysqli_select_db "
    b"newadoconnection adonewconnection".split()
)
CONNECTING_CLASSES = frozenset(
    b"mysqli pdo medoo mysqlidb meekrodb ezsql_mysql ezsql_mysqli ezsql_pdo adapter connection sql "
    b"zend_db_adapter_pdo_mysql zend_db_adapter_mysqli".split()
)
CONNECTING_METHODS = frozenset(
    b"real_connect connect pconnect nconnect select_db addconnection getconnection setup factory create singleton "
    b"__construct".split()
)
HARMLESS = frozenset(
    b"ini_set error_reporting header session_start session_name session_set_cookie_params "
    b"set_time_limit setlocale php_sapi_name date_default_timezone_set mb_internal_encoding umask "
    b"ignore_user_abort ob_start function_exists class_exists extension_loaded mysqli_connect "
    b"mysql_connect mysql_pconnect mysql_select_db mysqli_select_db mysqli_query mysql_query "
    b"mysqli_set_charset time date microtime phpversion version_compare get_magic_quotes_gpc "
    b"set_magic_quotes_runtime ini_get error_log trigger_error array_push die printf print_r var_dump "
    b"spl_autoload_register wfloadskin wfloadskins wfloadextension wfloadextensions".split()
)


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


def _dirname(machine: Machine, node: Node, arguments: list[Node]) -> Value:
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


def _realpath(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    value = machine.eval(arguments[0]) if arguments else None
    found = _locate(machine, value)
    if isinstance(found, Unknown) or found is None:
        return found or machine.unknown(node, "realpath() of something that is not there")
    lost = machine.world.rooted.lost_name(found[0])
    return TreePath(b"/" + found[0]) if lost is None else lost


def _exists(
    machine: Machine, node: Node, arguments: list[Node], kinds: tuple[str, ...] = ("file", "folder")
) -> Value:
    value = machine.value(arguments[0]) if len(arguments) == 1 else None
    if isinstance(value, Unknown):
        return value
    found = _locate(machine, value)
    if isinstance(found, Unknown):
        return found
    return found is not None and found[1] in kinds


def _is_file(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    return _exists(machine, node, arguments, ("file",))


def _is_dir(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    return _exists(machine, node, arguments, ("folder",))


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


def _contents(machine: Machine, node: Node, arguments: list[Node]) -> Value:
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
    from detectors.parsing.php.statements import run_file

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


def _eval(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    code = machine.eval(arguments[0]) if len(arguments) == 1 else None
    if not isinstance(code, bytes):
        why = machine.unknown(node, "eval() runs code that is not read")
        machine.becomes_opaque(why)
        return why
    source = Source(machine.source.path, machine.source.folder, b"<?php " + code)
    return execute_file(machine, node, source)


def invoke(
    machine: Machine,
    node: Node,
    routine: Routine,
    given: list[tuple[Value, frozenset[Note]]],
    this: Object | None,
    arguments: list[Node],
) -> Value:
    """Call one of the site's own functions in a scope of its own."""
    from detectors.parsing.php.statements import run_body

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


def new(machine: Machine, node: Node) -> Value:
    """`new Foo(…)` of a class of the site; of any other class the result is Unknown."""
    names = [child for child in named(node) if child.type in ("name", "qualified_name")]
    if (odd := _odd_arguments(machine, node)) is not None:
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


def method(machine: Machine, node: Node) -> Value:
    """`$object->method(…)`"""
    inner, name = node.child_by_field_name("object"), node.child_by_field_name("name")
    if (odd := _odd_arguments(machine, node)) is not None:
        return odd
    arguments = arguments_of(node)
    thing = machine.eval(inner) if inner is not None else None
    given = [machine.noted(one) for one in arguments]
    _watch(machine, name, arguments, given)
    if isinstance(thing, Object) and name is not None and name.type == "name":
        wanted = machine.source.text(name).lower()
        for info in machine.lineage(machine.state.heap[thing.id].kind):
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
    if (odd := _odd_arguments(machine, node)) is not None:
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


def _exit(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    raise ExitReached


class ExitReached(Exception):
    """exit or die inside an expression."""


def exit_expression(machine: Machine, node: Node) -> Value:
    raise ExitReached


def _compact(machine: Machine, node: Node, arguments: list[Node]) -> Value:
    made = Array()
    for value in _evaluate_all(machine, arguments):
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
    b"dirname": _dirname,
    b"realpath": _realpath,
    b"file_exists": _exists,
    b"is_readable": _exists,
    b"is_file": _is_file,
    b"is_dir": _is_dir,
    b"file_get_contents": _contents,
    b"eval": _eval,
    b"die": _exit,
    b"exit": _exit,
    b"compact": _compact,
    b"extract": _extract,
}

EXPRESSIONS.update(
    {
        "function_call_expression": call,
        "include_expression": include,
        "include_once_expression": include,
        "require_expression": include,
        "require_once_expression": include,
        "object_creation_expression": new,
        "member_call_expression": method,
        "nullsafe_member_call_expression": method,
        "scoped_call_expression": static_call,
        "class_constant_access_expression": class_constant,
        "scoped_property_access_expression": static_property,
        "exit_statement": exit_expression,
        "throw_expression": exit_expression,
        "exit_expression": exit_expression,
    }
)
__all__ = ["Signal", "call", "include", "instance", "invoke"]
