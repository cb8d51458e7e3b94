"""INI files as Matomo writes them: sections, quoted values with HTML entities.

https://github.com/matomo-org/component-ini and core/Config/IniFileChain.php
"""

from __future__ import annotations

import re

from detectors.detector import Config
from detectors.finding import Status
from detectors.parsing.stated import Stated, exact

SECTION = re.compile(rb"\s*\[([^\]]+)\]\s*(?:;.*)?")
PAIR = re.compile(rb"\s*([\w.\-]+(?:\[\])?)\s*=\s*(.*?)\s*")
ENTITIES = {b"&quot;": b'"', b"&amp;": b"&", b"&lt;": b"<", b"&gt;": b">", b"&#039;": b"'"}
BARE = re.compile(rb"[\w./:@+,\-]*")


def parse(config: Config) -> dict[tuple[bytes, bytes], Stated]:
    """Every (section, key); of a key stated twice the last one counts, as for parse_ini_string()."""
    stated: dict[tuple[bytes, bytes], Stated] = {}
    section = b""
    for number, line in enumerate(re.split(rb"\r\n|\n|\r", config.content), 1):
        head, pair = SECTION.fullmatch(line), PAIR.fullmatch(line)
        if line.lstrip().startswith((b";", b"#")):
            continue
        if head is not None:
            section = head.group(1).strip()
        elif pair is not None:
            value = _value(pair.group(2))
            unknown = Stated(None, Status.PARTIAL, config.name, number, "", "a value that is not understood")
            stated[section, pair.group(1)] = unknown if value is None else exact(value, config.name, number)
    return stated


def _value(raw: bytes) -> bytes | None:
    quoted = re.fullmatch(rb'"([^"\\]*)"\s*(?:;.*)?', raw) or re.fullmatch(rb"'([^'\\]*)'\s*(?:;.*)?", raw)
    if quoted is None:
        bare = raw.partition(b";")[0].strip()
        return (
            bare
            if BARE.fullmatch(bare) and bare.lower() not in (b"null", b"yes", b"no", b"on", b"off")
            else None
        )
    value = quoted.group(1)
    if re.search(rb"&(?!quot;|amp;|lt;|gt;|#039;)[a-zA-Z#][\w]*;", value) or b"${" in value:
        return None
    return re.sub(rb"&(?:quot|amp|lt|gt|#039);", lambda match: ENTITIES[match.group()], value)
