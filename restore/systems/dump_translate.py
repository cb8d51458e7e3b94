"""What MySQL 8 writes and MariaDB does not know, in MariaDB's words.

Its other novelties stand in version comments, which MariaDB passes over (INVISIBLE keys, SRID, encryption). Collations
of UCA 9.0 do not: each becomes the nearest that pads no spaces either. Order and equality of rare characters may
differ, which a note says. MariaDB 11.4.5 knows the names itself (MDEV-20912).
https://mariadb.com/kb/en/supported-character-sets-and-collations/
"""

from __future__ import annotations

import re

from restore.systems.dump import STRING

COLLATION = re.compile(
    STRING + rb"|\b(?P<name>utf8mb4_(?:[a-z]{2}(?:_[a-z_]+)?_)?0900_(?:bin|a[is]_c[is](?:_ks)?))\b",
    re.DOTALL | re.IGNORECASE,
)
KNOWN_SINCE = (110405, 110702)
UCA_14_SINCE = 101001


def translated(sql: bytes, version: int) -> tuple[bytes, tuple[str, ...]]:
    """`sql` for a MariaDB of `version` (101119 for 10.11.19), and a note of each translation. Strings and quoted names
    stay as they are."""
    if b"0900" not in sql or _knows(version):
        return sql, ()
    notes: dict[str, None] = {}

    def other(found: re.Match[bytes]) -> bytes:
        if found["name"] is None:
            return found[0]
        name = collation(found["name"].decode(), version)
        notes[f"the collation {found['name'].decode()} is MySQL's own; {name} was taken"] = None
        return name.encode()

    return COLLATION.sub(other, sql), tuple(notes)


def collation(name: str, version: int) -> str:
    """The nearest collation that this MariaDB knows; any other name is given back."""
    lower = name.lower()
    if "_0900_" not in lower or _knows(version):
        return name
    if lower.endswith("_bin"):
        return "utf8mb4_nopad_bin"
    kind = re.search(r"a[is]_c[is]", lower)
    if version >= UCA_14_SINCE:
        return f"utf8mb4_uca1400_nopad_{kind[0] if kind else 'ai_ci'}"
    return "utf8mb4_unicode_520_nopad_ci" if kind and kind[0].endswith("ci") else "utf8mb4_nopad_bin"


def _knows(version: int) -> bool:
    early, late = KNOWN_SINCE
    return version >= late or early <= version < 110500
