"""The evaluator's state: scopes, constants, heap; how two possible pasts are merged; its limits.

Expressions and statements live in their own modules and are tables of functions over a Machine. Recursion
follows the nesting of the source and is bounded by MAX_DEPTH; long chains are walked in loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from tree_sitter import Node

from detectors.parsing.php.source import Source
from detectors.parsing.php.values import (
    NO_NOTES,
    Array,
    Note,
    Notes,
    Object,
    Slot,
    Unknown,
    Value,
    Where,
    same,
)
from detectors.walk import Rooted

MAX_DEPTH = 60
Scope = dict[bytes, Slot]


class Exhausted(Exception):
    """The evaluator's limits are reached; whatever it knew is discarded."""


class ExitReached(Exception):
    """exit or die inside an expression."""


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


class Connect(NamedTuple):
    """A call that opens a database connection or chooses its database: its name in lower case, its place, and what
    its arguments were."""

    name: bytes
    where: Where
    arguments: tuple[Slot, ...]


MAX_CONNECTS = 200


@dataclass(slots=True)
class World:
    """What the evaluator may ask about the site: files below the root, environment, the host asked for.

    `presumed` are constants as the application sets them before it reads the config; `cwd` the folder of its entry;
    `watched` are calls whose arguments are kept, by name in lower case: "f", "new c" or "->m"."""

    rooted: Rooted
    cwd: bytes
    environment: Mapping[bytes, bytes]
    host: bytes | None
    presumed: Mapping[bytes, Slot]
    watched: frozenset[bytes] = frozenset()


