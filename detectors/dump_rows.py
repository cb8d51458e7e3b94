"""From a dump's lexer to what a fingerprint needs: databases, table names, and a few cells of a few tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from detectors.dump_lexer import HEAD_STOPS, ROW_STOPS, Lexer, Listener

MAX_HEAD = 4 << 10
MAX_COLUMNS = 64
MAX_VALUE = 128 << 10
MAX_TABLES = 50_000
MAX_KEPT = 2_000
MAX_NAME = 256
WORD = rb"(?:`((?:[^`]|``)*)`|([\w$\x80-\xff]+))"
CREATE = re.compile(
    rb"\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?:" + WORD + rb"\s*\.\s*)?" + WORD + rb"\s*\(\Z",
    re.IGNORECASE,
)
INSERT = re.compile(
    rb"\s*(?:INSERT|REPLACE)\s+(?:LOW_PRIORITY\s+|DELAYED\s+|IGNORE\s+)*INTO\s+(?:"
    + WORD
    + rb"\s*\.\s*)?"
    + WORD
    + rb"\s*(VALUES\s*)?\(\Z",
    re.IGNORECASE,
)
USE = re.compile(rb"\s*USE\s+" + WORD + rb"\s*\Z", re.IGNORECASE)
HEADER = re.compile(rb"--\s+(?:Host:\s+\S*\s+)?Database:\s+`?([^`\s]+)`?\s*\Z")
COMPLETED = re.compile(rb"--\s+Dump completed\b")
ESCAPES = {48: b"\0", 110: b"\n", 114: b"\r", 116: b"\t", 90: b"\x1a", 98: b"\b"}
ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
COLUMN = re.compile(rb"\s*" + WORD + rb"\s+[a-zA-Z]", re.DOTALL)
NO_COLUMN = re.compile(
    rb"\s*(?:PRIMARY|UNIQUE|KEY|INDEX|FULLTEXT|SPATIAL|CONSTRAINT|FOREIGN|CHECK|PERIOD)\s", re.IGNORECASE
)
NUMBER = re.compile(rb"-?\d[\d.eE+-]{0,40}")
HEX = re.compile(rb"0x((?:[0-9A-Fa-f]{2})+)")

SIMPLE = rb"(?:(?:_[a-z0-9]++\s*+)?'(?:[^'\\]++|\\.|'')*+'|NULL|-?[0-9][0-9.]*+)"
ROW = re.compile(rb"[\s,]*+\((" + SIMPLE + rb"(?:\s*+,\s*+" + SIMPLE + rb")*+)\s*+\)", re.DOTALL)
RUN = re.compile(rb"(?:[\s,]*+\(" + SIMPLE + rb"(?:\s*+,\s*+" + SIMPLE + rb")*+\s*+\))++", re.DOTALL)
CELL = re.compile(rb"(?:_[a-z0-9]++\s*+)?'((?:[^'\\]++|\\.|'')*+)'|(NULL|-?[0-9][0-9.]*+)", re.DOTALL)
IN_CELL = re.compile(rb"\\(.)|''", re.DOTALL)

Row = dict[bytes, bytes]
Table = tuple[bytes, bytes]


@dataclass(slots=True)
class Tables:
    """What a dump says of itself: `header` the database its comment names, `tables` as (database, name), in
    order; `full` where there were more than MAX_TABLES; `completed` whether its last comment says so."""

    header: bytes = b""
    tables: dict[Table, None] = field(default_factory=dict)
    full: bool = False
    completed: bool = False


def unescaped(raw: bytes) -> bytes:
    """The value of a text as it stands between its quotes, doubled ones already made single."""
    return ESCAPE.sub(lambda match: ESCAPES.get(match.group(1)[0], match.group(1)), raw)


def _name(quoted: bytes | None, bare: bytes | None) -> bytes:
    return quoted.replace(b"``", b"`") if quoted is not None else bare or b""


class _Cell:
    """One value, being read: its text, or its code."""

    __slots__ = ("after", "code", "quoted", "raw", "size")

    def __init__(self) -> None:
        self.raw = bytearray()
        self.code = bytearray()
        self.quoted = False
        self.after = False
        self.size = 0

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        if self.size <= MAX_VALUE:
            self.raw += piece

    def value(self) -> bytes | None:
        """The value's bytes; None for NULL, for expressions and for what is longer than MAX_VALUE."""
        if self.quoted:
            return None if self.size > MAX_VALUE else unescaped(bytes(self.raw))
        code = bytes(self.code).strip()
        number, binary = NUMBER.fullmatch(code), HEX.fullmatch(code)
        return bytes.fromhex(binary.group(1).decode()) if binary else code if number else None


