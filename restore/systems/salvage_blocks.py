"""A damaged dump's plain text cut before each line that begins as dump programs begin statements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from restore.systems.dump import MAX_STATEMENT
from restore.systems.unpack_salvage import Hole

BEGIN = (
    rb"(?:INSERT |REPLACE |CREATE |DROP |LOCK |UNLOCK |ALTER |DELIMITER |/\*!|/\*M!|--[ \r\n]"
    rb"|SET |COMMIT|START |USE |#)"
)
BEGINS = re.compile(BEGIN)
MARK = re.compile(rb"\n" + BEGIN)
LONGEST_MARK = 16
OTHER_DELIMITER = re.compile(rb"DELIMITER[ \t]+(?!;[ \t\r]*\n)\S", re.IGNORECASE)
BACK = re.compile(rb"^DELIMITER[ \t]+;[ \t\r]*\n", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Text:
    """Bytes of the dump from `offset` on; `within`: behind a hole, and beginning anywhere."""

    offset: int
    text: bytes
    within: bool = False


def blocks(pieces: Iterator[bytes | Hole]) -> Iterator[Text | Hole]:
    """The text in blocks, and the holes in it. A part under another DELIMITER is one block, up to the line that gives
    the usual one back."""
    offset, text, within = 0, b"", False
    for piece in pieces:
        if isinstance(piece, Hole):
            if not piece.missing:
                yield piece
                continue
            yield from _cut(offset, text, within, ended=True)
            offset, text, within = offset + len(text), b"", True
            yield piece
            continue
        text += piece
        if len(text) < MAX_STATEMENT and not MARK.search(text, max(0, len(text) - len(piece) - LONGEST_MARK)):
            continue
        taken = 0
        for block in _cut(offset, text, within, ended=False):
            yield block
            taken += len(block.text)
            within = False
        offset, text = offset + taken, text[taken:]
    yield from _cut(offset, text, within, ended=True)


def _cut(offset: int, text: bytes, within: bool, *, ended: bool) -> Iterator[Text]:
    """All blocks that are whole; where nothing more comes, the last one too."""
    start = 0
    while start < len(text):
        end = _end(text, start, ended=ended)
        if end is None and not ended and len(text) - start < MAX_STATEMENT:
            return
        end = len(text) if end is None else end
        yield Text(offset + start, text[start:end], within and not start and not BEGINS.match(text))
        start = end


def _end(text: bytes, start: int, *, ended: bool) -> int | None:
    if OTHER_DELIMITER.match(text, start):
        back = BACK.search(text, start + 1)
        return None if back is None else back.end()
    mark = MARK.search(text, start)
    # At the text's very end a mark may be the begin of a longer line; the next piece tells.
    if mark is None or (mark.start() + 1 + LONGEST_MARK > len(text) and not ended):
        return None
    return mark.start() + 1
