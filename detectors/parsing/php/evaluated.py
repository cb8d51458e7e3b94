"""What an evaluated file leaves behind, asked for field by field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.finding import Status, text
from detectors.parsing.php.machine import Exhausted, ExitReached, Machine
from detectors.parsing.php.objects import instance
from detectors.parsing.php.source import Source
from detectors.parsing.php.values import Array, Object, Slot, TreePath, Unknown, Value, Where, same
from detectors.parsing.stated import Stated
from detectors.walk import OutOfRoot, Unreadable

Key = bytes | int


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What a PHP file leaves behind. Asking for a field gives None where the file does not set it.

    `damage` is the line of the first thing PHP would refuse (0: none), `cut` whether the end is missing,
    `exhausted` whether the evaluator's limits stopped it; then nothing is known. `opened` are included files.
    """

    path: str
    machines: tuple[Machine, ...]
    returns: tuple[Value, ...]
    damage: int = 0
    cut: bool = False
    exhausted: bool = False
    opened: tuple[str, ...] = ()

    def constant(self, name: bytes) -> Stated | None:
        """A constant's value."""
        return self._one([machine.state.constants.get(name) for machine in self.machines])

    def variable(self, name: bytes, *path: Key) -> Stated | None:
        """A global variable's value, or that of an entry or property of it."""
        return self._one(
            [_descend(machine, machine.state.scopes[0].get(name), path) for machine in self.machines]
        )

    def left(self, name: bytes) -> Value:
        """A global variable as the file leaves it, None where it does not set it; b"" is what the file returns."""
        if not name:
            return self.returns[0] if self.returns else None
        slot = self.machines[0].state.scopes[0].get(name) if self.machines else None
        return None if slot is None else slot.value

    def returned(self, *path: Key) -> Stated | None:
        """An entry of what the file returns."""
        slots = [
            _descend(machine, Slot(value, Where(self.path, 1)), path)
            for machine, value in zip(self.machines, self.returns, strict=True)
        ]
        return self._one(slots)

    def member(self, kind: bytes, name: bytes, *path: Key) -> Stated | None:
        """A property of a new object of the class `kind` (in lower case)."""
        slots = []
        for machine in self.machines:
            thing = _instance(machine, kind)
            slots.append(None if thing is None else _descend(machine, machine.read_prop(thing, name), path))
        return self._one(slots)

    def argument(self, function: bytes, number: int) -> Stated | None:
        """An argument of the first call of a function that is recorded."""
        calls_ = [machine.recorded.get(function, []) for machine in self.machines]
        return self._one([slots[number] if number < len(slots) else None for slots in calls_])

    def expression(self, code: bytes) -> Stated | None:
        """What a class constant or static property, as PHP writes it (A::B, A::$b), holds after the file has run."""
        return self._one([_looked_up(machine, self.path, code) for machine in self.machines])

    @property
    def opaque(self) -> Stated | None:
        """Code that ran but could not be read, None where there was none: it may have set anything."""
        for machine in self.machines:
            if machine.state.opaque is not None:
                return stated(Slot(machine.state.opaque, machine.state.opaque.where), machine)
        return None

    def folder(self, name: bytes) -> bytes | None:
        """The real path, relative to the examined root, of the folder a constant names; None if it is not there."""
        for machine in self.machines:
            slot = machine.state.constants.get(name)
            value = None if slot is None else slot.value
            path = value.below.lstrip(b"/") if isinstance(value, TreePath) else value
            if not isinstance(path, bytes):
                return None
            try:
                return machine.world.rooted.resolve(path)
            except (OutOfRoot, Unreadable):
                return None
        return None

    def keys(self, name: bytes, *path: Key) -> tuple[Key, ...]:
        """The keys of an array below a global variable, of the first reading."""
        for machine in self.machines[:1]:
            slot = _descend(machine, machine.state.scopes[0].get(name), path)
            if slot is not None and isinstance(slot.value, Array):
                return tuple(slot.value.items)
        return ()

    def _one(self, slots: Sequence[Slot | None]) -> Stated | None:
        found = [slot for slot in slots if slot is not None and not _unset(slot)]
        if not found:
            return None
        first = found[0]
        if len(found) < len(slots) or any(not same(first.value, slot.value) for slot in found[1:]):
            if all(isinstance(slot.value, Unknown) for slot in found) and len(found) == len(slots):
                return stated(first, self.machines[0])
            lines = " or ".join(f"line {slot.where.line}" for slot in found)
            reason = f"depends on the domain that is asked for: {lines}"
            return Stated(None, Status.AMBIGUOUS, first.where.path, first.where.line, "", reason)
        return stated(first, self.machines[0])