def _plain(match: re.Match[bytes]) -> bytes | None:
    raw, code = match.groups()
    if raw is None:
        return None if code == b"NULL" else code
    return None if len(raw) > MAX_VALUE else IN_CELL.sub(_unescape_cell, raw)


def _unescape_cell(match: re.Match[bytes]) -> bytes:
    char = match.group(1)
    return b"'" if char is None else ESCAPES.get(char[0], char)


class Rows(Listener):
    """Collects `facts`, and hands rows of tables that are `wanted` to `row` (table, values by column): all of
    them, or only those that hold what `keys` looks for, where it has a pattern for the table."""

    def __init__(
        self,
        wanted: Callable[[bytes], bool],
        keys: Callable[[bytes], re.Pattern[bytes] | None],
        row: Callable[[Table, Row], None],
    ) -> None:
        self.facts = Tables()
        self.wanted = wanted
        self.keys = keys
        self.row = row
        self.columns: dict[Table, tuple[bytes, ...]] = {}
        self.database = b""
        self._reset()

    def _reset(self) -> None:
        self.head, self.skip, self.between = True, False, False
        self.stops = HEAD_STOPS
        self._head = bytearray()
        self._key: re.Pattern[bytes] | None = None
        self._hidden = False
        self._table: Table | None = None
        self._phase = ""
        self._depth = 0
        self._cell = _Cell()
        self._cells: list[bytes | None] = []
        self._listed: list[bytes] = []

    def comment(self, line: bytes) -> None:
        header = HEADER.match(line)
        if header and self.head and not self.facts.header:
            self.facts.header = header.group(1)
        self.facts.completed = COMPLETED.match(line) is not None and self.head and not self._head.strip()

    def conditional(self) -> None:
        self._hidden = True

    def code(self, piece: bytes) -> None:
        if self.head:
            self._to_head(piece)
            if piece == b"(" and self.head:
                self._begins()
        elif self._phase:
            self._cells_of(piece)

    def _to_head(self, piece: bytes) -> None:
        self._head += piece[: MAX_HEAD + 1 - len(self._head)]
        if len(self._head) > MAX_HEAD:
            self.head, self.skip, self.stops = False, True, b""

    def quoted(self, quote: int, piece: bytes, done: bool) -> None:
        if self.head:
            edge = b"`" if quote == 96 else b"'"
            inner = piece if quote == 96 else b""
            self._to_head(edge if done or not piece else inner)
        elif self._phase == "names" and quote == 96:
            self._cell.add(piece)
            self._cell.quoted = True
        elif self._phase == "rows" and self._depth == 1:
            if not piece and not done:
                if self._cell.after:
                    self._cell.add(b"\\" + bytes([quote]))
                self._cell.quoted = True
            self._cell.after = done
            self._cell.add(piece)
        elif self._phase == "create" and quote == 96 and self._depth == 1:
            self._cell.code += piece or b"`"
            del self._cell.code[300:]

    def end(self) -> None:
        if self.head:
            use = USE.match(bytes(self._head))
            if use:
                self.database = _name(*use.groups())
        self._reset()

    def _begins(self) -> None:
        """The first "(" of a statement: what kind is it?"""
        self.head, self.stops = False, b""
        head = bytes(self._head)
        create = CREATE.match(head)
        if create and not self._hidden:
            outer, inner = create.groups()[:2], create.groups()[2:]
            table = (_name(*outer) or self.database, _name(*inner))
            if len(table[1]) > MAX_NAME or len(table[0]) > MAX_NAME:
                self.skip = True
                return
            if len(self.facts.tables) < MAX_TABLES:
                self.facts.tables[table] = None
            else:
                self.facts.full = True
            self._into("create", table)
            return
        insert = INSERT.match(head)
        if insert:
            outer, inner = insert.groups()[:2], insert.groups()[2:4]
            table = (_name(*outer) or self.database, _name(*inner))
            self._into("rows" if insert.group(5) else "names", table)
            return
        self.skip = True

    def _into(self, phase: str, table: Table) -> None:
        if len(table[1]) > MAX_NAME or not self.wanted(table[1]):
            self.skip = True
            return
        self._phase, self._table, self._depth = phase, table, 1
        self._key = None if phase == "create" else self.keys(table[1])
        self.stops = b"" if self._key is None else ROW_STOPS

    def rows(self, data: bytes, at: int) -> int:
        """Whole rows of plain values; only those with a key are taken apart."""
        run = RUN.match(data, at)
        if run is None or self._key is None:
            return at
        if self._key.search(data, at, run.end()):
            for one in ROW.finditer(data, at, run.end()):
                if self._key.search(data, one.start(1), one.end(1)):
                    self._tell([_plain(cell) for cell in CELL.finditer(data, one.start(1), one.end(1))])
        return run.end()

    def _tell(self, cells: list[bytes | None]) -> None:
        table = self._table
        if table is not None:
            names: Iterable[bytes] = self._listed or self.columns.get(table, ())
            pairs = zip(names, cells[:MAX_COLUMNS], strict=False)
            self.row(table, {name: value for name, value in pairs if value is not None})

    def _cells_of(self, piece: bytes) -> None:
        for part in re.findall(rb"[(),]|[^(),]+", piece):
            if part == b"(":
                self._depth += 1
                self.between = False
            elif part == b")":
                self._depth -= 1
                if self._depth == 0:
                    self._closed()
                    continue
            elif part == b"," and self._depth == 1:
                self._next()
                continue
            if self._depth >= 1:
                self._other(part)

    def _other(self, part: bytes) -> None:
        cell = self._cell
        cell.code += part[: 300 - len(cell.code)]
        cell.after = False

    def _next(self) -> None:
        cell, self._cell = self._cell, _Cell()
        if self._phase == "rows":
            if len(self._cells) < MAX_COLUMNS:
                self._cells.append(cell.value())
        elif len(self._listed) < MAX_COLUMNS:
            name = bytes(cell.raw) if cell.quoted else bytes(cell.code).strip()
            if self._phase == "create":
                code = bytes(cell.code)
                match = None if NO_COLUMN.match(code) else COLUMN.match(code)
                name = _name(*match.groups()) if match else b""
                if not name:
                    return
            self._listed.append(name)

    def _closed(self) -> None:
        """The ")" that belongs to the "(" of columns, names or a row."""
        self._next()
        table = self._table
        if table is None:
            return
        if self._phase == "create":
            if len(self.columns) < MAX_KEPT:
                self.columns[table] = tuple(self._listed)
            self._phase, self.skip = "", True
        elif self._phase == "names":
            self._phase = "rows"
        else:
            self._tell(self._cells)
            self._cells = []
            self.between = self._key is not None


def read(chunks: Iterable[bytes], rows: Rows) -> bool:
    """Pass a dump through; whether it ends between two statements and its last comment says it is complete."""
    lexer = Lexer(rows)
    for chunk in chunks:
        lexer.feed(chunk)
    return lexer.close() and rows.facts.completed
