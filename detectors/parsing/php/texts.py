"""Texts as PHP writes them: both kinds of quotes, heredoc, nowdoc, numbers, and what concatenates them."""

from __future__ import annotations

from tree_sitter import Node

from detectors.parsing.php.literals import dedent, double_quoted, integer, single_quoted
from detectors.parsing.php.machine import EXPRESSIONS, Machine
from detectors.parsing.php.reading import element
from detectors.parsing.php.source import named
from detectors.parsing.php.values import TreePath, Unknown, Value, key_of, string


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


MAX_STRING = 1 << 20

EXPRESSIONS.update(
    {
        "string": single,
        "encapsed_string": encapsed,
        "heredoc": heredoc,
        "nowdoc": heredoc,
        "integer": number,
    }
)
