"""PHP functions over texts."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Sequence

from detectors.parsing.php.values import Value, string

UNDECIDED = object()


Pure = Callable[[Sequence[Value]], object]


WHITE = b" \n\r\t\v\0"


ASCII_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")


ASCII_UPPER = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")


MAX_STRING = 1 << 20


def texts_of(arguments: Sequence[Value]) -> list[bytes] | None:
    texts = [string(one) for one in arguments]
    return None if any(one is None for one in texts) else [one for one in texts if one is not None]


def text_function(low: int, high: int, body: Callable[..., object]) -> Pure:
    """A function whose arguments are all strings, between `low` and `high` of them."""

    def call(arguments: Sequence[Value]) -> object:
        texts = texts_of(arguments)
        if texts is None or not low <= len(texts) <= high:
            return UNDECIDED
        return body(*texts)

    return call


def trim(side: str) -> Pure:
    def body(value: bytes, what: bytes = WHITE) -> object:
        if b".." in what:
            return UNDECIDED
        stripper = {"l": value.lstrip, "r": value.rstrip, "b": value.strip}[side]
        return stripper(what) if what else value

    return text_function(1, 2, body)


def base64_of(value: bytes) -> object:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", value.split(b"=")[0])
    if len(kept) % 4 == 1:
        return UNDECIDED
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))


def substr(arguments: Sequence[Value]) -> object:
    value = string(arguments[0]) if arguments else None
    start = arguments[1] if len(arguments) > 1 else None
    length = arguments[2] if len(arguments) > 2 else None
    if value is None or type(start) is not int or not (length is None or type(length) is int):
        return UNDECIDED
    size = len(value)
    if start > size or (start == size and start > 0) or size == 0:
        return UNDECIDED
    begin = start if start >= 0 else max(0, size + start)
    if length is None:
        return value[begin:]
    end = begin + length if length >= 0 else size + length
    return UNDECIDED if end < begin else value[begin:end]


def position(fold: bool) -> Pure:
    def call(arguments: Sequence[Value]) -> object:
        texts = texts_of(arguments)
        if texts is None or len(texts) != 2 or not texts[1] or not isinstance(arguments[1], bytes):
            return UNDECIDED
        haystack, needle = (one.translate(ASCII_LOWER) if fold else one for one in texts)
        found = haystack.find(needle)
        return False if found < 0 else found

    return call


def strstr(value: bytes, needle: bytes) -> object:
    if not needle:
        return UNDECIDED
    found = value.find(needle)
    return False if found < 0 else value[found:]


def strrchr(value: bytes, needle: bytes) -> object:
    if not needle:
        return UNDECIDED
    found = value.rfind(needle[:1])
    return False if found < 0 else value[found:]


def sprintf(arguments: Sequence[Value]) -> object:
    texts = texts_of(arguments)
    if not texts:
        return UNDECIDED
    parts, used = [], 0
    for piece in re.split(rb"(%.)", texts[0], flags=re.DOTALL):
        if piece == b"%%":
            parts.append(b"%")
        elif piece == b"%s" or (
            piece == b"%d" and used + 1 < len(arguments) and type(arguments[used + 1]) is int
        ):
            used += 1
            if used >= len(texts):
                return UNDECIDED
            parts.append(texts[used])
        elif piece[:1] == b"%":
            return UNDECIDED
        else:
            parts.append(piece)
    return b"".join(parts)


def character(arguments: Sequence[Value]) -> object:
    if len(arguments) != 1 or type(arguments[0]) is not int:
        return UNDECIDED
    return bytes((arguments[0] % 256,))


def repeat(arguments: Sequence[Value]) -> object:
    if len(arguments) != 2 or not isinstance(arguments[0], bytes) or type(arguments[1]) is not int:
        return UNDECIDED
    count = arguments[1]
    return arguments[0] * count if count >= 0 and count * len(arguments[0]) < MAX_STRING else UNDECIDED


def unhex(value: bytes) -> object:
    try:
        return binascii.unhexlify(value)
    except binascii.Error:
        return UNDECIDED


def strtr(arguments: Sequence[Value]) -> object:
    texts = texts_of(arguments)
    if texts is None or len(texts) != 3:
        return UNDECIDED
    size = min(len(texts[1]), len(texts[2]))
    return texts[0].translate(bytes.maketrans(texts[1][:size], texts[2][:size]))


def regular_expression(pattern: bytes) -> re.Pattern[bytes] | None:
    """A PCRE whose meaning is certainly the same in Python, else None. Repetition is refused except a few plain
    forms, so that no pattern can run away."""
    match = re.fullmatch(rb"([/#~@!|%])(.*)\1([iD]*)", pattern, re.DOTALL)
    if match is None:
        return None
    body, flags = match.group(2), match.group(3)
    if body.count(b"*") + body.count(b"+") + body.count(b"{") > 2 or re.search(
        rb"\)[*+?{]|\(\?[^:]|\\[^.\-/wds?]|\$.", body
    ):
        return None
    body = re.sub(rb"\$\Z", rb"(?:\\n)?\\Z" if b"D" not in flags else rb"\\Z", body)
    try:
        return re.compile(body, re.IGNORECASE if b"i" in flags else 0)
    except (re.error, OverflowError):
        return None


def preg_match(arguments: Sequence[Value]) -> object:
    if len(arguments) != 2 or not isinstance(arguments[0], bytes) or not isinstance(arguments[1], bytes):
        return UNDECIDED
    pattern = regular_expression(arguments[0])
    if pattern is None or len(arguments[1]) > 1000:
        return UNDECIDED
    return 1 if pattern.search(arguments[1]) else 0


def basename(value: bytes, ending: bytes = b"") -> object:
    if any(byte > 126 for byte in value):
        return UNDECIDED
    name = value.rstrip(b"/").rpartition(b"/")[2]
    return name[: -len(ending)] if ending and name.endswith(ending) and name != ending else name


def dirname(value: bytes) -> bytes:
    """dirname() of a Unix path."""
    if not value:
        return b""
    stripped = value.rstrip(b"/")
    if not stripped:
        return b"/"
    head, slash, _ = stripped.rpartition(b"/")
    if not slash:
        return b"."
    return head.rstrip(b"/") or b"/"


def safe_ascii(change: Callable[[bytes], bytes]) -> Callable[[bytes], object]:
    def body(value: bytes) -> object:
        return change(value) if all(byte < 128 for byte in value) else UNDECIDED

    return body


def html(value: bytes) -> object:
    return value if re.fullmatch(rb"[^&<>\"']*", value) and value.isascii() else UNDECIDED
