"""The connections that a desk has open, whatever they run over: known one by one, so that each ends politely."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

STOP_SECONDS = 10.0


class Lines:
    """The part of a socketserver of the desk that keeps its connections; `break_down` is told of faults of ours."""

    def __init__(self, break_down: Callable[[BaseException], None]) -> None:
        self._break_down = break_down
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A line that broke is nothing; a fault of ours ends the run."""
        fault = sys.exception()
        if fault is not None and not isinstance(fault, OSError):
            self._break_down(fault)

    def opened(self, connection: socket.socket) -> None:
        """A connection is served now."""
        with self._changed:
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        """A connection is served no longer."""
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def hang_up_all(self) -> None:
        """Let every connection end after the request it is at. (SSLSocket's own shutdown would end its encryption, and
        what is being answered would go out in clear.)"""
        with self._changed:
            for connection in self._open:
                socket.socket.shutdown(connection, socket.SHUT_RD)
            self._changed.wait_for(lambda: not self._open, STOP_SECONDS)
