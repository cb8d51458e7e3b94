"""PHP statements: blocks, branches, loops, declarations. A branch that cannot be decided is taken both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from tree_sitter import Node

from detectors.parsing.php.calls import ExitReached
from detectors.parsing.php.functions import OPAQUE
from detectors.parsing.php.machine import (
    STATEMENTS,
    ClassInfo,
    Exhausted,
    Machine,
    Routine,
    Signal,
    State,
    merge,
    merge_slots,
)
from detectors.parsing.php.source import Source, named
from detectors.parsing.php.targets import assign_to, forget_root
from detectors.parsing.php.values import (
    Array,
    Note,
    Object,
    Slot,
    Unknown,
    Value,
    key_of,
    loose_equal,
    truth,
)

EXIT = Signal("exit")
DEAD = Signal("dead")
MAX_ROUNDS = 2_000
BRANCH_DEPTH = 50


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
    if name is None or body is None:
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
            static = b"static" in machine.source.text(member) and any(
                child.type == "static_modifier" for child in member.children
            )
            for element in named(member):
                variable = element.child_by_field_name("name") if element.type == "property_element" else None
                if variable is not None:
                    default = element.child_by_field_name("default_value")
                    table = info.statics if static else info.props
                    table[machine.source.text(variable)[1:]] = (element, default)
                    if b"private" in machine.source.text(member)[: element.start_byte - member.start_byte]:
                        info.private.add(machine.source.text(variable)[1:])
        elif member.type == "const_declaration":
            for element in named(member):
                parts = named(element) if element.type == "const_element" else []
                if len(parts) == 2:
                    info.constants[machine.source.text(parts[0])] = parts[1]
        elif member.type == "method_declaration":
            title = member.child_by_field_name("name")
            if title is not None:
                routine = Routine(member, machine.source, info.name.lower())
                info.methods[machine.source.text(title).lower()] = routine
                info.partial |= machine.source.text(title).lower() in MAGIC
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


def expression(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        if part.type in ("exit_statement", "exit_expression"):
            return EXIT
        if part.type == "binary_expression" and (signal := _guard(machine, part)) is not UNGUARDED:
            return signal
        before = machine.state.copy() if _may_exit(part) else None
        try:
            machine.eval(part)
        except ExitReached:
            if before is None:
                return EXIT
            machine.state = before
    return None


UNGUARDED = Signal("unguarded")


def _may_exit(node: Node) -> bool:
    return node.type in ("binary_expression", "conditional_expression")


def _guard(machine: Machine, node: Node) -> Signal | None:
    """`… or die`, `… || exit`: a site that works does not die in its config, so the guard is passed."""
    right = node.child_by_field_name("right")
    left = node.child_by_field_name("left")
    if right is None or left is None:
        return UNGUARDED
    while right.type == "parenthesized_expression" and named(right):
        right = named(right)[0]
    name = right.child_by_field_name("function")
    dies = right.type in ("exit_statement", "exit_expression") or (
        name is not None and machine.source.text(name).lower() in (b"die", b"exit")
    )
    if not dies:
        return UNGUARDED
    machine.eval(left)
    return None


def exits(machine: Machine, node: Node) -> Signal | None:
    return EXIT


def returns(machine: Machine, node: Node) -> Signal | None:
    parts = named(node)
    if not parts:
        return Signal("return")
    value, notes = machine.noted(parts[0])
    machine.notes |= notes
    return Signal("return", value=value)


def leave(machine: Machine, node: Node) -> Signal | None:
    parts = named(node)
    level = machine.eval(parts[0]) if parts else 1
    kind = "break" if node.type == "break_statement" else "continue"
    return Signal(kind, level if type(level) is int else 1)


def _settle(machine: Machine, ways: list[tuple[State, Signal | None]], why: Unknown) -> Signal | None:
    """Merge the ways a branch was taken; ways that ended in exit are not those of a working site."""
    alive: list[State] = []
    left: list[Signal] = []
    for state, signal in ways:
        if signal is None:
            alive.append(state)
        elif signal.kind == "return":
            machine.returns.append((state, signal.value, why))
        elif signal.kind in ("break", "continue"):
            alive.append(state)
            left.append(signal)
    if not alive:
        if ways and all(signal is not None and signal.kind in ("exit", "dead") for _, signal in ways):
            machine.state = ways[-1][0]
            return EXIT
        return DEAD
    merged = alive[0]
    for state in alive[1:]:
        merged = merge(merged, state, why)
    machine.state = merged
    return left[0] if left and len(left) == len(alive) else None


def _branch(machine: Machine, body: Callable[[], Signal | None]) -> Signal | None:
    try:
        return body()
    except ExitReached:
        return EXIT


def _both(
    machine: Machine, why: Unknown, first: Callable[[], Signal | None], second: Callable[[], Signal | None]
) -> Signal | None:
    machine.step(1 + sum(len(scope) for scope in machine.state.scopes) // 8)
    before = machine.state.copy()
    one = _branch(machine, first)
    after, machine.state = machine.state, before
    other = _branch(machine, second)
    return _settle(machine, [(after, one), (machine.state, other)], why)


def condition_of(machine: Machine, node: Node) -> tuple[bool | None, Unknown, frozenset[Note]]:
    """Whether a condition holds; None with the reason where it cannot be said."""
    outer, machine.notes = machine.notes, set()
    value = machine.eval(node)
    noted = frozenset(
        note for note in machine.notes if note.kind in ("host", "environment", "file", "fallback")
    )
    machine.notes = outer
    if isinstance(value, Unknown) and value.kind == "unset":
        value = None
    why = value if isinstance(value, Unknown) else machine.unknown(node, "a condition that is not understood")
    known = truth(value)
    if known is None:
        why = Unknown(f"line {node.start_point[0] + 1} decides: {why.reason}"[:300], why.where, why.kind)
    return known, why, noted


def if_statement(machine: Machine, node: Node) -> Signal | None:
    """if, elseif, else if, else, in both spellings."""
    clauses: list[tuple[Node, Node | None]] = []
    otherwise: Node | None = None
    current: Node | None = node
    while current is not None:
        machine.step()
        condition, body = current.child_by_field_name("condition"), current.child_by_field_name("body")
        if condition is None:
            return None
        clauses.append((condition, body))
        following = None
        for alternative in current.children_by_field_name("alternative"):
            inner = alternative.child_by_field_name("body")
            test = alternative.child_by_field_name("condition")
            if alternative.type == "else_if_clause" and test is not None:
                clauses.append((test, inner))
            elif inner is not None and inner.type == "if_statement":
                following = inner
            else:
                otherwise = inner
        current = following
    return _choose(machine, clauses, 0, otherwise)


def _choose(
    machine: Machine, clauses: list[tuple[Node, Node | None]], index: int, otherwise: Node | None
) -> Signal | None:
    while index < len(clauses):
        condition, body = clauses[index]
        index += 1
        known, why, noted = condition_of(machine, condition)
        if known is None:
            if machine.depth > BRANCH_DEPTH:
                raise Exhausted
            passed = partial(_deeper, machine, clauses, index, otherwise)
            return _both(machine, why, partial(_run_optional, machine, body), passed)
        if known:
            before = machine.state.copy() if _holds_exit(machine, body) else None
            signal = _controlled(machine, noted, partial(_run_optional, machine, body))
            if signal is None or signal.kind != "exit" or before is None:
                return signal
            machine.state = before
        if noted:
            return _controlled(machine, noted, partial(_deeper, machine, clauses, index, otherwise))
    return _run_optional(machine, otherwise)


def _deeper(
    machine: Machine, clauses: list[tuple[Node, Node | None]], index: int, otherwise: Node | None
) -> Signal | None:
    machine.depth += 1
    try:
        return _choose(machine, clauses, index, otherwise)
    finally:
        machine.depth -= 1


def _holds_exit(machine: Machine, body: Node | None) -> bool:
    if body is None:
        return False
    text = machine.source.text(body).lower()
    return b"die" in text or b"exit" in text or b"throw" in text


def _controlled(machine: Machine, noted: frozenset[Note], body: Callable[[], Signal | None]) -> Signal | None:
    """Run a branch whose every assignment rests on what decided it."""
    outer = machine.control
    machine.control = outer | noted
    try:
        return _branch(machine, body)
    finally:
        machine.control = outer


def _run_optional(machine: Machine, body: Node | None) -> Signal | None:
    return None if body is None else machine.run(body)


def switch(machine: Machine, node: Node) -> Signal | None:
    subject_node, body = node.child_by_field_name("condition"), node.child_by_field_name("body")
    if subject_node is None or body is None:
        return None
    subject, notes = machine.noted(subject_node)
    if isinstance(subject, Unknown) and subject.kind == "unset":
        subject = None
    noted = frozenset(note for note in notes if note.kind in ("host", "environment", "fallback"))
    cases = [child for child in named(body) if child.type in ("case_statement", "default_statement")]
    chosen = -1
    for index, case in enumerate(cases):
        value = case.child_by_field_name("value")
        if case.type == "default_statement" or value is None:
            continue
        machine.step()
        wanted, more = machine.noted(value)
        noted |= frozenset(note for note in more if note.kind == "host")
        equal = loose_equal(subject, wanted)
        if equal is None:
            return _any_case(machine, node, cases, subject, wanted)
        if equal:
            machine.host_hits += any(note.kind == "host" for note in noted)
            chosen = index
            break
    if chosen < 0:
        chosen = next((i for i, case in enumerate(cases) if case.type == "default_statement"), len(cases))
    return _controlled(machine, noted, lambda: _from_case(machine, cases, chosen))


def _from_case(machine: Machine, cases: list[Node], start: int) -> Signal | None:
    for case in cases[start:]:
        value = case.child_by_field_name("value")
        for statement in named(case):
            if (
                value is not None
                and statement.start_byte == value.start_byte
                and statement.end_byte == value.end_byte
            ):
                continue
            signal = machine.run(statement)
            if signal is not None:
                return _left_loop(signal)
    return None


def _left_loop(signal: Signal) -> Signal | None:
    """What leaving a loop or switch means outside of it."""
    if signal.kind in ("break", "continue"):
        return Signal(signal.kind, signal.levels - 1) if signal.levels > 1 else None
    return signal


def _any_case(
    machine: Machine, node: Node, cases: list[Node], subject: Value, wanted: Value
) -> Signal | None:
    reason = next((one for one in (subject, wanted) if isinstance(one, Unknown)), None)
    why = reason or machine.unknown(node, "a switch that is not understood")
    starts = list(range(len(cases)))
    if not any(case.type == "default_statement" for case in cases):
        starts.append(len(cases))
    before = machine.state
    ways: list[tuple[State, Signal | None]] = []
    for start in starts:
        machine.step(4 + len(before.scopes[-1]) // 8)
        machine.state = before.copy()
        signal = _branch(machine, partial(_from_case, machine, cases, start))
        ways.append((machine.state, signal))
    return _settle(
        machine,
        ways,
        Unknown(f"line {node.start_point[0] + 1} decides: {why.reason}"[:300], why.where, why.kind),
    )


def foreach(machine: Machine, node: Node) -> Signal | None:
    parts = named(node)
    body = node.child_by_field_name("body")
    if len(parts) < 2:
        return None
    value = machine.eval(parts[0])
    if (
        any(child.type == "&" for child in node.children)
        or parts[1].type == "by_ref"
        or not isinstance(value, Array)
    ):
        return _havoc_loop(machine, node, value)
    if value.rest is not None or any(slot.maybe for slot in value.items.values()):
        return _havoc_loop(machine, node, value.rest or value)
    pair = named(parts[1]) if parts[1].type == "pair" else [parts[1]]
    if any(one.type == "by_ref" for one in pair):
        return _havoc_loop(machine, node, value)
    for key, slot in tuple(value.items.items()):
        machine.step()
        assign_to(machine, pair[-1], slot)
        if len(pair) == 2:
            assign_to(machine, pair[0], Slot(key, slot.where))
        signal = _run_optional(machine, body)
        if signal is not None and not (signal.kind == "continue" and signal.levels == 1):
            return _left_loop(signal)
    return None


def loop(machine: Machine, node: Node) -> Signal | None:
    """while, do, for: executed where its condition is known each time, else all it may write is Unknown."""
    body = node.child_by_field_name("body")
    condition = node.child_by_field_name("condition")
    if node.type == "for_statement":
        for start in node.children_by_field_name("initialize"):
            machine.eval(start)
    if condition is None:
        return _havoc_loop(machine, node, None)
    first = node.type == "do_statement"
    for _ in range(MAX_ROUNDS):
        if not first:
            known, why, _notes = condition_of(machine, condition)
            if known is None:
                return _havoc_loop(machine, node, why)
            if not known:
                return None
        first = False
        signal = _run_optional(machine, body)
        if signal is not None and not (signal.kind == "continue" and signal.levels == 1):
            return _left_loop(signal)
        if node.type == "for_statement":
            for update in node.children_by_field_name("update"):
                machine.eval(update)
    raise Exhausted


def _havoc_loop(machine: Machine, node: Node, value: Value) -> Signal | None:
    why = (
        value
        if isinstance(value, Unknown) and value.kind != "unset"
        else machine.unknown(node, "a loop that is not evaluated")
    )
    havoc(machine, node, why)
    return None


def havoc(machine: Machine, node: Node, why: Unknown) -> None:
    """Everything a piece of code may write becomes Unknown."""
    todo = [node]
    while todo:
        current = todo.pop()
        machine.step()
        if current.type in (
            "assignment_expression",
            "augmented_assignment_expression",
            "update_expression",
            "by_ref",
        ):
            left = current.child_by_field_name("left") or next(iter(named(current)), None)
            if left is not None:
                _havoc_target(machine, left, why)
        elif current.type in (
            "foreach_statement",
            "list_literal",
            "unset_statement",
            "reference_assignment_expression",
            "arguments",
        ):
            for part in named(current):
                if part.type not in ("compound_statement", "colon_block"):
                    _havoc_target(machine, part, why)
        elif current.type in (
            "include_expression",
            "include_once_expression",
            "require_expression",
            "require_once_expression",
            "exit_statement",
            "return_statement",
            "dynamic_variable_name",
        ):
            machine.becomes_opaque(why)
        elif current.type == "function_call_expression":
            _havoc_call(machine, current, why)
        todo.extend(current.named_children)


def _havoc_call(machine: Machine, node: Node, why: Unknown) -> None:
    function = node.child_by_field_name("function")
    name = machine.source.text(function).lower() if function is not None else b""
    if name == b"define":
        arguments = node.child_by_field_name("arguments")
        first = named(arguments)[:1] if arguments is not None else []
        literal = named(first[0])[0] if first and named(first[0]) else None
        constant = machine.eval(literal) if literal is not None and literal.type == "string" else None
        if isinstance(constant, bytes):
            if constant not in machine.state.constants:
                machine.state.constants[constant] = Slot(why, why.where, maybe=True)
        else:
            machine.becomes_opaque(why)
    elif name in machine.functions or name in OPAQUE:
        machine.becomes_opaque(why)


def _havoc_target(machine: Machine, node: Node, why: Unknown) -> None:
    while node.type in ("subscript_expression", "member_access_expression", "argument", "by_ref"):
        parts = named(node)
        if not parts:
            return
        node = parts[0]
    if node.type == "variable_name":
        name = machine.source.text(node)[1:]
        slot = machine.scope_of(name).get(name)
        if slot is not None and isinstance(slot.value, Object):
            forget_root(machine, node, why)
        else:
            machine.assign(name, Slot(why, why.where, maybe=slot is None))
    elif node.type in ("list_literal", "pair", "array_creation_expression"):
        for part in named(node):
            _havoc_target(machine, part, why)


def try_statement(machine: Machine, node: Node) -> Signal | None:
    """The body, or as much of it as comes before something is thrown and then a catch; then finally."""
    body = node.child_by_field_name("body")
    signal = _caught(machine, node, body, _branch(machine, partial(_run_optional, machine, body)))
    if signal is not None:
        return signal
    for child in named(node):
        if child.type == "finally_clause":
            inner = child.child_by_field_name("body")
            return _run_optional(machine, inner)
    return None


def _caught(machine: Machine, node: Node, body: Node | None, signal: Signal | None) -> Signal | None:
    """Whether the body throws can be said where it throws by itself; else each catch may have run after it."""
    catches = [child.child_by_field_name("body") for child in named(node) if child.type == "catch_clause"]
    code = b"" if body is None else machine.source.text(body)
    if not catches or (b"(" not in code and b"throw" not in code):
        return signal
    thrown = signal is not None and signal.kind == "exit" and b"throw" in code
    why = machine.unknown(node, "an exception may be thrown")
    after = machine.state
    ways: list[tuple[State, Signal | None]] = [] if thrown and len(catches) == 1 else [(after, signal)]
    for inner in catches:
        machine.state = after.copy()
        left = _branch(machine, partial(_run_optional, machine, inner))
        ways.append((machine.state, left))
    return _settle(machine, ways, why)


def unset(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        if part.type == "variable_name":
            name = machine.source.text(part)[1:]
            if name in machine.state.linked[-1]:
                machine.assign(
                    name, Slot(machine.unknown(part, "a global that is unset"), machine.where(part))
                )
            else:
                machine.scope_of(name).pop(name, None)
        elif part.type == "subscript_expression":
            parts = named(part)
            root = machine.eval(parts[0]) if parts else None
            key = machine.eval(parts[1]) if len(parts) == 2 else None
            normal = key_of(key)
            if isinstance(root, Array) and normal is not None:
                changed = root.copy()
                changed.items.pop(normal, None)
                if changed.rest is not None:
                    changed.rest = root.rest
                assign_to(machine, parts[0], Slot(changed, machine.where(part)))
            elif not (isinstance(root, Unknown) and root.kind == "unset"):
                forget_root(machine, part, machine.unknown(part, "an entry that is unset"))
        else:
            forget_root(machine, part, machine.unknown(part, "something that is unset"))
    return None


def global_declaration(machine: Machine, node: Node) -> Signal | None:
    if len(machine.state.scopes) == 1:
        return None
    names = {machine.source.text(part)[1:] for part in named(node) if part.type == "variable_name"}
    machine.state.linked[-1] |= names
    return None


def static_declaration(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        name = part.child_by_field_name("name")
        if name is not None:
            key = machine.source.text(name)[1:]
            machine.assign(key, Slot(machine.unknown(part, "a static variable"), machine.where(part)))
    return None


def const_declaration(machine: Machine, node: Node) -> Signal | None:
    for element in named(node):
        parts = named(element) if element.type == "const_element" else []
        if len(parts) == 2:
            value, notes = machine.noted(parts[1])
            name = machine.source.text(parts[0])
            machine.define(name, Slot(value, machine.where(parts[1]), notes, "const"))
    return None


def echo(machine: Machine, node: Node) -> Signal | None:
    for part in named(node):
        machine.eval(part)
    return None


def namespace(machine: Machine, node: Node) -> Signal | None:
    body = node.child_by_field_name("body")
    if body is None:
        return None
    hoist(machine, named(body))
    return machine.run(body)


def damaged(machine: Machine, node: Node) -> Signal | None:
    """What stands in a place PHP would refuse: it may have meant anything."""
    havoc(machine, node, machine.unknown(node, "the file is damaged here"))
    return None


def goto(machine: Machine, node: Node) -> Signal | None:
    raise Exhausted


STATEMENTS.update(
    {
        "expression_statement": expression,
        "compound_statement": block,
        "colon_block": block,
        "if_statement": if_statement,
        "switch_statement": switch,
        "foreach_statement": foreach,
        "while_statement": loop,
        "do_statement": loop,
        "for_statement": loop,
        "return_statement": returns,
        "break_statement": leave,
        "continue_statement": leave,
        "exit_statement": exits,
        "throw_statement": exits,
        "try_statement": try_statement,
        "unset_statement": unset,
        "global_declaration": global_declaration,
        "function_static_declaration": static_declaration,
        "const_declaration": const_declaration,
        "class_declaration": declare_class,
        "function_definition": declare_function,
        "echo_statement": echo,
        "namespace_definition": namespace,
        "goto_statement": goto,
        "ERROR": damaged,
    }
)
