"""PHP functions that only compute: bytes in, bytes out. What is not sure is None (undecided), never a guess."""

from __future__ import annotations

import base64
import binascii
import codecs
import hashlib
import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from detectors.parsing.php.array_functions import (
    array_key_exists,
    array_merge,
    count,
    explode,
    implode,
    in_array,
    parse_url_of,
    str_replace,
)
from detectors.parsing.php.decoding import json_decode
from detectors.parsing.php.text_functions import (
    ASCII_LOWER,
    ASCII_UPPER,
    UNDECIDED,
    Pure,
    base64_of,
    basename,
    character,
    html,
    position,
    preg_match,
    repeat,
    safe_ascii,
    sprintf,
    strrchr,
    strstr,
    strtr,
    substr,
    text_function,
    trim,
    unhex,
)
from detectors.parsing.php.values import Array, Value


def _is(kind: type) -> Pure:
    def call(arguments: Sequence[Value]) -> object:
        return type(arguments[0]) is kind if len(arguments) == 1 else UNDECIDED

    return call


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


FUNCTIONS: dict[bytes, Pure] = {
    b"json_decode": lambda arguments: json_decode(arguments, UNDECIDED),
    b"trim": trim("b"),
    b"ltrim": trim("l"),
    b"rtrim": trim("r"),
    b"chop": trim("r"),
    b"base64_decode": text_function(1, 1, base64_of),
    b"base64_encode": text_function(1, 1, base64.b64encode),
    b"bin2hex": text_function(1, 1, binascii.hexlify),
    b"hex2bin": text_function(1, 1, unhex),
    b"strrev": text_function(1, 1, lambda value: value[::-1]),
    b"str_rot13": text_function(
        1, 1, lambda v: codecs.encode(v.decode("latin-1"), "rot13").encode("latin-1")
    ),
    b"strtolower": text_function(1, 1, safe_ascii(lambda value: value.translate(ASCII_LOWER))),
    b"strtoupper": text_function(1, 1, safe_ascii(lambda value: value.translate(ASCII_UPPER))),
    b"mb_strtolower": text_function(1, 1, safe_ascii(lambda value: value.translate(ASCII_LOWER))),
    b"strlen": text_function(1, 1, len),
    b"md5": text_function(1, 1, lambda value: hashlib.md5(value, usedforsecurity=False).hexdigest().encode()),
    b"sha1": text_function(
        1, 1, lambda value: hashlib.sha1(value, usedforsecurity=False).hexdigest().encode()
    ),
    b"urldecode": text_function(1, 1, lambda value: unquote_to_bytes(value.replace(b"+", b" "))),
    b"rawurldecode": text_function(1, 1, unquote_to_bytes),
    b"ord": text_function(1, 1, lambda value: value[0] if value else UNDECIDED),
    b"addslashes": text_function(1, 1, lambda v: re.sub(rb"([\\'\"])", rb"\\\1", v).replace(b"\0", b"\\0")),
    b"htmlspecialchars": text_function(1, 1, html),
    b"strstr": text_function(2, 2, strstr),
    b"strrchr": text_function(2, 2, strrchr),
    b"explode": text_function(2, 2, explode),
    b"str_contains": text_function(2, 2, lambda value, needle: needle in value),
    b"str_starts_with": text_function(2, 2, lambda value, needle: value.startswith(needle)),
    b"str_ends_with": text_function(2, 2, lambda value, needle: value.endswith(needle)),
    b"strcmp": text_function(2, 2, lambda one, other: 0 if one == other else UNDECIDED),
    b"strcasecmp": text_function(
        2,
        2,
        lambda one, other: 0 if one.translate(ASCII_LOWER) == other.translate(ASCII_LOWER) else UNDECIDED,
    ),
    b"basename": text_function(1, 2, basename),
    b"strval": text_function(1, 1, lambda value: value),
    b"substr": substr,
    b"strpos": position(False),
    b"stripos": position(True),
    b"str_replace": str_replace,
    b"implode": implode,
    b"join": implode,
    b"in_array": in_array,
    b"array_key_exists": array_key_exists,
    b"array_merge": array_merge,
    b"count": count,
    b"sizeof": count,
    b"sprintf": sprintf,
    b"chr": character,
    b"str_repeat": repeat,
    b"strtr": strtr,
    b"preg_match": preg_match,
    b"parse_url": parse_url_of,
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
