"""A CREATE TABLE apart from its secondary keys and foreign keys, which are quicker made when the rows stand.

Only the form that SHOW CREATE TABLE gives, and dump programs copy, is taken apart: a part a line. Everything else, and
every engine but InnoDB, is made as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from restore.systems.dump_text import blanked, quoted_name

KEY = re.compile(rb"  (?:UNIQUE |FULLTEXT |SPATIAL )?KEY `")
CONSTRAINT = re.compile(rb"  (?:CONSTRAINT `(?:[^`]|``)*` )?FOREIGN KEY ")
COUNTS = re.compile(rb"  `(?:[^`]|``)+` .*\bAUTO_INCREMENT\b", re.IGNORECASE)
PRIMARY = re.compile(rb"  PRIMARY KEY \((`(?:[^`]|``)+`)")
END = re.compile(rb"\) ENGINE=InnoDB\b")
FULLTEXT = b"  FULLTEXT"


@dataclass(frozen=True, slots=True)
class Apart:
    """The table without its keys, and the ALTERs that bring them: `keys` each by itself where the server takes only
    one at a time, `constraints` when every table stands."""

    bare: bytes
    keys: tuple[bytes, ...]
    constraints: bytes


def taken_apart(sql: bytes, table: str) -> Apart | None:
    """`sql` is a CREATE TABLE without comments; None where it is not such a one, or has nothing to be made later."""
    lines = sql.split(b"\n")
    last = next((number for number, line in enumerate(lines) if line.startswith(b")")), 0)
    if not last or not END.match(lines[last]) or b"PARTITION" in sql[-2000:]:
        return None
    parts = [line.removesuffix(b",") for line in lines[1:last]]
    if not all(line.startswith(b"  ") and _whole(line) for line in parts):
        return None
    keys = [line for line in parts if KEY.match(line)]
    constraints = [line for line in parts if CONSTRAINT.match(line)]
    kept = [line for line in parts if line not in keys and line not in constraints]
    if not (keys or constraints) or not _counter_has_key(kept):
        return None
    bare = b"\n".join((lines[0], b",\n".join(kept), *lines[last:]))
    return Apart(bare, _key_alters(table, keys), _alter(table, constraints))


def _whole(line: bytes) -> bool:
    """No quote is open at its end."""
    bare = blanked(line)
    return not re.search(rb"['\"`]", bare.replace(b"''", b"").replace(b"`q`", b""))


def _counter_has_key(kept: list[bytes]) -> bool:
    """An AUTO_INCREMENT column must be the first of a key from the start."""
    counting = [line for line in kept if COUNTS.match(line)]
    primary = next((found[1] for line in kept if (found := PRIMARY.match(line))), b"")
    return all(line.strip().startswith(primary + b" ") and primary for line in counting)


def _key_alters(table: str, keys: list[bytes]) -> tuple[bytes, ...]:
    plain = [line for line in keys if not line.startswith(FULLTEXT)]
    texts = [line for line in keys if line.startswith(FULLTEXT)]
    return tuple(alter for alter in (_alter(table, plain), *(_alter(table, [one]) for one in texts)) if alter)


def _alter(table: str, parts: list[bytes]) -> bytes:
    added = b", ".join(b"ADD " + part.strip() for part in parts)
    return b"ALTER TABLE " + quoted_name(table) + b" " + added if parts else b""
