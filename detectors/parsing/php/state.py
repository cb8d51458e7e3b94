"""All that running code can change, and how two possible pasts of it are merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from detectors.parsing.php.source import Source
from detectors.parsing.php.values import Array, Note, Slot, Unknown, Value, same

Scope = dict[bytes, Slot]


@dataclass(frozen=True, slots=True)
class Signal:
    """Why a block was left: break or continue (`levels`), return (`value`), exit, or dead (no way leads on)."""

    kind: str
    levels: int = 1
    value: Value = None


@dataclass(frozen=True, slots=True)
class Record:
    """An object on the heap: class name in lower case, and its properties."""

    kind: bytes
    props: Mapping[bytes, Slot]


@dataclass(frozen=True, slots=True)
class Routine:
    """A function or method: its node and the file it stands in; `owner` the class of a method."""

    node: Node
    source: Source
    owner: bytes = b""


@dataclass(slots=True)
class ClassInfo:
    """A class as declared; default values are evaluated when asked for. `partial`: it has more than stands in it, of a
    trait or by magic methods; `private` are its private properties."""

    name: bytes
    parent: bytes
    source: Source
    props: dict[bytes, tuple[Node, Node | None]] = field(default_factory=dict)
    statics: dict[bytes, tuple[Node, Node | None]] = field(default_factory=dict)
    constants: dict[bytes, Node] = field(default_factory=dict)
    methods: dict[bytes, Routine] = field(default_factory=dict)
    private: set[bytes] = field(default_factory=set)
    partial: bool = False


@dataclass(slots=True)
class State:
    """All that running code can change. `opaque` is set once code ran that could not be read: from then on
    nothing can be said to be undefined. `poisoned` are variables that share their value with others."""

    scopes: list[Scope] = field(default_factory=lambda: [{}])
    linked: list[frozenset[bytes]] = field(default_factory=lambda: [frozenset()])
    constants: Scope = field(default_factory=dict)
    heap: dict[int, Record] = field(default_factory=dict)
    statics: dict[tuple[bytes, bytes], Slot] = field(default_factory=dict)
    included: frozenset[bytes] = frozenset()
    poisoned: frozenset[bytes] = frozenset()
    opaque: Unknown | None = None

    def copy(self) -> State:
        """An independent copy; slots and records are shared because they never change."""
        return State(
            [dict(scope) for scope in self.scopes],
            list(self.linked),
            dict(self.constants),
            dict(self.heap),
            dict(self.statics),
            self.included,
            self.poisoned,
            self.opaque,
        )


def merge_slots(one: Slot | None, other: Slot | None, why: Unknown) -> Slot | None:
    """The slot that holds after either past; a value that differs is Unknown for the reason `why`."""
    if one is other:
        return one
    if one is None or other is None:
        known = one or other
        if known is None:
            return None
        doubtful = known.value if isinstance(known.value, Unknown) and known.value.kind != "unset" else why
        return Slot(doubtful, known.where, known.notes, known.how, True)
    maybe = one.maybe or other.maybe
    notes = one.notes | other.notes
    if same(one.value, other.value):
        return Slot(one.value, one.where, notes, one.how, maybe)
    if why.kind == "environment" and not maybe:
        kept = other if isinstance(one.value, Unknown) else one
        missing = one if kept is other else other
        if isinstance(missing.value, Unknown) and missing.value.kind == "environment":
            return Slot(kept.value, kept.where, notes | {Note("fallback", why.reason)}, kept.how)
    if isinstance(one.value, Array) and isinstance(other.value, Array):
        return Slot(_merge_arrays(one.value, other.value, why), one.where, notes, one.how, maybe)
    if (
        isinstance(one.value, Unknown)
        and isinstance(other.value, Unknown)
        and one.value.kind == other.value.kind
    ):
        return Slot(one.value, one.where, notes, one.how, maybe)
    return Slot(
        Unknown(f"{why.reason}: line {one.where.line} or line {other.where.line}", why.where, why.kind),
        one.where,
        notes,
        one.how,
        maybe,
    )


def _merge_arrays(one: Array, other: Array, why: Unknown) -> Array:
    merged = Array({}, max(one.next, other.next), one.rest or other.rest)
    for key in (*one.items, *(key for key in other.items if key not in one.items)):
        slot = merge_slots(one.items.get(key), other.items.get(key), why)
        if slot is not None:
            merged.items[key] = slot
    return merged


def _merge_scopes(one: Scope, other: Scope, why: Unknown) -> Scope:
    merged: Scope = {}
    for name in (*one, *(name for name in other if name not in one)):
        slot = merge_slots(one.get(name), other.get(name), why)
        if slot is not None:
            merged[name] = slot
    return merged


def merge(one: State, other: State, why: Unknown) -> State:
    """The state after either of two pasts, of which `why` says why it is not known which."""
    if why.kind == "unset":
        why = Unknown(why.reason, why.where)
    heap: dict[int, Record] = {}
    for key in (*one.heap, *(key for key in other.heap if key not in one.heap)):
        left, right = one.heap.get(key), other.heap.get(key)
        if left is None or right is None or left is right:
            heap[key] = left or right or Record(b"", {})
        else:
            heap[key] = Record(left.kind, _merge_scopes(dict(left.props), dict(right.props), why))
    statics: dict[tuple[bytes, bytes], Slot] = {}
    for pair in one.statics.keys() | other.statics.keys():
        slot = merge_slots(one.statics.get(pair), other.statics.get(pair), why)
        if slot is not None:
            statics[pair] = slot
    return State(
        [_merge_scopes(a, b, why) for a, b in zip(one.scopes, other.scopes, strict=True)],
        one.linked,
        _merge_scopes(one.constants, other.constants, why),
        heap,
        statics,
        one.included & other.included,
        one.poisoned | other.poisoned,
        one.opaque or other.opaque,
    )
