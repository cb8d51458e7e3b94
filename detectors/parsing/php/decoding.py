"""json_decode() into arrays, for texts that PHP and Python read alike; all others are undecided.

https://www.php.net/manual/en/function.json-decode.php
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from detectors.parsing.php.values import Array, Slot, Value, Where, key_of

HERE = Where("", 0)
DEPTH = 64
MAX_BYTES = 64 << 10


def json_decode(arguments: Sequence[Value], undecided: object) -> object:
    """What json_decode($text, true) gives, else `undecided`."""
    if len(arguments) != 2 or arguments[1] is not True or not isinstance(arguments[0], bytes):
        return undecided
    if len(arguments[0]) > MAX_BYTES or arguments[0].count(b"[") + arguments[0].count(b"{") > DEPTH:
        return undecided
    try:
        found = json.loads(
            arguments[0].decode("utf-8"), parse_float=_refuse, parse_constant=_refuse, parse_int=_whole
        )
        return _value(found)
    except ValueError:
        return undecided


def _refuse(text: str) -> object:
    raise ValueError(text)


def _whole(text: str) -> int:
    value = int(text) if len(text) < 19 else None
    if value is None or text == "-0":
        raise ValueError(text)
    return value


def _value(found: object) -> Value:
    if isinstance(found, str):
        return found.encode("utf-8")
    if isinstance(found, (dict, list)):
        made = Array()
        pairs = found.items() if isinstance(found, dict) else enumerate(found)
        for key, one in pairs:
            made.put(key_of(key.encode("utf-8") if isinstance(key, str) else key), Slot(_value(one), HERE))
        return made
    if found is None or isinstance(found, (bool, int)):
        return found
    raise ValueError(found)
