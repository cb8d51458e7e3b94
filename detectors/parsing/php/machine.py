"""The evaluator's state: scopes, constants, heap; how two possible pasts are merged; its limits.

Expressions and statements live in their own modules and are tables of functions over a Machine. Recursion
follows the nesting of the source and is bounded by MAX_DEPTH; long chains are walked in loops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from tree_sitter import Node

from detectors.parsing.php.source import Source
from detectors.parsing.php.state import ClassInfo, Record, Routine, Scope, Signal, State
from detectors.parsing.php.values import NO_NOTES, Note, Notes, Object, Slot, Unknown, Value, Where, same
from detectors.walk import Rooted

MAX_DEPTH = 60


class Exhausted(Exception):
    """The evaluator's limits are reached; whatever it knew is discarded."""


class ExitReached(Exception):
    """exit or die inside an expression."""


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
        self.namespaces: set[bytes] = set()
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
