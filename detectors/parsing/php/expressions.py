"""PHP expressions: literals, operators, variables, arrays, assignments."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.functions import UNDECIDED, to_int
from detectors.parsing.php.literals import dedent, double_quoted, integer, single_quoted
from detectors.parsing.php.machine import EXPRESSIONS, Machine, merge
from detectors.parsing.php.source import named
from detectors.parsing.php.superglobals import superglobal
from detectors.parsing.php.targets import assign_to, name_of, poison
from detectors.parsing.php.values import (
    INT_MAX,
    INT_MIN,
    Array,
    Note,
    Object,
    Slot,
    TreePath,
    Unknown,
    Value,
    key_of,
    loose_equal,
    same,
    string,
    truth,
)

MAX_STRING = 1 << 20
WORDS: dict[bytes, Value] = {b"true": True, b"false": False, b"null": None}


def concat(machine: Machine, node: Node, one: Value, other: Value) -> Value:
    """The "." operator; a TreePath keeps what is appended to it."""
    for value in (one, other):
        if isinstance(value, Unknown):
            return value
    if isinstance(one, TreePath):
        text = string(other)
        return machine.unknown(node, "a file name in a text") if text is None else TreePath(one.below + text)
    left, right = string(one), string(other)
    if left is None or right is None:
        return machine.unknown(node, "a text with something in it that is no text")
    machine.step((len(left) + len(right)) // 4096)
    if len(left) + len(right) > MAX_STRING:
        return machine.unknown(node, "a text that grows too long", "limit")
    return left + right


def single(machine: Machine, node: Node) -> Value:
    raw = machine.source.text(node)
    return single_quoted(raw[raw.index(b"'") + 1 : -1])


def encapsed(machine: Machine, node: Node) -> Value:
    """A double-quoted string."""
    raw = machine.source.text(node)
    start = node.start_byte + raw.index(b'"') + 1
    return _interpolate(machine, node, node.children, (start, node.end_byte - 1), (b'"', 0))


PLAIN_PARTS = frozenset(("string_content", "escape_sequence", "comment", '"', "'", "{", "}"))


def _interpolate(
    machine: Machine, node: Node, children: list[Node], span: tuple[int, int], form: tuple[bytes, int]
) -> Value:
    """The text between two bytes of the source; `form`: its quote, and the indentation to take off."""
    start, end = span
    code = machine.source.code
    pieces: list[tuple[bytes | Node, bool]] = []
    position = start
    for child in children:
        if child.start_byte < start or child.type in PLAIN_PARTS:
            continue
        if child.end_byte > end or child.type == "heredoc_end":
            break
        braced = child.prev_sibling is not None and child.prev_sibling.type == "{"
        if braced and code[start : child.start_byte - 1].endswith(b"\\"):
            return machine.unknown(node, "a text that is not understood")
        begin = child.start_byte - 1 if braced else child.start_byte
        pieces += [(code[position:begin], False), (child, braced)]
        position = child.end_byte
        if braced:
            if code[position : position + 1] != b"}":
                return machine.unknown(node, "a text that is not understood")
            position += 1
    pieces.append((code[position:end], False))
    result: Value = b""
    for index, (piece, braced) in enumerate(pieces):
        part = _part(machine, node, piece, braced, form, index == 0)
        result = (
            concat(machine, node, result, part) if result != b"" or not isinstance(part, TreePath) else part
        )
    return result


def _part(
    machine: Machine, node: Node, piece: bytes | Node, braced: bool, form: tuple[bytes, int], first: bool
) -> Value:
    quote, indent = form
    if isinstance(piece, bytes):
        plain = double_quoted(dedent(piece, indent, first), quote)
        return machine.unknown(node, "an escape that PHP refuses") if plain is None else plain
    part = machine.eval(piece) if braced else _simple(machine, piece)
    return b"" if isinstance(part, Unknown) and part.kind == "unset" else part


def _simple(machine: Machine, node: Node) -> Value:
    """A variable in a string without braces: one level, and unquoted keys are texts."""
    if node.type == "subscript_expression":
        parts = named(node)
        if len(parts) != 2 or parts[0].type != "variable_name":
            return machine.unknown(node, "a text that is not understood")
        key: Value
        if parts[1].type == "name":
            key = machine.source.text(parts[1])
        elif parts[1].type in ("variable_name", "integer", "unary_op_expression"):
            key = (
                key_of(machine.source.text(parts[1]))
                if parts[1].type != "variable_name"
                else machine.eval(parts[1])
            )
        else:
            return machine.unknown(node, "a text that is not understood")
        return element(machine, node, machine.eval(parts[0]), key)
    if node.type == "member_access_expression":
        inner = node.child_by_field_name("object")
        if inner is None or inner.type != "variable_name":
            return machine.unknown(node, "a text that is not understood")
        return machine.eval(node)
    if node.type in ("variable_name", "dynamic_variable_name"):
        return machine.eval(node)
    return machine.unknown(node, "a text that is not understood")


def heredoc(machine: Machine, node: Node) -> Value:
    """heredoc and nowdoc, with the closing marker's indentation taken off (PHP 7.3)."""
    code = machine.source.code
    ends = [child for child in node.children if child.type == "heredoc_end"]
    starts = [child for child in node.children if child.type == "heredoc_start"]
    if not ends or not starts:
        return machine.unknown(node, "a heredoc without an end")
    begin = starts[0].end_byte
    while begin < len(code) and code[begin] not in b"\r\n":
        begin += 1
    begin += 2 if code[begin : begin + 2] == b"\r\n" else 1
    marker = ends[0].start_byte
    while code[marker : marker + 1] in (b" ", b"\t"):
        marker += 1
    indent = 0
    while code[marker - indent - 1 : marker - indent] in (b" ", b"\t"):
        indent += 1
    end = marker - indent
    if end <= begin:
        return b""
    end -= 2 if code[end - 2 : end] == b"\r\n" else 1
    if end < begin:
        return b""
    if node.type == "nowdoc":
        return dedent(code[begin:end], indent, True)
    bodies = [child for child in node.children if child.type == "heredoc_body"]
    children = bodies[0].children if bodies else []
    return _interpolate(machine, node, children, (begin, end), (b"", indent))


