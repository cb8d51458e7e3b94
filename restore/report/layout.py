"""How figures and rows are written, the same on every page."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def size(amount: float) -> str:
    """Bytes as people read them: 1,234 B, 12.3 kB, 4.5 GB (powers of ten)."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:,.0f} {unit}" if unit == "B" else f"{amount:,.1f} {unit}"
        amount /= 1000
    return f"{amount:,.1f} TB"


def span(seconds: float) -> str:
    """A duration: 4 s, 3 min 20 s, 2 h 05 min."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def width(text: str) -> int:
    """How many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def table(rows: Iterable[Sequence[str]], header: Sequence[str] = ()) -> list[str]:
    """Rows as aligned lines; the last column is not padded."""
    lines = [list(header)] if header else []
    lines += [list(row) for row in rows]
    if not lines:
        return []
    widths = [max(width(line[column]) for line in lines) for column in range(len(lines[0]) - 1)]
    return [
        "  ".join([*(_pad(*pair) for pair in zip(line, widths, strict=False)), line[-1]]) for line in lines
    ]


def _pad(text: str, columns: int) -> str:
    return text + " " * (columns - width(text))