class Machine:
    """One run over one config. `host_hits` counts comparisons in which the host asked for was named."""

    def __init__(self, world: World, source: Source, steps: int) -> None:
        self.world = world
        self.source = source
        self.owner = b""
        self.state = State()
        self.steps = steps
        self.depth = 0
        self.calls = 0
        self.includes = world.rooted.limits.includes
        self.notes: set[Note] = set()
        self.control: Notes = NO_NOTES
        self.functions: dict[bytes, Routine] = {}
        self.classes: dict[bytes, ClassInfo] = {}
        self.returns: list[tuple[State, Value, Unknown]] = []
        self.host_used = False
        self.host_hits = 0
        self.opened: list[str] = []
        self.recorded: dict[bytes, list[Slot]] = {}
        self.connects: list[Connect] = []
        self.state.constants = dict(world.presumed)

    def where(self, node: Node) -> Where:
        """Where a node stands."""
        return Where(self.source.path, node.start_point[0] + 1)

    def unknown(self, node: Node, reason: str, kind: str = "code") -> Unknown:
        """An Unknown at a node."""
        return Unknown(reason, self.where(node), kind)

    def connect(
        self, name: bytes, node: Node, arguments: Sequence[Node], given: Sequence[tuple[Value, Notes]]
    ) -> None:
        """Keep a call that opens a database connection."""
        if len(self.connects) < MAX_CONNECTS:
            pairs = zip(arguments, given, strict=True)
            slots = tuple(Slot(value, self.where(one), notes) for one, (value, notes) in pairs)
            self.connects.append(Connect(name, self.where(node), slots))

    def record(self, name: bytes, arguments: Sequence[Node], given: Sequence[tuple[Value, Notes]]) -> None:
        """Keep the arguments of a watched call; calls that differ make them Unknown."""
        pairs = zip(arguments, given, strict=True)
        slots = [Slot(value, self.where(one), notes) for one, (value, notes) in pairs]
        old = self.recorded.setdefault(name, slots)
        if old is not slots and [one.value for one in old] != [one.value for one in slots]:
            why = Unknown("it is called with other arguments too", slots[0].where if slots else old[0].where)
            self.recorded[name] = [one._replace(value=why) for one in old]

    def step(self, cost: int = 1) -> None:
        """Count work; raises Exhausted beyond the limit."""
        self.steps -= cost
        if self.steps < 0:
            raise Exhausted

    def eval(self, node: Node) -> Value:
        """The value of an expression."""
        self.step()
        if self.depth > MAX_DEPTH:
            return self.unknown(node, "nested too deeply", "limit")
        self.depth += 1
        try:
            handler = EXPRESSIONS.get(node.type)
            if handler is None:
                return self.unknown(node, f"{node.type.replace('_', ' ')} is not evaluated")
            return handler(self, node)
        finally:
            self.depth -= 1

    def run(self, node: Node) -> Signal | None:
        """Execute a statement; None where the next one follows."""
        self.step()
        handler = STATEMENTS.get(node.type)
        if handler is None:
            return None
        if self.depth > MAX_DEPTH:
            raise Exhausted
        self.depth += 1
        try:
            return handler(self, node)
        finally:
            self.depth -= 1

    def value(self, node: Node) -> Value:
        """The value of an expression, null where it reads something that is not set."""
        value = self.eval(node)
        return None if isinstance(value, Unknown) and value.kind == "unset" else value

    def noted(self, node: Node) -> tuple[Value, Notes]:
        """An expression's value with what it rests on."""
        outer, self.notes = self.notes, set()
        try:
            value = self.eval(node)
            return value, frozenset(self.notes) | self.control
        finally:
            outer |= self.notes
            self.notes = outer

    @contextmanager
    def inside(self, source: Source, owner: bytes | None = None) -> Iterator[None]:
        """Evaluate nodes of another file, of the class `owner` (b"": of none; None: of the same as before)."""
        outer, kind = self.source, self.owner
        self.source, self.owner = source, kind if owner is None else owner
        try:
            yield
        finally:
            self.source, self.owner = outer, kind

    def lineage(self, kind: bytes) -> list[ClassInfo]:
        """A class and what it extends, as far as that is declared here."""
        found: list[ClassInfo] = []
        while kind and len(found) < 10:
            info = self.classes.get(kind)
            if info is None:
                break
            found.append(info)
            kind = info.parent
        return found

    def class_named(self, raw: bytes) -> bytes:
        """The class that a name stands for, in lower case; b"" where that cannot be said."""
        name = raw.rpartition(b"\\")[2].lower()
        if name == b"static" and any(info.parent == self.owner for info in self.classes.values()):
            return b""
        if name in (b"self", b"static"):
            return self.owner
        if name == b"parent":
            return self.classes[self.owner].parent if self.owner in self.classes else b""
        return name

    def scope_of(self, name: bytes) -> Scope:
        """The scope a variable of the running function lives in."""
        state = self.state
        return state.scopes[0] if name in state.linked[-1] else state.scopes[-1]

    def variable(self, name: bytes, node: Node) -> Value:
        """Read a variable."""
        slot = self.scope_of(name).get(name)
        if slot is None:
            return self.state.opaque or self.unknown(node, f"${name.decode('latin-1')} is not set", "unset")
        self.notes |= slot.notes
        return slot.value

    def assign(self, name: bytes, slot: Slot) -> None:
        """Write a variable; one that was ever a reference stays unknown."""
        if name in self.state.poisoned:
            slot = slot._replace(value=Unknown("a variable that is a reference", slot.where))
        self.scope_of(name)[name] = slot

    def define(self, name: bytes, slot: Slot) -> None:
        """define() and const: the first one wins."""
        old = self.state.constants.get(name)
        if old is None or (old.maybe and same(old.value, slot.value)):
            self.state.constants[name] = slot
        elif old.maybe and not isinstance(old.value, Unknown):
            why = Unknown("defined twice, perhaps", slot.where)
            self.state.constants[name] = Slot(why, slot.where, slot.notes)
        elif old.maybe:
            self.state.constants[name] = old._replace(maybe=False)

    def read_prop(self, thing: Object, name: bytes) -> Slot | None:
        """A property's slot."""
        return self.state.heap[thing.id].props.get(name)

    def known_whole(self, kind: bytes) -> bool:
        """Whether all that a class has is declared here, and nothing of it is made up as it is asked for."""
        lineage = self.lineage(kind)
        return not lineage or not (lineage[-1].parent or any(info.partial for info in lineage))

    def write_prop(self, thing: Object, name: bytes, slot: Slot) -> None:
        """Set a property."""
        record = self.state.heap[thing.id]
        self.step(len(record.props) // 16)
        self.state.heap[thing.id] = Record(record.kind, {**record.props, name: slot})

    def new_object(self, kind: bytes) -> Object:
        """An empty object."""
        thing = Object(self.calls * 1_000_003 + len(self.state.heap) + self.steps * 7)
        while thing.id in self.state.heap:
            thing = Object(thing.id + 1)
        self.state.heap[thing.id] = Record(kind, {})
        return thing

    def becomes_opaque(self, why: Unknown) -> None:
        """Code ran that could not be read: every variable it could reach may have changed."""
        self.state.opaque = why
        for scope in {id(one): one for one in (self.state.scopes[0], self.state.scopes[-1])}.values():
            for name, slot in scope.items():
                if not isinstance(slot.value, Unknown):
                    scope[name] = slot._replace(value=why)
        self.state.statics = {key: slot._replace(value=why) for key, slot in self.state.statics.items()}


Expression = Callable[[Machine, Node], Value]
Statement = Callable[[Machine, Node], "Signal | None"]
EXPRESSIONS: dict[str, Expression] = {}
STATEMENTS: dict[str, Statement] = {}
