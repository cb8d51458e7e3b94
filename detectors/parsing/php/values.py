"""The values the PHP evaluator computes with. Strings are bytes; what cannot be decided is Unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

INT_MAX = 2**63 - 1
INT_MIN = -(2**63)


class Where(NamedTuple):
    """A place in the examined tree: path as text, line from 1."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A value that cannot be had without running PHP, and why.

    `kind` is environment (an environment variable), host (which domain is asked for), request (what a visitor
    sent), limit (the evaluator stopped), unset (nothing was assigned) or code (everything else).
    """

    reason: str
    where: Where
    kind: str = "code"


@dataclass(frozen=True, slots=True)
class TreePath:
    """An absolute file name whose beginning on the lost server is not known: the tree's root, then `below`."""

    below: bytes


@dataclass(frozen=True, slots=True)
class Object:
    """A handle; what the object holds stands in the evaluator's heap."""

    id: int


class Note(NamedTuple):
    """Something a value rests on: kind is fallback, host, environment or file."""

    kind: str
    text: str


Notes: TypeAlias = frozenset[Note]
NO_NOTES: Notes = frozenset()


@dataclass(slots=True)
class Array:
    """A PHP array, not changed once stored. `rest` stands for entries that cannot be known; `next` is the key
    an appended entry gets, -1 where PHP versions differ."""

    items: dict[int | bytes, Slot] = field(default_factory=dict)
    next: int = 0
    rest: Unknown | None = None

    def copy(self) -> Array:
        """A copy whose entries can be set without changing this one."""
        return Array(dict(self.items), self.next, self.rest)

    def put(self, key: int | bytes | None, slot: Slot) -> None:
        """Set an entry; None appends."""
        if key is None and self.next < 0:
            self.rest = Unknown(
                "an entry appended after a negative key, which PHP versions number differently", slot.where
            )
            return
        if key is None:
            key = self.next
        if isinstance(key, int):
            if key >= 0:
                self.next = max(self.next, key + 1)
            elif self.next == 0:
                self.next = -1
        self.items[key] = slot

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Array):
            return False
        if self.rest != other.rest or self.items.keys() != other.items.keys():
            return False
        return all(slot.value == other.items[key].value for key, slot in self.items.items())


Value: TypeAlias = "bool | int | bytes | Array | Object | TreePath | Unknown | None"


class Slot(NamedTuple):
    """A value where it is kept, with the place that set it. `maybe`: it may also not be set at all."""

    value: Value
    where: Where
    notes: Notes = NO_NOTES
    how: str = ""
    maybe: bool = False


def same(one: Value, other: Value) -> bool:
    """Whether two values are certainly the same, types included; Unknown is the same as nothing."""
    if isinstance(one, Unknown) or isinstance(other, Unknown):
        return False
    return type(one) is type(other) and one == other


def string(value: Value) -> bytes | None:
    """PHP's conversion to string; None where it cannot be decided."""
    if isinstance(value, bytes):
        return value
    if value is None or value is False:
        return b""
    if value is True:
        return b"1"
    if isinstance(value, int):
        return b"%d" % value
    return None


def truth(value: Value) -> bool | None:
    """PHP's conversion to bool; None where it cannot be decided."""
    if isinstance(value, Unknown):
        return None
    if isinstance(value, Array):
        return True if value.items else (False if value.rest is None else None)
    if isinstance(value, (TreePath, Object)):
        return True
    if isinstance(value, bytes):
        return value not in (b"", b"0")
    return bool(value)


def key_of(value: Value) -> int | bytes | None:
    """PHP's conversion to an array key; None where it cannot be decided."""
    if isinstance(value, bytes):
        digits = value[1:] if value[:1] == b"-" else value
        if digits.isdigit() and len(digits) < 19 and b"%d" % int(value) == value:
            return int(value)
        return value
    if value is None:
        return b""
    if isinstance(value, (bool, int)):
        return int(value)
    return None


def numeric(value: bytes) -> bool:
    """Whether PHP might take a string for a number (generously: True means "not sure that it does not")."""
    stripped = value.strip(b" \t\n\r\v\f")
    return stripped[:1].isdigit() or (
        stripped[:1] in (b"+", b"-", b".") and any(48 <= c < 58 for c in stripped)
    )


def whole_number(value: bytes) -> int | None:
    """The integer a plain decimal string states, None for all other strings."""
    digits = value[1:] if value[:1] in (b"-", b"+") else value
    return int(value) if digits.isdigit() and len(digits) < 19 else None


def loose_equal(one: Value, other: Value) -> bool | None:
    """PHP's ==; None where it cannot be decided or where PHP 7 and PHP 8 differ."""
    if isinstance(one, (Unknown, TreePath, Object)) or isinstance(other, (Unknown, TreePath, Object)):
        return None
    if isinstance(one, bool) or isinstance(other, bool) or one is None or other is None:
        return _loose_equal_bool(one, other)
    if isinstance(one, bytes) and isinstance(other, bytes):
        if one == other:
            return True
        if not (numeric(one) and numeric(other)):
            return False
        left, right = whole_number(one), whole_number(other)
        return None if left is None or right is None else left == right
    if isinstance(one, int) and isinstance(other, int):
        return one == other
    if isinstance(one, Array) and isinstance(other, Array):
        return True if one == other and one.rest is None else None
    number, text = (one, other) if isinstance(one, int) else (other, one)
    if isinstance(number, int) and isinstance(text, bytes):
        stated = whole_number(text)
        return None if stated is None else stated == number
    return None


def _loose_equal_bool(one: Value, other: Value) -> bool | None:
    if one is None and isinstance(other, bytes):
        return other == b""
    if other is None and isinstance(one, bytes):
        return one == b""
    left, right = truth(one), truth(other)
    return None if left is None or right is None else left == right
