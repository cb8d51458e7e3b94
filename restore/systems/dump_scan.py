"""Which bytes of an INSERT stand within strings, told for blocks at a time and exactly.

Each byte of a block is one bit: quotes that no backslash escapes are marked, and the parity of the marks before a byte
(a prefix XOR, 64 bits at a time) says whether it stands in a string. Only while nothing but strings, numbers and commas
stands outside of them is that the whole truth; so the first byte outside that could begin anything else (another quote,
a comment, a backslash, a semicolon) ends it, and everything before that byte was told rightly.
The method is simdjson's: https://arxiv.org/abs/1902.08318, section 3.1.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

os.environ.setdefault(
    "OPENBLAS_NUM_THREADS", "1"
)  # numpy starts a thread a core else, for what is not used here
import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Bits = NDArray[np.uint64]

QUOTE, BACKSLASH, DASH, SEMICOLON = b"'\\-;"
STRANGE = (b'"', b"#", b"`", b";", b"\\", b"/")
SHIFTS = tuple(np.uint64(1 << step) for step in range(6))
LAST = np.uint64(63)
NOTHING = np.uint64(0)
FIRST_BLOCK, BLOCK = 1 << 14, 1 << 18


def bits(mask: Mask) -> Bits:
    """One bit a byte, the first lowest, filled up with zeros."""
    packed = np.packbits(mask, bitorder="little")
    missing = -len(packed) % 8
    if missing:
        packed = np.concatenate((packed, np.zeros(missing, np.uint8)))
    return packed.view(np.uint64)


def count(marked: Bits) -> int:
    """How many bits are set."""
    return int(np.bitwise_count(marked).sum())


def escaping(block: Bytes) -> Mask:
    """The backslashes that escape what follows: each second one of a row of them does not."""
    slashes: Mask = block == BACKSLASH
    pairs = np.flatnonzero(slashes[1:] & slashes[:-1])
    if not len(pairs):
        return slashes
    begins = np.ones(len(pairs), np.bool_)
    begins[1:] = pairs[1:] != pairs[:-1] + 1
    if not begins.all():
        number = np.arange(len(pairs))
        first = np.maximum.accumulate(np.where(begins, number, 0))
        pairs = pairs[(number - first) & 1 == 0]
    slashes[pairs + 1] = False
    return slashes


def within(block: Bytes, escapes: Mask | None, begun: bool) -> Bits:
    """The bytes from each opening quote to before its closing one. `escapes` as from escaping(), None where the block
    holds no backslash; `begun`: the block begins within a string, at no escaped byte."""
    quotes: Mask = block == QUOTE
    if escapes is not None:
        quotes[1:] &= ~escapes[:-1]
    if begun and len(quotes):
        quotes[0] ^= True
    parity = bits(quotes)
    for shift in SHIFTS:
        parity ^= parity << shift
    before = np.bitwise_xor.accumulate(parity >> LAST)
    parity[1:] ^= NOTHING - before[:-1]
    return parity


def _strange(text: bytes, begin: int, end: int) -> Mask:
    """What may begin anything but a plain value, from `begin` to before `end`: `"` `#` backtick `;` backslash `/` and
    the second of two dashes."""
    block = np.frombuffer(text, np.uint8, end - begin, begin)
    one: Mask = np.equal(block, DASH)
    strange: Mask = np.empty(len(block), np.bool_)
    strange[0] = one[0] and text[begin - 1] == DASH
    np.logical_and(one[1:], one[:-1], out=strange[1:])
    for character in STRANGE:
        if text.find(character, begin, end) >= 0:
            strange |= np.equal(block, character[0], out=one)
    return strange


@dataclass(slots=True)
class InsertScan:
    """Looks for an INSERT's end in a buffer that grows: `done` bytes behind its beginning are known, the next one
    stands within a string if `inside`."""

    done: int
    inside: bool = False

    def end(self, text: bytes, start: int) -> int | None:
        """Where the `;` of the INSERT at `start` stands; -1 where it has not arrived, None where only the exact
        reader can tell."""
        size = FIRST_BLOCK
        while (begin := start + self.done) < len(text):
            end = min(begin + size, len(text))
            size = BLOCK
            while end > begin and text[end - 1] == BACKSLASH:
                end -= 1
            if end == begin:
                return -1 if end + size > len(text) else None
            found = self._first(text, begin, end)
            if found >= 0:
                return found if text[found] == SEMICOLON and text[found - 1 : found] == b")" else None
            self.done = end - start
        return -1

    def _first(self, text: bytes, begin: int, end: int) -> int:
        """The first strange byte outside strings; -1 where there is none: then `inside` is that of the next byte."""
        block = np.frombuffer(text, np.uint8, end - begin, begin)
        escapes = escaping(block) if text.find(b"\\", begin, end) >= 0 else None
        inside = within(block, escapes, self.inside)
        outside = bits(_strange(text, begin, end)) & ~inside
        words = np.flatnonzero(outside)
        if len(words):
            word = int(outside[words[0]])
            return begin + int(words[0]) * 64 + (word & -word).bit_length() - 1
        last = len(block) - 1
        self.inside = bool(int(inside[last // 64]) >> last % 64 & 1)
        return -1
