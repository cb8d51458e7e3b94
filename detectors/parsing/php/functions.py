"""PHP functions that only compute: bytes in, bytes out. What is not sure is None (undecided), never a guess."""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import re
from collections.abc import Callable, Sequence
from urllib.parse import unquote_to_bytes

from detectors.parsing.php.decoding import json_decode
from detectors.parsing.php.values import Array, Slot, Value, Where, key_of, loose_equal, same, string

HERE = Where("", 0)
UNDECIDED = object()
Pure = Callable[[Sequence[Value]], object]
WHITE = b" \n\r\t\v\0"
ASCII_LOWER = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz")
ASCII_UPPER = bytes.maketrans(b"abcdefghijklmnopqrstuvwxyz", b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
MAX_STRING = 1 << 20


def array(values: Sequence[Value]) -> Array:
    """A list as a PHP array."""
    made = Array()
    for value in values:
        made.put(None, Slot(value, HERE))
    return made


def _texts(arguments: Sequence[Value]) -> list[bytes] | None:
    texts = [string(one) for one in arguments]
    return None if any(one is None for one in texts) else [one for one in texts if one is not None]


def text_function(low: int, high: int, body: Callable[..., object]) -> Pure:
    """A function whose arguments are all strings, between `low` and `high` of them."""

    def call(arguments: Sequence[Value]) -> object:
        texts = _texts(arguments)
        if texts is None or not low <= len(texts) <= high:
            return UNDECIDED
        return body(*texts)

    return call


def _trim(side: str) -> Pure:
    def body(value: bytes, what: bytes = WHITE) -> object:
        if b".." in what:
            return UNDECIDED
        stripper = {"l": value.lstrip, "r": value.rstrip, "b": value.strip}[side]
        return stripper(what) if what else value

    return text_function(1, 2, body)


def _base64(value: bytes) -> object:
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", value.split(b"=")[0])
    if len(kept) % 4 == 1:
        return UNDECIDED
    return base64.b64decode(kept + b"=" * (-len(kept) % 4))


def _substr(arguments: Sequence[Value]) -> object:
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


def _position(fold: bool) -> Pure:
    def call(arguments: Sequence[Value]) -> object:
        texts = _texts(arguments)
        if texts is None or len(texts) != 2 or not texts[1] or not isinstance(arguments[1], bytes):
            return UNDECIDED
        haystack, needle = (one.translate(ASCII_LOWER) if fold else one for one in texts)
        found = haystack.find(needle)
        return False if found < 0 else found

    return call


def _strstr(value: bytes, needle: bytes) -> object:
    if not needle:
        return UNDECIDED
    found = value.find(needle)
    return False if found < 0 else value[found:]


def _strrchr(value: bytes, needle: bytes) -> object:
    if not needle:
        return UNDECIDED
    found = value.rfind(needle[:1])
    return False if found < 0 else value[found:]


def _items(value: Value) -> list[Value] | None:
    if not isinstance(value, Array) or value.rest is not None:
        return None
    return [slot.value for slot in value.items.values()]


def _str_replace(arguments: Sequence[Value]) -> object:
    if len(arguments) != 3:
        return UNDECIDED
    search, replace, subject = arguments
    olds = _texts(_items(search) or ()) if isinstance(search, Array) else _texts([search])
    news = _texts(_items(replace) or ()) if isinstance(replace, Array) else _texts([replace])
    value = string(subject)
    if (
        olds is None
        or news is None
        or value is None
        or (isinstance(replace, Array) and not isinstance(search, Array))
    ):
        return UNDECIDED
    for index, old in enumerate(olds):
        new = (news[index] if index < len(news) else b"") if isinstance(replace, Array) else news[0]
        value = value.replace(old, new) if old else value
        if len(value) > MAX_STRING:
            return UNDECIDED
    return value


def _implode(arguments: Sequence[Value]) -> object:
    if len(arguments) == 1:
        arguments = (b"", arguments[0])
    if len(arguments) != 2:
        return UNDECIDED
    glue, pieces = arguments if isinstance(arguments[1], Array) else (arguments[1], arguments[0])
    items, joint = _items(pieces), string(glue)
    texts = None if items is None else _texts(items)
    return UNDECIDED if texts is None or joint is None else joint.join(texts)


def _explode(value: bytes, subject: bytes) -> object:
    return array(subject.split(value)) if value else UNDECIDED


def _in_array(arguments: Sequence[Value]) -> object:
    if len(arguments) not in (2, 3):
        return UNDECIDED
    items, strict = _items(arguments[1]), len(arguments) == 3 and arguments[2]
    if items is None or strict not in (True, False):
        return UNDECIDED
    results = [same(arguments[0], one) if strict else loose_equal(arguments[0], one) for one in items]
    if any(one is True for one in results):
        return True
    return UNDECIDED if any(one is None for one in results) else False


def _array_key_exists(arguments: Sequence[Value]) -> object:
    if len(arguments) != 2 or not isinstance(arguments[1], Array):
        return UNDECIDED
    key = key_of(arguments[0])
    if key is None:
        return UNDECIDED
    if key in arguments[1].items:
        return UNDECIDED if arguments[1].items[key].maybe else True
    return UNDECIDED if arguments[1].rest is not None else False


def _count(arguments: Sequence[Value]) -> object:
    items = _items(arguments[0]) if len(arguments) == 1 else None
    return UNDECIDED if items is None else len(items)


def _sprintf(arguments: Sequence[Value]) -> object:
    texts = _texts(arguments)
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


def _chr(arguments: Sequence[Value]) -> object:
    if len(arguments) != 1 or type(arguments[0]) is not int:
        return UNDECIDED
    return bytes((arguments[0] % 256,))


def _repeat(arguments: Sequence[Value]) -> object:
    if len(arguments) != 2 or not isinstance(arguments[0], bytes) or type(arguments[1]) is not int:
        return UNDECIDED
    count = arguments[1]
    return arguments[0] * count if count >= 0 and count * len(arguments[0]) < MAX_STRING else UNDECIDED


def _unhex(value: bytes) -> object:
    try:
        return binascii.unhexlify(value)
    except binascii.Error:
        return UNDECIDED


def _strtr(arguments: Sequence[Value]) -> object:
    texts = _texts(arguments)
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


def _preg_match(arguments: Sequence[Value]) -> object:
    if len(arguments) != 2 or not isinstance(arguments[0], bytes) or not isinstance(arguments[1], bytes):
        return UNDECIDED
    pattern = regular_expression(arguments[0])
    if pattern is None or len(arguments[1]) > 1000:
        return UNDECIDED
    return 1 if pattern.search(arguments[1]) else 0


def parse_url(value: bytes) -> Array | None:
    """parse_url() for the forms that database URLs have; None for all others."""
    match = re.fullmatch(
        rb"([A-Za-z][A-Za-z0-9+.-]*)://(?:([^:@/?#\[\]]*)(?::([^@/?#\[\]]*))?@)?([^:@/?#\[\]]+)(?::(\d{1,5}))?"
        rb"(/[^?#]*)?(?:\?([^#]*))?(?:#(.*))?",
        value,
    )
    if match is None or any(byte < 32 or byte == 127 for byte in value):
        return None
    scheme, user, password, host, port, path, query, fragment = match.groups()
    if port is not None and not 0 < int(port) < 65536:
        return None
    made = Array()
    parts: tuple[tuple[bytes, Value], ...] = (
        (b"scheme", scheme),
        (b"host", host),
        (b"port", None if port is None else int(port)),
        (b"user", user),
        (b"pass", password),
        (b"path", path),
        (b"query", query),
        (b"fragment", fragment),
    )
    for name, part in parts:
        if part is not None:
            made.put(name, Slot(part, HERE))
    return made


def _parse_url(arguments: Sequence[Value]) -> object:
    if not 1 <= len(arguments) <= 2 or not isinstance(arguments[0], bytes):
        return UNDECIDED
    parsed = parse_url(arguments[0])
    if parsed is None:
        return UNDECIDED
    if len(arguments) == 1:
        return parsed
    order = (b"scheme", b"host", b"port", b"user", b"pass", b"path", b"query", b"fragment")
    which = arguments[1]
    if type(which) is not int or not -1 <= which < len(order):
        return UNDECIDED
    if which == -1:
        return parsed
    slot = parsed.items.get(order[which])
    return None if slot is None else slot.value


def _array_merge(arguments: Sequence[Value]) -> object:
    made = Array()
    for one in arguments:
        if (
            not isinstance(one, Array)
            or one.rest is not None
            or any(slot.maybe for slot in one.items.values())
        ):
            return UNDECIDED
        for key, slot in one.items.items():
            made.put(None if isinstance(key, int) else key, slot)
    return made


def _is(kind: type) -> Pure:
    def call(arguments: Sequence[Value]) -> object:
        return type(arguments[0]) is kind if len(arguments) == 1 else UNDECIDED

    return call


def _basename(value: bytes, ending: bytes = b"") -> object:
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


def _intval(arguments: Sequence[Value]) -> object:
    if len(arguments) != 1:
        return UNDECIDED
    return to_int(arguments[0])


def to_int(value: Value) -> object:
    """(int) of null, bools, integers and plain decimal strings."""
    if value is None or isinstance(value, (bool, int)):
        return int(value or 0)
    number = re.fullmatch(rb"[ \n\t]*([+-]?\d{1,18})", value) if isinstance(value, bytes) else None
    return UNDECIDED if number is None else int(number.group(1))


def _safe_ascii(change: Callable[[bytes], bytes]) -> Callable[[bytes], object]:
    def body(value: bytes) -> object:
        return change(value) if all(byte < 128 for byte in value) else UNDECIDED

    return body


def _html(value: bytes) -> object:
    return value if re.fullmatch(rb"[^&<>\"']*", value) and value.isascii() else UNDECIDED


FUNCTIONS: dict[bytes, Pure] = {
    b"json_decode": lambda arguments: json_decode(arguments, UNDECIDED),
    b"trim": _trim("b"),
    b"ltrim": _trim("l"),
    b"rtrim": _trim("r"),
    b"chop": _trim("r"),
    b"base64_decode": text_function(1, 1, _base64),
    b"base64_encode": text_function(1, 1, base64.b64encode),
    b"bin2hex": text_function(1, 1, binascii.hexlify),
    b"hex2bin": text_function(1, 1, _unhex),
    b"strrev": text_function(1, 1, lambda value: value[::-1]),
    b"str_rot13": text_function(
        1, 1, lambda v: codecs.encode(v.decode("latin-1"), "rot13").encode("latin-1")
    ),
    b"strtolower": text_function(1, 1, _safe_ascii(lambda value: value.translate(ASCII_LOWER))),
    b"strtoupper": text_function(1, 1, _safe_ascii(lambda value: value.translate(ASCII_UPPER))),
    b"mb_strtolower": text_function(1, 1, _safe_ascii(lambda value: value.translate(ASCII_LOWER))),
    b"strlen": text_function(1, 1, len),
    b"md5": text_function(1, 1, lambda value: hashlib.md5(value, usedforsecurity=False).hexdigest().encode()),
    b"sha1": text_function(
        1, 1, lambda value: hashlib.sha1(value, usedforsecurity=False).hexdigest().encode()
    ),
    b"urldecode": text_function(1, 1, lambda value: unquote_to_bytes(value.replace(b"+", b" "))),
    b"rawurldecode": text_function(1, 1, unquote_to_bytes),
    b"ord": text_function(1, 1, lambda value: value[0] if value else UNDECIDED),
    b"addslashes": text_function(1, 1, lambda v: re.sub(rb"([\\'\"])", rb"\\\1", v).replace(b"\0", b"\\0")),
    b"htmlspecialchars": text_function(1, 1, _html),
    b"strstr": text_function(2, 2, _strstr),
    b"strrchr": text_function(2, 2, _strrchr),
    b"explode": text_function(2, 2, _explode),
    b"str_contains": text_function(2, 2, lambda value, needle: needle in value),
    b"str_starts_with": text_function(2, 2, lambda value, needle: value.startswith(needle)),
    b"str_ends_with": text_function(2, 2, lambda value, needle: value.endswith(needle)),
    b"strcmp": text_function(2, 2, lambda one, other: 0 if one == other else UNDECIDED),
    b"strcasecmp": text_function(
        2,
        2,
        lambda one, other: 0 if one.translate(ASCII_LOWER) == other.translate(ASCII_LOWER) else UNDECIDED,
    ),
    b"basename": text_function(1, 2, _basename),
    b"strval": text_function(1, 1, lambda value: value),
    b"substr": _substr,
    b"strpos": _position(False),
    b"stripos": _position(True),
    b"str_replace": _str_replace,
    b"implode": _implode,
    b"join": _implode,
    b"in_array": _in_array,
    b"array_key_exists": _array_key_exists,
    b"array_merge": _array_merge,
    b"count": _count,
    b"sizeof": _count,
    b"sprintf": _sprintf,
    b"chr": _chr,
    b"str_repeat": _repeat,
    b"strtr": _strtr,
    b"preg_match": _preg_match,
    b"parse_url": _parse_url,
    b"intval": _intval,
    b"is_string": _is(bytes),
    b"is_int": _is(int),
    b"is_bool": _is(bool),
    b"is_array": _is(Array),
    b"is_null": _is(type(None)),
}

BY_REFERENCE = frozenset(
    b"preg_match preg_match_all preg_replace_callback sscanf settype sort rsort ksort krsort asort "
    b"arsort usort uasort uksort natsort natcasesort shuffle array_push array_pop array_shift "
    b"array_unshift array_splice array_walk array_walk_recursive array_multisort parse_str "
    b"mb_parse_str str_replace str_ireplace similar_text end reset next prev each exec system passthru "
    b"openssl_sign fscanf extract unserialize mysqli_init stream_select getimagesize headers_sent "
    b"is_callable apcu_fetch apc_fetch mb_convert_variables".split()
)
OPAQUE = frozenset(
    b"eval assert create_function call_user_func call_user_func_array extract parse_str mb_parse_str "
    b"array_map array_walk array_filter usort register_shutdown_function forward_static_call "
    b"func_get_args import_request_variables".split()
)
