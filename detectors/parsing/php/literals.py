"""PHP's string and number literals, in bytes.

https://www.php.net/manual/en/language.types.string.php and Zend/zend_language_scanner.l
"""

from __future__ import annotations

import re

from detectors.parsing.php.values import INT_MAX

SIMPLE = {
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"v": b"\v",
    b"e": b"\x1b",
    b"f": b"\f",
    b"\\": b"\\",
    b"$": b"$",
}
ESCAPE = re.compile(rb"\\(?:([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u\{([0-9A-Fa-f]+)\}|(u\{)|(.))", re.DOTALL)


def single_quoted(raw: bytes) -> bytes:
    """What stands between single quotes: only \\\\ and \\' are escapes."""
    return re.sub(rb"\\([\\'])", rb"\1", raw) if b"\\" in raw else raw


def double_quoted(raw: bytes, quote: bytes) -> bytes | None:
    """A piece between double quotes (or in a heredoc: quote b"") without its variables.

    None where PHP would refuse the file (a \\u{} that is no character)."""
    if b"\\" not in raw:
        return raw
    parts, position = [], 0
    for match in ESCAPE.finditer(raw):
        octal, hexadecimal, codepoint, broken, letter = match.groups()
        parts.append(raw[position : match.start()])
        position = match.end()
        if octal is not None:
            parts.append(bytes((int(octal, 8) & 0xFF,)))
        elif hexadecimal is not None:
            parts.append(bytes((int(hexadecimal, 16),)))
        elif codepoint is not None:
            number = int(codepoint, 16) if len(codepoint) < 16 else 0x110000
            if number > 0x10FFFF:
                return None
            parts.append(chr(number).encode("utf-8", "surrogatepass"))
        elif broken is not None:
            return None
        elif letter == quote:
            parts.append(letter)
        else:
            parts.append(SIMPLE.get(letter, match.group()))
    parts.append(raw[position:])
    return b"".join(parts)


def integer(raw: bytes) -> int | None:
    """An integer literal of any base; None where it is none or PHP would make it a float."""
    digits = raw.replace(b"_", b"").lower()
    try:
        if digits.startswith(b"0x"):
            number = int(digits[2:], 16)
        elif digits.startswith(b"0b"):
            number = int(digits[2:], 2)
        elif digits.startswith(b"0o"):
            number = int(digits[2:], 8)
        elif len(digits) > 1 and digits.startswith(b"0"):
            number = int(digits, 8)
        else:
            number = int(digits) if len(digits) < 25 else INT_MAX + 1
    except ValueError:
        return None
    return number if number <= INT_MAX else None


def dedent(raw: bytes, indent: int, at_line_start: bool) -> bytes:
    """A heredoc's piece without the closing marker's indentation of each line."""
    if not indent:
        return raw
    pattern = rb"(\r\n|\n|\r)[ \t]{1,%d}" % indent
    raw = re.sub(pattern, rb"\1", raw)
    return re.sub(rb"\A[ \t]{1,%d}" % indent, b"", raw) if at_line_start else raw