def number(machine: Machine, node: Node) -> Value:
    value = integer(machine.source.text(node))
    return machine.unknown(node, "a number that is no integer") if value is None else value


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


def parenthesized(machine: Machine, node: Node) -> Value:
    parts = named(node)
    return (
        machine.eval(parts[0])
        if len(parts) == 1
        else machine.unknown(node, "parentheses that are not understood")
    )


def array_literal(machine: Machine, node: Node) -> Value:
    made = Array()
    for item in named(node):
        if item.type == "ERROR":
            return machine.unknown(node, "an array that is damaged")
        parts = named(item)
        if parts and parts[0].type == "variadic_unpacking":
            spread = machine.eval(named(parts[0])[0])
            if not isinstance(spread, Array) or spread.rest is not None:
                made.rest = machine.unknown(node, "an array with something spread into it")
            else:
                for key, slot in spread.items.items():
                    made.put(None if isinstance(key, int) else key, slot)
            continue
        if any(child.type == "&" for child in item.children):
            poison(machine, parts[-1], machine.unknown(node, "a reference in an array"))
        if len(parts) == 2:
            raw = machine.value(parts[0])
            normal = None if isinstance(raw, Unknown) else key_of(raw)
            value, notes = machine.noted(parts[1])
            if normal is None:
                made.rest = (
                    raw
                    if isinstance(raw, Unknown)
                    else machine.unknown(parts[0], "a key that is not understood")
                )
                made.items = {key: s._replace(value=made.rest, maybe=True) for key, s in made.items.items()}
                continue
            made.put(normal, Slot(value, machine.where(parts[1]), notes, how_of(parts[1])))
        elif len(parts) == 1:
            value, notes = machine.noted(parts[0])
            made.put(None, Slot(value, machine.where(parts[0]), notes, how_of(parts[0])))
    return made


def how_of(node: Node) -> str:
    """The construct an expression is, for evidence."""
    return (
        ""
        if node.type in ("string", "encapsed_string", "integer")
        else node.type.replace("_expression", "").replace("_", " ")
    )


