"""Path patterns of the incident file, found in a source by listing folders alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors.walk import Entry, join
from restore.errors import SourceUnreadable
from restore.model.ports import Source
from restore.model.text import safe

# A dump may stand packed, its name longer by one of these.
PACKED = rb"(?:\.(?:gz|zst|xz|bz2))?"
SUFFIXES = (b"", b".gz", b".zst", b".xz", b".bz2")
Place = tuple[bytes, dict[str, str], Entry | None]


def expand(
    backup: Source, root: bytes, pattern: str, notes: list[str], ending: bytes = b""
) -> Iterator[Place]:
    """Paths under `root` that fit a pattern like "var/vmail/{domain}/{user}/Maildir", what each name stood
    for, and the entry where the last component was listed. Literal components are taken unlooked at; `ending` is a
    regular expression of what may follow a last component that is not literal."""
    parts = pattern.strip("/").split("/")
    found: list[Place] = [(root, {}, None)]
    for position, part in enumerate(parts):
        if "{" not in part:
            found = [(join(path, part.encode()), names, None) for path, names, _ in found]
            continue
        last = position == len(parts) - 1
        rule = re.compile(_rule(part).encode() + (ending if last else b""), re.DOTALL)
        found = [
            (join(path, entry.name), {**names, **values}, entry)
            for path, names, _ in found
            for entry, values in _matches(backup, path, rule, last, notes)
        ]
    yield from found


def _rule(part: str) -> str:
    pieces = re.split(r"\{([^}]*)\}", part)
    return "".join(
        rf"(?P<{piece}>[^/]+?)" if number % 2 else re.escape(piece) for number, piece in enumerate(pieces)
    )


def _matches(
    backup: Source, folder: bytes, rule: re.Pattern[bytes], last: bool, notes: list[str]
) -> Iterator[tuple[Entry, dict[str, str]]]:
    try:
        entries = sorted(backup.list(folder), key=lambda entry: entry.name)
    except SourceUnreadable as error:
        notes.append(f"{safe(folder)}: {error.message}")
        return
    for entry in entries:
        match = rule.fullmatch(entry.name)
        if match is None:
            continue
        if not last and entry.kind != "folder":
            notes.append(
                f"{safe(join(folder, entry.name))} is a {entry.kind}, not a folder; it is not followed"
            )
            continue
        yield (
            entry,
            {key: value.decode("utf-8", "surrogateescape") for key, value in match.groupdict().items()},
        )
