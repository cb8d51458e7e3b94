"""Lanes: connections of one throw-away account, so that a table's keys are made and its rows read back while the next
table's rows flow already.

One lane at a time takes rows, as one LOAD DATA LOCAL a table, given from memory; a lane whose rows have all been given
is ended by a thread of its own. https://mariadb.com/kb/en/load-data-infile/
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from restore.model.text import safe
from restore.systems.dump_text import quoted_name, quoted_string
from restore.systems.mysql_connection import Connection

LANES = 2


class Doubtful(Exception):
    """The server took rows in another way than it was told; only INSERTs say what it would make of them."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Rows that may go as one LOAD DATA: of one table, into the same columns, under one session, cut alike."""

    table: str
    columns: tuple[str, ...]
    charset: str
    session: bytes
    separator: bytes

    def sql(self) -> bytes:
        """The statement; the file's name means nothing, the rows are in our memory."""
        named = b", ".join(map(quoted_name, self.columns))
        return (
            b"LOAD DATA LOCAL INFILE 'rows' INTO TABLE " + quoted_name(self.table)
            + b" CHARACTER SET " + quoted_string(self.charset)
            + b" FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\\'' ESCAPED BY '\\\\'"
            + b" LINES TERMINATED BY " + quoted_string(self.separator)
            + (b" (" + named + b")" if named else b"")
        )  # fmt: skip


@dataclass(slots=True)
class Lane:
    """One connection and what goes over it."""

    connection: Connection
    session: bytes = b""
    flow: Flow | None = None
    ending: Future[None] | None = None


class Lanes:
    """`connect` opens a connection of the account; `end(connection, table)` is done with each table whose rows have
    been committed, in a thread of its own. Raises what the connections raise, and Doubtful."""

    def __init__(self, connect: Callable[[], Connection], end: Callable[[Connection, str], None]) -> None:
        self._connect = connect
        self._end = end
        self._lanes: list[Lane] = []
        self._open: Lane | None = None
        self._threads = ThreadPoolExecutor(LANES, "lane")

    def give(self, flow: Flow, rows: bytes) -> None:
        """Rows, each with a separator behind it."""
        if self._open is None or self._open.flow != flow:
            self.shut()
            self.settle(flow.table)
            self._open = self._begun(self._idle(), flow)
        self._open.connection.give(rows)

    def shut(self) -> None:
        """No more rows for the table whose rows flow; its end goes on behind our back."""
        lane, self._open = self._open, None
        if lane is not None:
            lane.ending = self._threads.submit(self._finish, lane)

    def settle(self, table: str = "") -> None:
        """Wait until that table (or every table) has come to its end."""
        if self._open is not None and self._open.flow is not None and table in ("", self._open.flow.table):
            self.shut()
        for lane in self._lanes:
            if lane.ending is not None and lane.flow is not None and table in ("", lane.flow.table):
                ending, lane.ending = lane.ending, None
                ending.result()

    def close(self) -> None:
        """Cut every connection; what was not committed is gone."""
        for lane in self._lanes:
            if lane.ending is not None or lane.flow is not None:
                lane.connection.cut()
            lane.connection.close()
        self._threads.shutdown(wait=True)

    def _idle(self) -> Lane:
        for lane in self._lanes:
            if lane.ending is None:
                return lane
        if len(self._lanes) < LANES:
            self._lanes.append(Lane(self._connect()))
            return self._lanes[-1]
        endings: Sequence[Future[None]] = [lane.ending for lane in self._lanes if lane.ending is not None]
        wait(endings, return_when="FIRST_COMPLETED")
        lane = next(one for one in self._lanes if one.ending is not None and one.ending.done())
        ending, lane.ending = lane.ending, None
        if ending is not None:
            ending.result()
        return lane

    def _begun(self, lane: Lane, flow: Flow) -> Lane:
        if lane.session != flow.session:
            lane.connection.run(flow.session)
            lane.session = flow.session
        lane.connection.begin_local(flow.sql(), f"loading {safe(flow.table)}")
        lane.flow = flow
        return lane

    def _finish(self, lane: Lane) -> None:
        flow = lane.flow
        if flow is None:
            return
        warnings = lane.connection.end_local(f"loading {safe(flow.table)}")
        if warnings:
            raise Doubtful(f"{warnings:,} warnings for the rows of {safe(flow.table)}")
        lane.connection.run(b"COMMIT", f"keeping the rows of {safe(flow.table)}")
        lane.session = b""
        self._end(lane.connection, flow.table)
        lane.flow = None