def binary(machine: Machine, node: Node) -> Value:
    """All binary operators; a chain that nests to the left is walked in a loop."""
    chain = [node]
    while (left := chain[-1].child_by_field_name("left")) is not None and left.type == "binary_expression":
        chain.append(left)
        machine.step()
    first = chain[-1].child_by_field_name("left")
    if first is None:
        return machine.unknown(node, "an operator without an operand")
    value = machine.eval(first)
    for link in reversed(chain):
        operator, right = link.child_by_field_name("operator"), link.child_by_field_name("right")
        if operator is None or right is None:
            return machine.unknown(link, "an operator without an operand")
        value = _apply(machine, link, operator.type.lower(), value, right)
    return value


def _apply(machine: Machine, node: Node, operator: str, left: Value, right: Node) -> Value:
    if operator in ("&&", "and", "||", "or"):
        return _logic(machine, operator in ("&&", "and"), left, right)
    if operator == "??":
        return _coalesce(machine, node, left, right)
    outer, machine.notes = machine.notes, set()
    other = machine.eval(right)
    noted = machine.notes
    machine.notes = outer | noted
    if operator == ".":
        return concat(machine, node, _unset_is_null(left), _unset_is_null(other))
    for value in (left, other):
        if isinstance(value, Unknown) and value.kind != "unset":
            return value
    result = _compare(operator, _unset_is_null(left), _unset_is_null(other))
    if result is not UNDECIDED:
        if (result is True) == (operator in ("==", "===")):
            _hit(machine)
        return result  # type: ignore[return-value]
    if type(left) is int and type(other) is int:
        return _arithmetic(machine, node, operator, left, other)
    if (
        operator == "+"
        and isinstance(left, Array)
        and isinstance(other, Array)
        and left.rest is None
        and other.rest is None
    ):
        union = left.copy()
        for key, slot in other.items.items():
            if key not in union.items:
                union.put(key, slot)
        return union
    return machine.unknown(node, f"operator {operator} on these values")


def _hit(machine: Machine) -> None:
    if any(note.kind == "host" for note in machine.notes):
        machine.host_hits += 1


def _unset_is_null(value: Value) -> Value:
    return None if isinstance(value, Unknown) and value.kind == "unset" else value


def _logic(machine: Machine, conjunction: bool, left: Value, right: Node) -> Value:
    known = truth(_unset_is_null(left))
    if known is (not conjunction):
        return known
    if known is None and _acts(right):
        return _maybe(machine, left, right)
    other = machine.eval(right)
    second = truth(_unset_is_null(other))
    if second is (not conjunction):
        return second
    if known is None:
        return (
            left
            if isinstance(left, Unknown)
            else machine.unknown(right, "a condition that is not understood")
        )
    if second is None:
        return (
            other
            if isinstance(other, Unknown)
            else machine.unknown(right, "a condition that is not understood")
        )
    return conjunction


def _acts(node: Node) -> bool:
    """Whether evaluating an expression may change something."""
    return node.type in (
        "function_call_expression",
        "assignment_expression",
        "include_expression",
        "require_once_expression",
        "include_once_expression",
        "require_expression",
        "exit_statement",
        "parenthesized_expression",
        "error_suppression_expression",
        "augmented_assignment_expression",
        "object_creation_expression",
        "member_call_expression",
        "scoped_call_expression",
    )


def _maybe(machine: Machine, condition: Value, right: Node) -> Value:
    """Evaluate something that may or may not be evaluated: both pasts are merged."""
    why = (
        condition
        if isinstance(condition, Unknown)
        else machine.unknown(right, "a condition that is not understood")
    )
    before = machine.state.copy()
    machine.eval(right)
    machine.state = merge(before, machine.state, why)
    return why


def _coalesce(machine: Machine, node: Node, left: Value, right: Node) -> Value:
    if isinstance(left, Unknown):
        if left.kind == "unset":
            return machine.eval(right)
        if left.kind == "environment":
            return _fall_back(machine, left, right)
        return left
    return machine.eval(right) if left is None else left


def _fall_back(machine: Machine, environment: Unknown, right: Node) -> Value:
    other = machine.eval(right)
    if isinstance(other, Unknown):
        return environment
    machine.notes.add(Note("fallback", environment.reason))
    return other


