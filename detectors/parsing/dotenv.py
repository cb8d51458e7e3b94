"""The .env files of Laravel, Symfony, Bedrock, Craft and Node.

Where their parsers differ (a bare $NAME, a name stated twice, blanks in an unquoted value) the value is unknown.
https://github.com/vlucas/phpdotenv, https://symfony.com/doc/current/configuration.html, https://github.com/motdotla/dotenv
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from detectors.detector import Config
from detectors.finding import Status
from detectors.parsing.stated import Stated, exact

LINE = re.compile(rb"\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*=[ \t]*(.*?)\s*")
DOUBLE = re.compile(rb'"((?:[^"\\]|\\.)*)"\s*(?:#.*)?')
SINGLE = re.compile(rb"'([^']*)'\s*(?:#.*)?")
BARE = re.compile(rb"([^\s'\"\\]*)(?:\s+#.*)?")
NAME = re.compile(rb"\$\{([A-Za-z_][\w.]*)\}")
ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b'"': b'"', b"\\": b"\\", b"$": b"$"}


def parse(config: Config) -> dict[bytes, Stated]:
    """Every name the file states."""
    stated: dict[bytes, Stated] = {}
    for number, line in enumerate(re.split(rb"\r\n|\n|\r", config.content), 1):
        match = LINE.fullmatch(line)
        if match is None or line.lstrip().startswith(b"#"):
            continue
        name, raw = match.groups()
        one = _value(
            raw,
            stated,
            Stated(None, Status.PARTIAL, config.name, number, "", "a value that is not understood"),
        )
        old = stated.get(name)
        if old is not None and old.value != one.value:
            lines = f"stated twice: line {old.line} and line {number}"
            one = Stated(None, Status.AMBIGUOUS, config.name, number, "", lines)
        stated[name] = one
    return stated


def _value(raw: bytes, before: Mapping[bytes, Stated], unknown: Stated) -> Stated:
    single, double, bare = SINGLE.fullmatch(raw), DOUBLE.fullmatch(raw), BARE.fullmatch(raw)
    if single is not None:
        return exact(single.group(1), unknown.path, unknown.line)
    if double is not None:
        return _interpolated(double.group(1), before, unknown, escapes=True)
    if bare is not None:
        return _interpolated(bare.group(1), before, unknown, escapes=False)
    return unknown


def _interpolated(raw: bytes, before: Mapping[bytes, Stated], unknown: Stated, escapes: bool) -> Stated:
    pieces: list[bytes] = []
    position = 0
    while position < len(raw):
        char = raw[position : position + 1]
        match = NAME.match(raw, position)
        if match is not None:
            inner = before.get(match.group(1))
            if inner is None or inner.value is None:
                reason = "rests on a variable that is not stated before"
                return replace(unknown, status=Status.NEEDS_ENVIRONMENT, reason=reason)
            pieces.append(inner.value)
            position = match.end()
        elif char == b"$" and re.match(rb"[A-Za-z_({]", raw[position + 1 : position + 2]):
            return replace(unknown, reason="a bare $ that parsers read differently")
        elif char == b"\\" and escapes:
            plain = ESCAPES.get(raw[position + 1 : position + 2])
            if plain is None:
                return replace(unknown, reason="an escape that parsers read differently")
            pieces.append(plain)
            position += 2
        else:
            pieces.append(char)
            position += 1
    return exact(b"".join(pieces), unknown.path, unknown.line)