def _unset(slot: Slot) -> bool:
    return isinstance(slot.value, Unknown) and slot.value.kind == "unset"


def _descend(machine: Machine, slot: Slot | None, path: Sequence[Key]) -> Slot | None:
    for key in path:
        if slot is None:
            return None
        value = slot.value
        if isinstance(value, Unknown):
            return slot
        if isinstance(value, Array):
            inner = value.items.get(key)
            if inner is None and value.rest is not None:
                inner = Slot(value.rest, value.rest.where)
        elif isinstance(value, Object) and isinstance(key, bytes):
            inner = machine.read_prop(value, key)
        else:
            return None
        slot = (
            None
            if inner is None
            else inner._replace(notes=inner.notes | slot.notes, maybe=inner.maybe or slot.maybe)
        )
    return slot


def _instance(machine: Machine, kind: bytes) -> Object | None:
    if kind not in machine.classes:
        return None
    for id_, record in machine.state.heap.items():
        if record.kind == kind:
            return Object(id_)
    machine.steps = max(machine.steps, 1_000)
    try:
        made = instance(machine, machine.source.root, kind, [], [])
    except (Exhausted, ExitReached):
        return None
    return made if isinstance(made, Object) else None


def _looked_up(machine: Machine, path: str, code: bytes) -> Slot | None:
    if code.partition(b"::")[0].lower() not in machine.classes:
        return None
    source = Source(path, b"", b"<?php " + code + b";")
    machine.steps = max(machine.steps, 1_000)
    statement = next((one for one in source.root.named_children if one.type == "expression_statement"), None)
    if statement is None:
        return None
    with machine.inside(source):
        try:
            value, notes = machine.noted(statement.named_children[0])
        except (Exhausted, ExitReached):
            return None
    return Slot(value, Where(path, 0), notes, text(code))


def stated(slot: Slot, machine: Machine) -> Stated:
    """What a slot states, for a finding."""
    value, (path, line) = slot.value, slot.where
    notes = sorted({note for note in slot.notes if note.kind != "host" or machine.host_used})
    how = "; ".join(part for part in (slot.how, *(_told(note.kind, note.text) for note in notes)) if part)[
        :400
    ]
    if isinstance(value, Unknown):
        status = {
            "environment": Status.NEEDS_ENVIRONMENT,
            "host": Status.AMBIGUOUS,
            "request": Status.AMBIGUOUS,
        }.get(value.kind, Status.AMBIGUOUS if " or line " in value.reason else Status.PARTIAL)
        return Stated(
            None, status, path, line or None, how, f"{value.reason} ({value.where.path}:{value.where.line})"
        )
    if slot.maybe:
        return Stated(None, Status.AMBIGUOUS, path, line or None, how, "set in one branch only")
    if isinstance(value, (Array, Object, TreePath)):
        return Stated(None, Status.PARTIAL, path, line or None, how, "not a text")
    plain = (
        value if isinstance(value, bytes) else b"" if value is None or value is False else b"%d" % int(value)
    )
    fallback = any(note.kind == "fallback" for note in notes)
    return Stated(plain, Status.FALLBACK if fallback else Status.EXACT, path, line or None, how)


def _told(kind: str, note: str) -> str:
    return {"fallback": f"default, because {note}", "host": f"for {note}", "environment": f"from {note}"}.get(
        kind, note
    )