def _compare(operator: str, left: Value, right: Value) -> object:
    if isinstance(left, TreePath) or isinstance(right, TreePath):
        return UNDECIDED
    if operator in ("===", "!=="):
        if isinstance(left, Object) or isinstance(right, Object):
            return UNDECIDED
        if isinstance(left, Array) and isinstance(right, Array):
            equal = same(left, right) and list(left.items) == list(right.items) and left.rest is None
            return UNDECIDED if not equal else equal is (operator == "===")
        return same(left, right) is (operator == "===")
    if operator in ("==", "!=", "<>"):
        loose = loose_equal(left, right)
        return UNDECIDED if loose is None else loose is (operator == "==")
    if type(left) is int and type(right) is int:
        table = {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right}
        return table.get(operator, UNDECIDED)
    if operator == "xor":
        one, other = truth(left), truth(right)
        return UNDECIDED if one is None or other is None else one is not other
    return UNDECIDED


def _arithmetic(machine: Machine, node: Node, operator: str, left: int, right: int) -> Value:
    result: int | None = None
    if operator == "+":
        result = left + right
    elif operator == "-":
        result = left - right
    elif operator == "*":
        result = left * right
    elif operator == "%" and left >= 0 and right > 0:
        result = left % right
    elif operator == "/" and right != 0 and left % right == 0:
        result = left // right
    elif operator == "|":
        result = left | right
    elif operator == "&":
        result = left & right
    elif operator == "^":
        result = left ^ right
    elif operator == "<=>":
        result = (left > right) - (left < right)
    if result is None or not INT_MIN <= result <= INT_MAX:
        return machine.unknown(node, f"operator {operator} on these numbers")
    return result


def unary(machine: Machine, node: Node) -> Value:
    operator, argument = node.child_by_field_name("operator"), node.child_by_field_name("argument")
    if operator is None or argument is None:
        return machine.unknown(node, "an operator without an operand")
    value = machine.value(argument)
    if operator.type == "!":
        known = truth(_unset_is_null(value))
        if known is None:
            return (
                value
                if isinstance(value, Unknown)
                else machine.unknown(node, "a condition that is not understood")
            )
        return not known
    if isinstance(value, Unknown):
        return value
    if type(value) is int and operator.type in ("-", "+", "~"):
        result = -value if operator.type == "-" else (value if operator.type == "+" else ~value)
        return result if INT_MIN <= result <= INT_MAX else machine.unknown(node, "a number that is too large")
    return machine.unknown(node, f"operator {operator.type} on this value")


def conditional(machine: Machine, node: Node) -> Value:
    """`a ? b : c` and `a ?: c`"""
    condition, body, other = (node.child_by_field_name(name) for name in ("condition", "body", "alternative"))
    if condition is None or other is None:
        return machine.unknown(node, "a condition that is not understood")
    value = machine.eval(condition)
    known = truth(_unset_is_null(value))
    if known is not None:
        if body is None:
            return value if known else machine.eval(other)
        return machine.eval(body if known else other)
    if isinstance(value, Unknown) and value.kind == "environment":
        first = value if body is None else machine.eval(body)
        if isinstance(first, Unknown) and first.kind == "environment":
            return _fall_back(machine, first, other)
    first = value if body is None else machine.eval(body)
    second = machine.eval(other)
    if same(first, second):
        return first
    return (
        value if isinstance(value, Unknown) else machine.unknown(node, "a condition that is not understood")
    )


def cast(machine: Machine, node: Node) -> Value:
    kind, argument = node.child_by_field_name("type"), node.child_by_field_name("value")
    if kind is None or argument is None:
        return machine.unknown(node, "a cast that is not understood")
    value = _unset_is_null(machine.eval(argument))
    if isinstance(value, Unknown):
        return value
    name = machine.source.text(kind).strip().lower()
    result: object = UNDECIDED
    if name in (b"string", b"binary"):
        text = string(value)
        result = UNDECIDED if text is None else text
    elif name in (b"int", b"integer"):
        result = to_int(value)
    elif name in (b"bool", b"boolean"):
        known = truth(value)
        result = UNDECIDED if known is None else known
    elif name == b"array" and isinstance(value, Array):
        result = value
    elif name == b"object" and isinstance(value, Array) and value.rest is None:
        thing = machine.new_object(b"stdclass")
        for key, slot in value.items.items():
            machine.write_prop(thing, key if isinstance(key, bytes) else b"%d" % key, slot)
        result = thing
    return machine.unknown(node, "a cast that is not understood") if result is UNDECIDED else result  # type: ignore[return-value]


