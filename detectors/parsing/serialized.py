"""PHP's serialize() format, read with phpserialize, which is fed bytes and kept on a leash.

phpserialize fails in many ways on what it does not know (references, C:, E:, S:, wrong lengths, deep nests) and
takes trailing junk; here all of that is one answer, None. https://www.php.net/manual/en/function.serialize.php
"""

from __future__ import annotations

import io
import re

import phpserialize

MAX_SIZE = 256 << 10
MAX_DEPTH = 60
SHAPE = re.compile(rb"(?:[abdisON]:|N;)")

Plain = bytes | int | float | bool | None | dict[object, object]


def loads(value: bytes) -> Plain:
    """The value of a serialized text: bytes, numbers, dicts (also for objects: their properties).

    None for null and for everything that cannot be read whole; never raises."""
    if len(value) > MAX_SIZE or not SHAPE.match(value) or value.count(b"{") > 20_000:
        return None
    if _depth(value) > MAX_DEPTH:
        return None
    stream = io.BytesIO(value)
    try:
        found: Plain = phpserialize.load(stream, object_hook=_properties)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError, RecursionError, MemoryError):
        return None
    return found if stream.read(1) == b"" else None


def _properties(name: bytes, properties: dict[object, object]) -> dict[object, object]:
    return properties


def _depth(value: bytes) -> int:
    """The deepest nest there can be, braces in texts included."""
    depth = deepest = 0
    for brace in re.findall(rb"[{}]", value):
        depth += 1 if brace == b"{" else -1
        deepest = max(deepest, depth)
    return deepest


def texts(value: bytes) -> tuple[bytes, ...]:
    """The texts among the entries of a serialized array, in order; () where it is none."""
    found = loads(value)
    if not isinstance(found, dict):
        return ()
    return tuple(one for one in found.values() if isinstance(one, bytes))


def entry(value: bytes, *path: bytes) -> bytes | None:
    """The text or whole number at a path of keys in a serialized array, None where there is none."""
    found: object = loads(value)
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, (bytes, int)):
        return None
    return found if isinstance(found, bytes) else b"%d" % found
