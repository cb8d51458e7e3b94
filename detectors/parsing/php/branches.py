"""Branches: a condition that cannot be decided is taken both ways, and the ways are merged."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from tree_sitter import Node

from detectors.parsing.php.flow import DEAD, EXIT
from detectors.parsing.php.machine import STATEMENTS, Exhausted, ExitReached, Machine
from detectors.parsing.php.source import named
from detectors.parsing.php.state import Signal, State, merge
from detectors.parsing.php.values import Note, Unknown, Value, loose_equal, truth

BRANCH_DEPTH = 50


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
            return _both(machine, why, partial(run_optional, machine, body), passed)
        if known:
            before = machine.state.copy() if _holds_exit(machine, body) else None
            signal = _controlled(machine, noted, partial(run_optional, machine, body))
            if signal is None or signal.kind != "exit" or before is None:
                return signal
            machine.state = before
        if noted:
            return _controlled(machine, noted, partial(_deeper, machine, clauses, index, otherwise))
    return run_optional(machine, otherwise)


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


def run_optional(machine: Machine, body: Node | None) -> Signal | None:
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
                return left_loop(signal)
    return None


def left_loop(signal: Signal) -> Signal | None:
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


def try_statement(machine: Machine, node: Node) -> Signal | None:
    """The body, or as much of it as comes before something is thrown and then a catch; then finally."""
    body = node.child_by_field_name("body")
    signal = _caught(machine, node, body, _branch(machine, partial(run_optional, machine, body)))
    if signal is not None and signal.kind == "exit":
        return signal
    for child in named(node):
        if child.type == "finally_clause":
            inner = child.child_by_field_name("body")
            return run_optional(machine, inner) or signal
    return signal


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
        left = _branch(machine, partial(run_optional, machine, inner))
        ways.append((machine.state, left))
    return _settle(machine, ways, why)


STATEMENTS.update(
    {
        "if_statement": if_statement,
        "switch_statement": switch,
        "try_statement": try_statement,
    }
)
