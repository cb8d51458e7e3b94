"""The rows of an INSERT and a checksum over them that a server can compute as well.

A row's **canonical text** is what stands between a row's parentheses: NULL, bare numbers, other values as they are
between quotes, joined by commas. Rows as mariadb-dump writes them only lose their escapes; others are decoded value by
value and written anew, by the column's type. A row's **hash** is c * (c >> 1) of the CRC-32 c of its
canonical text (a product, since sums of CRCs alone can hide values that two rows swapped); the **checksum** of a table
is the sum of its rows' hashes, modulo 2^64: it does not depend on the order of rows, and counts doubles. It finds
what was lost or changed on the way; it is no seal against forgery. MySQL's side of the same method is in
mysql_tables.py.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from zlib import crc32

TEXT = rb"'(?:[^'\\]++|\\.|'')*+'|\"(?:[^\"\\]++|\\.|\"\")*+\""
NUMBER = rb"[-+]?(?:\d++(?:\.\d*+)?+|\.\d++)(?:[eE][-+]?\d++)?+"
LITERAL = (
    rb"(?:NULL|TRUE|FALSE|0x[0-9A-Fa-f]*+|0b[01]++|(?:_[a-z0-9]++\s*+)?+(?:[xXbB]?+(?:"
    + TEXT
    + rb")|0x[0-9A-Fa-f]++)|"
    + NUMBER
    + rb")"
)
ROW = re.compile(
    rb"\(\s*+(" + LITERAL + rb"(?:\s*+,\s*+" + LITERAL + rb")*+)\s*+\)\s*+(?:,\s*+|\Z)",
    re.DOTALL | re.IGNORECASE,
)
CELL = re.compile(rb"\s*+(" + LITERAL + rb")\s*+(?:,|\Z)", re.DOTALL | re.IGNORECASE)
STRICT_TEXT = rb"'[^'\\\n\r\0\x1a\"]*+(?:\\[0nrZ'\"\\][^'\\\n\r\0\x1a\"]*+)*+'"

DIGITS = 400  # the longest: a DOUBLE written out; a DECIMAL has 65, which is more than Decimal's own 28
EXACT = Context(prec=3 * DIGITS)
ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
PIECE = 1 << 20
UNESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
UNESCAPED = {
    b"0": b"\0",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"b": b"\b",
    b"Z": b"\x1a",
    b"%": b"\\%",
    b"_": b"\\_",
}

INTEGERS = frozenset(("tinyint", "smallint", "mediumint", "int", "bigint"))
TEXTS = frozenset(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"))
BINARIES = frozenset(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"))
TIMES = frozenset(("date", "datetime", "timestamp", "time"))
PLAIN = frozenset(("uuid", "inet4", "inet6"))
# Types whose text the server rounds, or whose bytes SQL functions will not take: read back by the client instead.
GEOMETRIES = frozenset(("geometry", "point", "linestring", "polygon", "multipoint", "multilinestring"))
GEOMETRIES |= {"multipolygon", "geometrycollection"}
BY_CLIENT = GEOMETRIES | {"float", "double"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column as information_schema states it. `kind` is DATA_TYPE, `length` the bytes of a BINARY(n), `scale` the
    digits behind the point (of seconds too), `charset` "" where there is none; a `generated` one holds nothing of its
    own: dumps state values for it, which no checksum counts."""

    name: str
    kind: str
    charset: str = ""
    length: int = 0
    scale: int = 0
    zerofill: bool = False
    generated: bool = False


@dataclass(slots=True)
class Sum:
    """Rows counted and their checksum as it grows."""

    rows: int = 0
    total: int = 0

    def add(self, canonical: bytes) -> None:
        """Count one more canonical row."""
        self.rows += 1
        self.total += row_hash(canonical)

    @property
    def checksum(self) -> str:
        """16 hex digits; "" where no row was ever counted is the same as a sum of nothing."""
        return f"{self.total & 0xFFFFFFFFFFFFFFFF:016x}"


def row_hash(canonical: bytes) -> int:
    """The product of the CRC-32 and its upper 31 bits."""
    crc = crc32(canonical)
    return crc * (crc >> 1)


class NotLiterals(Exception):
    """The VALUES of an INSERT are not literals alone; `at` is the offset in the statement."""

    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Unprovable(Exception):
    """A literal whose stored form nobody but the server can tell."""


