"""PHP functions that take arrays or make them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from detectors.parsing.php.text_functions import MAX_STRING, UNDECIDED, texts_of
from detectors.parsing.php.values import Array, Slot, Value, Where, key_of, loose_equal, same, string

HERE = Where("", 0)


def array(values: Sequence[Value]) -> Array:
    """A list as a PHP array."""
    made = Array()
    for value in values:
        made.put(None, Slot(value, HERE))
    return made


def _items(value: Value) -> list[Value] | None:
    if not isinstance(value, Array) or value.rest is not None:
        return None
    return [slot.value for slot in value.items.values()]


def str_replace(arguments: Sequence[Value]) -> object:
    if len(arguments) != 3:
        return UNDECIDED
    search, replace, subject = arguments
    olds = texts_of(_items(search) or ()) if isinstance(search, Array) else texts_of([search])
    news = texts_of(_items(replace) or ()) if isinstance(replace, Array) else texts_of([replace])
    value = string(subject)
    if (
        olds is None
        or news is None
        or value is None
        or (isinstance(replace, Array) and not isinstance(search, Array))
    ):
        return UNDECIDED
    for index, old in enumerate(olds):
        new = (news[index] if index < len(news) else b"") if isinstance(replace, Array) else news[0]
        value = value.replace(old, new) if old else value
        if len(value) > MAX_STRING:
            return UNDECIDED
    return value


def implode(arguments: Sequence[Value]) -> object:
    if len(arguments) == 1:
        arguments = (b"", arguments[0])
    if len(arguments) != 2:
        return UNDECIDED
    glue, pieces = arguments if isinstance(arguments[1], Array) else (arguments[1], arguments[0])
    items, joint = _items(pieces), string(glue)
    texts = None if items is None else texts_of(items)
    return UNDECIDED if texts is None or joint is None else joint.join(texts)


def explode(value: bytes, subject: bytes) -> object:
    return array(subject.split(value)) if value else UNDECIDED


def in_array(arguments: Sequence[Value]) -> object:
    if len(arguments) not in (2, 3):
        return UNDECIDED
    items, strict = _items(arguments[1]), len(arguments) == 3 and arguments[2]
    if items is None or strict not in (True, False):
        return UNDECIDED
    results = [same(arguments[0], one) if strict else loose_equal(arguments[0], one) for one in items]
    if any(one is True for one in results):
        return True
    return UNDECIDED if any(one is None for one in results) else False


def array_key_exists(arguments: Sequence[Value]) -> object:
    if len(arguments) != 2 or not isinstance(arguments[1], Array):
        return UNDECIDED
    key = key_of(arguments[0])
    if key is None:
        return UNDECIDED
    if key in arguments[1].items:
        return UNDECIDED if arguments[1].items[key].maybe else True
    return UNDECIDED if arguments[1].rest is not None else False


def count(arguments: Sequence[Value]) -> object:
    items = _items(arguments[0]) if len(arguments) == 1 else None
    return UNDECIDED if items is None else len(items)


def parse_url(value: bytes) -> Array | None:
    """parse_url() for the forms that database URLs have; None for all others."""
    match = re.fullmatch(
        rb"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^:@/?#\[\]]*)(?::([^@/?#\[\]]*))?@)?([^:@/?#\[\]]+)(?::(\d{1,5}))?"
        rb"(/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?",
        value,
    )
    if match is None or any(byte < 32 or byte == 127 for byte in value):
        return None
    scheme, user, password, host, port, path, query, fragment = match.groups()
    if port is not None and not 0 < int(port) < 65536:
        return None
    made = Array()
    parts: tuple[tuple[bytes, Value], ...] = (
        (b"scheme", scheme),
        (b"host", host),
        (b"port", None if port is None else int(port)),
        (b"user", user),
        (b"pass", password),
        (b"path", path),
        (b"query", query),
        (b"fragment", fragment),
    )
    for name, part in parts:
        if part is not None:
            made.put(name, Slot(part, HERE))
    return made


def parse_url_of(arguments: Sequence[Value]) -> object:
    if not 1 <= len(arguments) <= 2 or not isinstance(arguments[0], bytes):
        return UNDECIDED
    parsed = parse_url(arguments[0])
    if parsed is None:
        return UNDECIDED
    if len(arguments) == 1:
        return parsed
    order = (b"scheme", b"host", b"port", b"user", b"pass", b"path", b"query", b"fragment")
    which = arguments[1]
    if type(which) is not int or not -1 <= which < len(order):
        return UNDECIDED
    if which == -1:
        return parsed
    slot = parsed.items.get(order[which])
    return None if slot is None else slot.value


def array_merge(arguments: Sequence[Value]) -> object:
    made = Array()
    for one in arguments:
        if (
            not isinstance(one, Array)
            or one.rest is not None
            or any(slot.maybe for slot in one.items.values())
        ):
            return UNDECIDED
        for key, slot in one.items.items():
            made.put(None if isinstance(key, int) else key, slot)
    return made
