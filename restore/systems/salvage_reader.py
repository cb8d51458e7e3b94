"""A damaged dump read as far as it goes: what is whole passes as it stands, of what is not the complete rows are kept.

The exact reader cannot go on behind damage: a quote too many turns every string inside out. So a dump is read here in
blocks, each from one line that begins as dump programs begin statements to the next; a block that the exact reader
takes to its end passes, one that it does not is tried together with those behind it (a text may hold such a line), and
what is still not whole is damaged. Tenant's text that looks like a statement can add, behind damage, rows to a
tenant's own tables at most: what comes out goes through the same loader, and is never called whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from restore.errors import DumpDamaged, DumpRefused
from restore.systems.dump import TRANSACTION, DumpReader, Kind, Statement
from restore.systems.dump_session import DumpSession
from restore.systems.dump_statements import (
    CREATE_TABLE,
    INSERT,
    DropTables,
    InsertRows,
    MakeTable,
    Refuse,
    classify,
)
from restore.systems.dump_text import NAME, effective, name_of, quoted_name
from restore.systems.salvage_blocks import Text, blocks
from restore.systems.salvage_rows import ROW, Rows, cells_of, joined, plain_rows, rows_in
from restore.systems.salvage_state import CUT, Good, Read, Reading
from restore.systems.unpack_salvage import Hole

# Which MariaDB reads it matters for version comments alone.
VERSION = 101100
JOINED, JOINED_BYTES = 32, 4 << 20
COLUMN = re.compile(rb"^[ \t]+`", re.MULTILINE)
NAMES_TABLE = re.compile(
    rb"(?:(?:INSERT|REPLACE)\s(?:[A-Z]+\s)*INTO\s+|(?:/\*!40000 )?ALTER TABLE )(?P<name>" + NAME + rb")"
)
WORDS, ALIKE = (b"INSERT INTO ", b"REPLACE INTO ", b"INSERT IGNORE INTO "), 10
PAD = 1 << 20


class Salvager:
    """One reading of one dump."""

    def __init__(self, reading: Reading, pieces: Iterator[bytes | Hole], *, alone: bool) -> None:
        self._state = reading
        self._alone = alone
        self._stopped = False
        self._blocks = blocks(pieces)
        self._ahead: list[Text | Hole] = []
        self._tail: Text | None = None

    def run(self) -> Iterator[bytes]:
        state, ends_in_hole = self._state, False
        while not self._stopped and (block := self._take()) is not None:
            ends_in_hole = isinstance(block, Hole) and block.missing
            if isinstance(block, Hole):
                self._hole(block)
            elif block.within:
                self._tail = block
            else:
                yield from self._tail_before(block)
                yield from self._block(block)
        if self._tail is not None:
            self._lose_tail(self._tail)
        if state.begun > state.ended or state.transaction:
            if not ends_in_hole and not (state.losses and state.losses[-1].rows is None):
                why = "the dump ends without its last line: what stood behind is not there"
                state.lose(state.table, state.written, None, why)
            # The loader takes no dump without its end; that this one has none is said above.
            yield b"\nCOMMIT;\n" if state.transaction else b"\n-- Dump completed\n"

    def _take(self) -> Text | Hole | None:
        return self._ahead.pop(0) if self._ahead else next(self._blocks, None)

    def _hole(self, hole: Hole) -> None:
        state = self._state
        if hole.missing:
            self._stopped = not self._alone
            where = f"packed bytes {hole.start:,} to {hole.end:,}: {hole.why}"
            place = state.losses.pop().offset if state.cut else state.written
            state.lose(state.table, place, None, where)
        if hole.since < state.written or not hole.missing:
            state.doubts.append(
                f"bytes {hole.since:,} to {state.written:,} of the dump are covered by no check sum that is right"
                f" ({hole.why}): what came out of them may differ from what was dumped"
            )

    def _block(self, block: Text) -> Iterator[bytes]:
        read = self._read(block)
        if read.open and (whole := self._with_next(block)) is not None:
            block, read = whole, self._read(whole)
        self._state.session = read.session
        if read.bad is None and not any(map(self._is_out, read.good)):
            for one in read.good:
                self._accept(one)
            yield from self._write(block.offset, block.text)
            return
        for one in read.good:
            if self._is_out(one):
                self._state.undefine(one.table, one.statement.offset, one.rows, self._why_out(one.table))
            else:
                self._accept(one)
                yield from self._write(one.statement.offset, _again(block, one.statement))
        if read.bad is not None:
            yield from self._damaged(Text(block.offset + read.bad, block.text[read.bad :]))

    def _is_out(self, one: Good) -> bool:
        """Whether the statement is of a table that is not made."""
        return one.table in self._state.without or (one.rows > 0 and one.table not in self._state.cells)

    def _why_out(self, table: str) -> str:
        refused = "the server does not take its definition"
        return refused if table in self._state.without else "its definition is lost"

    def _accept(self, one: Good) -> None:
        state = self._state
        state.table = one.table or state.table
        for table in one.drops:
            state.kept.pop(table, None)
            state.cells.pop(table, None)
        if one.cells:
            state.cells[one.table] = one.cells
        if one.rows:
            state.kept[one.table] = state.kept.get(one.table, 0) + one.rows
            head = INSERT.match(one.statement.text)
            state.heads[one.table] = head[0] if head else b""
        if found := TRANSACTION.match(one.statement.text):
            state.transaction = bool(found[1])

    def _write(self, offset: int, text: bytes) -> Iterator[bytes]:
        """At its own place, so that what is said of the mended dump is true of the damaged one."""
        gap = offset - self._state.written
        while gap > 0:
            yield b"\n" * min(gap, PAD)
            self._state.written += min(gap, PAD)
            gap -= PAD
        yield text
        self._state.written += len(text)

    def _with_next(self, block: Text) -> Text | None:
        """The block and as many behind it as make it whole: a text may hold a line that begins like a statement."""
        text = block.text
        for number in range(JOINED):
            while len(self._ahead) <= number and (more := next(self._blocks, None)) is not None:
                self._ahead.append(more)
            if len(self._ahead) <= number or len(text) > JOINED_BYTES:
                return None
            following = self._ahead[number]
            if isinstance(following, Hole) or following.within:
                return None
            text += following.text
            if self._read(Text(block.offset, text), count=False).bad is None:
                del self._ahead[: number + 1]
                return Text(block.offset, text)
        return None

    def _read(self, block: Text, *, count: bool = True) -> Read:
        state, session = self._state, self._state.session.copy()
        reader = DumpReader(iter((block.text,)))
        good: list[Good] = []
        bad: int | None = None
        cut = False
        try:
            for statement in reader:
                one = self._judged(statement, session)
                if one is None:
                    bad, cut = statement.offset, statement.kind is Kind.CUT
                    break
                placed = Statement(statement.offset + block.offset, statement.text, statement.kind)
                good.append(replace(one, statement=placed))
        except (DumpDamaged, DumpRefused):
            last = good[-1].statement if good else None
            bad = last.offset - block.offset + len(last.text) if last else 0
        if count and not cut:
            state.begun += reader.heads
            state.ended += reader.trailers
        return Read(tuple(good), bad, cut, session)

    def _judged(self, statement: Statement, session: DumpSession) -> Good | None:
        if statement.kind is not Kind.STATEMENT:
            return None if statement.kind is Kind.CUT else Good(statement)
        decision = classify(statement.text, statement.offset, session, VERSION)
        if isinstance(decision, Refuse):
            return None if decision.grave else Good(statement)
        if isinstance(decision, MakeTable):
            cells = 0 if decision.alters else len(COLUMN.findall(decision.sql))
            self._state.cells.setdefault(decision.table, cells)
            return Good(statement, decision.table, cells=cells)
        if isinstance(decision, InsertRows):
            cells = self._cells(decision.table, len(decision.columns), statement.text, decision.start)
            if (plain := plain_rows(statement.text, decision.start, cells)) is not None:
                return Good(statement, decision.table, plain)
            rows = rows_in(statement.text, decision.start, cells)
            return None if rows.gaps else Good(statement, decision.table, rows.count)
        drops = decision.tables if isinstance(decision, DropTables) else ()
        return Good(statement, drops=drops)

    def _cells(self, table: str, named: int, text: bytes, start: int) -> int:
        """How many values a row of it has."""
        known = named or self._state.cells.get(table, 0)
        first = ROW.match(text, start)
        return known or (cells_of(first[1]) if first else 0)

    def _damaged(self, block: Text) -> Iterator[bytes]:
        """Keep the complete rows of an INSERT; anything else is lost, and named."""
        state, text = self._state, block.text
        if not self._alone:
            self._stopped = True
            why = "nothing behind this damage is read: the file holds other databases, and whose it is cannot be told"
            state.lose("", block.offset, None, why)
        if insert := INSERT.match(text):
            table = state.table = name_of(insert["name"], state.session.charset)
            named = len(re.findall(NAME, insert["columns"] or b""))
            state.heads[table] = insert[0]
            rows = rows_in(text, insert.end(), self._cells(table, named, text, insert.end()))
            yield from self._rows(table, block, rows)
            return
        sql = effective(text, VERSION) or text
        if made := CREATE_TABLE.match(sql):
            table = state.table = name_of(made["name"], state.session.charset)
            state.undefine(
                table, block.offset, 0, "its definition is damaged, and all its rows are lost with it"
            )
            return
        if self._alone and self._like_insert(text):
            met = rows_in(text, 0, state.cells[state.table], within=True)
            yield from self._rows(state.table, block, met)
            return
        begins = text[:40].split(b"\n", 1)[0].decode("ascii", "replace")
        unknown = None if b"VALUES" in text else 0
        state.lose(state.table, block.offset, unknown, f"a statement is damaged that begins {begins!r}")

    def _like_insert(self, text: bytes) -> bool:
        """Whether these are rows of the table at hand, behind a head in which a byte or two are wrong."""
        state = self._state
        alike = max(sum(a == b for a, b in zip(text, word, strict=False)) for word in WORDS)
        if alike < ALIKE or not state.cells.get(state.table):
            return False
        state.heads.setdefault(state.table, b"INSERT INTO " + quoted_name(state.table) + b" VALUES ")
        return True

    def _rows(self, table: str, block: Text, rows: Rows) -> Iterator[bytes]:
        state = self._state
        if not self._alone and rows.gaps:
            before = tuple(run for run in rows.runs if run.end <= rows.gaps[0].start)
            rows = Rows(before, ())
        if table in state.without or table not in state.cells:
            state.undefine(table, block.offset, rows.count, self._why_out(table))
        elif rows.runs:
            state.kept[table] = state.kept.get(table, 0) + rows.count
            yield from self._write(block.offset, joined(state.heads[table], block.text, rows.runs))
        for gap in rows.gaps:
            exact = gap.rows == 1
            why = CUT if gap.end == len(block.text) and gap.rows is None else "damaged bytes in an INSERT"
            state.lose(table, block.offset + gap.start, gap.rows, why, at_most=not exact)

    def _tail_before(self, block: Text) -> Iterator[bytes]:
        """What stood between a hole and the first line that begins a statement: rows of the table in which the hole
        begins, if that is the table which it ends in."""
        tail, state = self._tail, self._state
        if tail is None:
            return
        named = NAMES_TABLE.match(block.text)
        if named is None and re.match(rb"--|/\*!|UNLOCK|SET ", block.text):
            return
        self._tail = None
        table = state.table
        if named is None or name_of(named["name"]) != table or not state.heads.get(table):
            self._lose_tail(tail)
            return
        rows = rows_in(tail.text, 0, state.cells.get(table, 0), within=True)
        if rows.runs:
            yield from self._rows(table, tail, Rows(rows.runs, rows.gaps[1:]))

    def _lose_tail(self, tail: Text) -> None:
        self._tail = None
        self._state.lose("", tail.offset, None, "behind a hole; to which table it belongs is not known")


def _again(block: Text, statement: Statement) -> bytes:
    """A statement out of a block with the delimiter that stood behind it."""
    if block.text[:9].upper() == b"DELIMITER":
        word = block.text.split(b"\n", 1)[0].split()[1]
        return b"DELIMITER " + word + b"\n" + statement.text + word + b"\nDELIMITER ;\n"
    return statement.text + (b"\n" if statement.kind is not Kind.STATEMENT else b";\n")