def assignment(machine: Machine, node: Node) -> Value:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return machine.unknown(node, "an assignment that is not understood")
    value, notes = machine.noted(right)
    slot = Slot(value, machine.where(right), notes, how_of(right))
    if any(child.type == "&" for child in node.children) or node.type == "reference_assignment_expression":
        _bind(machine, left, right, slot)
    else:
        assign_to(machine, left, slot)
    return value


def _bind(machine: Machine, left: Node, right: Node, slot: Slot) -> None:
    """`$a = &$b`: from now on neither is followed."""
    if right.type == "object_creation_expression":
        assign_to(machine, left, slot)
        return
    why = machine.unknown(left, "a reference that is not followed")
    poison(machine, left, why)
    poison(machine, right, why)


def augmented(machine: Machine, node: Node) -> Value:
    left, operator, right = (node.child_by_field_name(name) for name in ("left", "operator", "right"))
    if left is None or operator is None or right is None:
        return machine.unknown(node, "an assignment that is not understood")
    outer, machine.notes = machine.notes, set()
    old = machine.eval(left)
    if operator.type == "??=" and not (old is None or isinstance(old, Unknown)):
        machine.notes = outer | machine.notes
        return old
    value = _apply(machine, node, operator.type[:-1], old, right)
    slot = Slot(value, machine.where(right), frozenset(machine.notes) | machine.control, "assembled")
    machine.notes = outer | machine.notes
    assign_to(machine, left, slot)
    return value


def increment(machine: Machine, node: Node) -> Value:
    argument = node.child_by_field_name("argument") or next(iter(named(node)), None)
    if argument is None:
        return machine.unknown(node, "an operator without an operand")
    old = machine.eval(argument)
    operator = node.child_by_field_name("operator")
    change = -1 if operator is not None and operator.type == "--" else 1
    prefix = bool(node.children) and node.children[0].type in ("++", "--")
    new: Value = machine.unknown(node, "a counter that is not understood")
    if type(old) is int and abs(old) < INT_MAX:
        new = old + change
    assign_to(machine, argument, Slot(new, machine.where(node)))
    return new if prefix else old


def match(machine: Machine, node: Node) -> Value:
    """match: strict comparison, first that fits."""
    condition, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if condition is None or body is None:
        return machine.unknown(node, "a match that is not understood")
    outer, machine.notes = machine.notes, set()
    subject = machine.value(condition)
    noted = machine.notes
    machine.notes = outer | noted
    if isinstance(subject, (Unknown, TreePath, Object)):
        return (
            subject
            if isinstance(subject, Unknown)
            else machine.unknown(node, "a match that is not understood")
        )
    default: Node | None = None
    for arm in named(body):
        result = arm.child_by_field_name("return_expression")
        if arm.type == "match_default_expression":
            default = result
            continue
        listed = arm.child_by_field_name("conditional_expressions")
        for one in named(listed) if listed is not None else ():
            value = machine.value(one)
            if isinstance(value, Unknown):
                return value
            if same(subject, value) and result is not None:
                machine.host_hits += any(note.kind == "host" for note in noted)
                return machine.eval(result)
    return machine.unknown(node, "a match without a fit") if default is None else machine.eval(default)


def suppressed(machine: Machine, node: Node) -> Value:
    parts = named(node)
    return machine.eval(parts[0]) if parts else machine.unknown(node, "an empty expression")


def printed(machine: Machine, node: Node) -> Value:
    for part in named(node):
        machine.eval(part)
    return 1


EXPRESSIONS.update(
    {
        "string": single,
        "encapsed_string": encapsed,
        "heredoc": heredoc,
        "nowdoc": heredoc,
        "integer": number,
        "boolean": word,
        "null": word,
        "name": word,
        "qualified_name": word,
        "variable_name": variable,
        "dynamic_variable_name": dynamic_variable,
        "subscript_expression": subscript,
        "member_access_expression": member,
        "nullsafe_member_access_expression": member,
        "parenthesized_expression": parenthesized,
        "array_creation_expression": array_literal,
        "binary_expression": binary,
        "unary_op_expression": unary,
        "conditional_expression": conditional,
        "cast_expression": cast,
        "assignment_expression": assignment,
        "reference_assignment_expression": assignment,
        "augmented_assignment_expression": augmented,
        "update_expression": increment,
        "match_expression": match,
        "error_suppression_expression": suppressed,
        "print_intrinsic": printed,
        "by_ref": suppressed,
    }
)