@dataclass(slots=True)
class RowReader:
    """Reads the rows of one table's INSERTs. `columns` in the order of the VALUES; `same_charset` tells whether the
    dump is written in UTF-8, so that a column's own UTF-8 bytes are the dump's."""

    columns: Sequence[Column]
    same_charset: bool = True
    sum: Sum = field(default_factory=Sum)
    unprovable: str = ""
    _strict: re.Pattern[bytes] | None = None

    def __post_init__(self) -> None:
        cells = [strict_cell(column) for column in self.columns]
        if all(cell is not None for cell in cells):
            joined = b",".join(cell for cell in cells if cell is not None)
            self._strict = re.compile(rb"\((" + joined + rb")\)(?:,\s*+|\Z)", re.DOTALL)

    @property
    def as_written(self) -> bool:
        """Whether each column's canonical text is what dump programs write, but for escapes."""
        return self._strict is not None

    def read(self, text: bytes, start: int) -> Iterator[int]:
        """Count every row of the statement; yields where each row begins. Raises NotLiterals."""
        position, end, add = start, len(text), self.sum.add
        strict = self._strict.match if self._strict is not None else None
        while position < end:
            match = strict(text, position) if strict is not None else None
            if match is not None:
                row = match[1]
                add(_unescaped(row) if b"\\" in row else row)
            else:
                match = ROW.match(text, position)
                if match is None:
                    raise NotLiterals(position)
                add(self._rewritten(match[1]))
            yield position
            position = match.end()
        if text[:end].rstrip().endswith(b","):
            raise NotLiterals(end)

    def _rewritten(self, row: bytes) -> bytes:
        cells = [match[1] for match in CELL.finditer(row)]
        if len(cells) != len(self.columns):
            self.unprovable = f"a row has {len(cells)} values, the table {len(self.columns)} columns"
            return row
        try:
            return b",".join(
                canonical_literal(cell, column)
                for cell, column in zip(cells, self.columns, strict=True)
                if not column.generated
            )
        except Unprovable as why:
            self.unprovable = str(why)
            return row


def strict_cell(column: Column) -> bytes | None:
    """A pattern for a column's canonical text; None where every value must be decoded."""
    fraction = rb"\.\d{%d}" % column.scale if column.scale else b""
    patterns = {
        **dict.fromkeys(INTEGERS, rb"(?:0|-?[1-9]\d*+)"),
        **dict.fromkeys(TEXTS | BINARIES, STRICT_TEXT),
        "decimal": rb"(?:0|(?!-0"
        + (rb"\.0++\b" if column.scale else rb"\b")
        + rb")-?(?:0|[1-9]\d*+))"
        + fraction,
        "char": STRICT_TEXT + rb"(?<! ')",
        "date": rb"'\d{4}-\d\d-\d\d'",
        "datetime": rb"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d" + fraction + rb"'",
        "timestamp": rb"'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d" + fraction + rb"'",
        "time": rb"'-?\d\d\d?:\d\d:\d\d" + fraction + rb"'",
        "year": rb"\d{4}",
    }
    patterns.pop("binary")
    pattern = patterns.get(column.kind)
    return None if pattern is None or column.generated else rb"(?:NULL|" + pattern + rb")"


def decoded(literal: bytes) -> bytes:
    """The bytes a string or hex literal stands for."""
    literal = re.sub(rb"^_[a-z0-9]++\s*+", b"", literal, flags=re.IGNORECASE)
    if literal[:2] in (b"0x", b"0X"):
        return _unhex(literal[2:])
    if literal[:1] in b"xX":
        return _unhex(literal[2:-1])
    inside = literal[1:-1]
    if literal[:1] == b'"':
        inside = inside.replace(b'""', b'\\"')
    if b"\\" not in inside and b"''" not in inside:
        return inside
    return UNESCAPE.sub(lambda found: _plain_character(found) if found[1] is not None else b"'", inside)


def _unescaped(row: bytes) -> bytes:
    """A piece at a time: each escape of a large row would be an object of its own else."""
    parts, start = [], 0
    while start < len(row):
        end = start + PIECE
        while row[end - 1 : end] == b"\\":
            end += 1
        parts.append(ESCAPE.sub(_plain_character, row[start:end]))
        start = end
    return b"".join(parts)


def _plain_character(escape: re.Match[bytes]) -> bytes:
    return UNESCAPED.get(escape[1], escape[1])


def _unhex(digits: bytes) -> bytes:
    return bytes.fromhex((b"0" * (len(digits) % 2) + digits).decode("ascii"))


def quoted(value: bytes) -> bytes:
    """A value as canonical text: as it is, between quotes."""
    return b"'" + value + b"'"


def canonical_literal(literal: bytes, column: Column) -> bytes:
    """A dump's literal as the canonical text of a value of that column; raises Unprovable."""
    if literal.upper() == b"NULL":
        return b"NULL"
    if column.kind not in WRITERS:
        raise Unprovable(f"a column of type {column.kind}")
    try:
        return WRITERS[column.kind](literal, column)
    except (ArithmeticError, ValueError):
        raise Unprovable(f"the {column.kind} value {literal[:40]!r}") from None


def _is_text(literal: bytes) -> bool:
    return literal[:1] in b"'\"_xX" or literal[:2] in (b"0x", b"0X")


def _number(literal: bytes) -> Decimal:
    if len(literal) > DIGITS:
        raise Unprovable(f"the value {literal[:40]!r} has more digits than any number")
    if literal[:2] in (b"0x", b"0X") or literal[:1] in b"xX":
        return Decimal(int.from_bytes(decoded(literal), "big"))
    word = {b"TRUE": b"1", b"FALSE": b"0"}.get(literal.upper(), literal)
    try:
        value = Decimal((decoded(word) if word[:1] in b"'\"" else word).decode("ascii"))
    except (InvalidOperation, UnicodeDecodeError):
        raise Unprovable(f"the value {literal[:40]!r} is no plain number") from None
    # 1e999999999 is eleven bytes, and a gigabyte as an integer.
    if not value.is_finite() or abs(value.adjusted()) > DIGITS:
        raise Unprovable(f"the value {literal[:40]!r} is beyond any column of numbers")
    return value


