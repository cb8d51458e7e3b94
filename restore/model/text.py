"""A tenant's text made safe to show: no control, terminal, bidirectional or invisible character survives."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def safe(text: str | bytes, limit: int = 300) -> str:
    """`text` on one line with every character that could act on a screen written as an escape, cut to `limit`.

    Bytes are read as UTF-8; what is not UTF-8 shows as \\xNN. Nothing is guessed and nothing is dropped unseen:
    a cut is marked with an ellipsis.
    """
    if isinstance(text, bytes):
        text = text[: limit * 8].decode("utf-8", "surrogateescape")
    if len(text) <= limit and text.isprintable():
        return text
    out = []
    for character in text[: limit + 1]:
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            out.append(f"\\x{code - 0xDC00:02x}")
        elif unicodedata.category(character) in _HIDDEN:
            out.append(f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}")
        else:
            out.append(character)
    if len(text) > limit:
        out[limit:] = ["…"]
    return "".join(out)