def _rounded(value: Decimal, scale: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP, context=EXACT)


def _integer(literal: bytes, column: Column) -> bytes:
    if literal.isdigit():
        return b"%d" % int(literal)
    return b"%d" % int(_rounded(_number(literal), 0))


def _decimal(literal: bytes, column: Column) -> bytes:
    rounded = _rounded(_number(literal), column.scale)
    return f"{rounded if rounded else abs(rounded):f}".encode()


def float_text(text: bytes, kind: str) -> bytes:
    """A FLOAT or DOUBLE by value: six digits of a single, the shortest exact text of a double."""
    value = float(text)
    if kind == "double":
        return repr(value).encode()
    single: float = struct.unpack("f", struct.pack("f", value))[0]
    return b"%.6g" % single


def _float(literal: bytes, column: Column) -> bytes:
    try:
        return float_text(str(_number(literal)).encode(), column.kind)
    except OverflowError:
        raise Unprovable(f"the value {literal[:40]!r} is beyond {column.kind}") from None


def _bit(literal: bytes, column: Column) -> bytes:
    if literal[:2] in (b"b'", b"B'", b"0b"):
        return b"%d" % int(literal[2:].rstrip(b"'"), 2)
    if _is_text(literal):
        return b"%d" % int.from_bytes(decoded(literal), "big")
    return _integer(literal, column)


def _text(literal: bytes, column: Column) -> bytes:
    if not _is_text(literal):
        if re.fullmatch(rb"-?\d+", literal) and column.kind not in {"enum", "set"}:
            return quoted(literal)
        raise Unprovable(f"the bare value {literal[:40]!r} in a column of text")
    if literal[:1] not in b"'\"" and not column.charset.startswith("utf8"):
        raise Unprovable(f"bytes in hexadecimal in a column of {column.charset}")
    value = decoded(literal)
    return quoted(value.rstrip(b" ") if column.kind == "char" else value)


def _binary(literal: bytes, column: Column) -> bytes:
    if not _is_text(literal):
        raise Unprovable(f"the bare value {literal[:40]!r} in a column of bytes")
    value = decoded(literal)
    return quoted(value.ljust(column.length, b"\0") if column.kind == "binary" else value)


TIME_LITERAL = re.compile(
    rb"(?:(\d{4}-\d\d-\d\d)|(?:(\d{4}-\d\d-\d\d)[ T])?+(-?\d\d\d?:\d\d:\d\d)(?:\.(\d{1,6}))?+)"
)


def _time(literal: bytes, column: Column) -> bytes:
    match = TIME_LITERAL.fullmatch(decoded(literal)) if literal[:1] in b"'\"" else None
    if match is None or (match[4] and len(match[4].rstrip(b"0")) > column.scale):
        raise Unprovable(f"the {column.kind} value {literal[:40]!r}")
    day, clock = match[1] or match[2], match[3] or b"00:00:00"
    fraction = b"." + (match[4] or b"").ljust(column.scale, b"0")[: column.scale] if column.scale else b""
    if (column.kind == "date") != (match[1] is not None) and not (column.kind != "time" and day):
        raise Unprovable(f"the {column.kind} value {literal[:40]!r}")
    if column.kind == "date":
        return b"'" + day + b"'"
    return b"'" + (clock if column.kind == "time" else day + b" " + clock) + fraction + b"'"


def _plain(literal: bytes, column: Column) -> bytes:
    if literal[:1] not in b"'\"_":
        raise Unprovable(f"the {column.kind} value {literal[:40]!r}")
    return quoted(decoded(literal).lower())


def _year(literal: bytes, column: Column) -> bytes:
    value = int(_number(literal))
    if value and not 1901 <= value <= 2155:
        raise Unprovable(f"the year {literal[:40]!r}")
    return b"%04d" % value


WRITERS: dict[str, Callable[[bytes, Column], bytes]] = {
    **dict.fromkeys(INTEGERS, _integer),
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(BINARIES | GEOMETRIES, _binary),
    **dict.fromkeys(TIMES, _time),
    **dict.fromkeys(PLAIN, _plain),
    **dict.fromkeys(("float", "double"), _float),
    "decimal": _decimal,
    "bit": _bit,
    "year": _year,
}


def canonical_value(value: bytes | None, column: Column) -> bytes:
    """A value read back from the server (its text, or its bytes) as canonical text; raises Unprovable."""
    if value is None:
        return b"NULL"
    if column.kind in {"float", "double"}:
        return float_text(value, column.kind)
    if column.kind in INTEGERS or column.kind in {"decimal", "bit", "year"}:
        return value
    return quoted(value)
