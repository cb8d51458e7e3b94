"""Copies of the ledger's head, sent out while a coordinator writes: what is cut or written anew later shows against
them.

They go to a file, one a line, and to syslog (RFC 5424) over a unix datagram socket or UDP (RFC 5426). Neither tells
whether anybody keeps them: a copy on the same disk proves little against whoever can write there.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from restore.errors import HeadNotCopied, StateUnwritable
from restore.ledger.chain import Head, keep_copy

EVERY_SECONDS, EVERY_EVENTS = 60.0, 1000
TIMEOUT_SECONDS = 5.0
# Facility 13 (log audit), severity 6 (informational): RFC 5424, section 6.2.1.
PRIORITY = 13 * 8 + 6


class Witness:
    """Sends the head out: as soon as it is entered, while commits are made (each minute, or each thousand events),
    and as it is left. `syslog` is a socket's path, host:port, or ""; `name` the incident's."""

    def __init__(
        self,
        name: str,
        file: str,
        syslog: str,
        head: Callable[[], Head],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._file = file
        self._syslog = syslog
        self._head = head
        self._clock = clock
        self._sent = Head(-1, "")
        self._at = 0.0

    def committed(self) -> None:
        """Something was recorded. A copy that cannot be sent now is tried again with the next one."""
        if not self._file and not self._syslog:
            return
        if self._head().seq - self._sent.seq < EVERY_EVENTS and self._clock() - self._at < EVERY_SECONDS:
            return
        try:
            self._send()
        except HeadNotCopied:
            self._at = self._clock()

    def _send(self) -> None:
        head = self._head()
        self._at = self._clock()
        if head == self._sent:
            return
        try:
            if self._file:
                keep_copy(Path(self._file), head)
            if self._syslog:
                tell_syslog(self._syslog, self._name, head)
        except StateUnwritable as error:
            raise HeadNotCopied(error.message) from error
        except OSError as error:
            why = error.strerror or str(error)
            told = f"a copy of the ledger's head could not be sent to syslog at {self._syslog}: {why}"
            raise HeadNotCopied(told) from error
        self._sent = head

    def __enter__(self) -> Self:
        self._send()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._send()
        except HeadNotCopied:
            if error is None:
                raise


def tell_syslog(place: str, name: str, head: Head) -> None:
    """One message of RFC 5424 to a unix datagram socket (a path) or to host:port by UDP. Raises OSError."""
    at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    host = socket.gethostname().encode("ascii", "replace").decode().replace(" ", "-") or "-"
    line = f"<{PRIORITY}>1 {at} {host} bulkrestore {os.getpid()} ledger-head - {told(head, name)}".encode(
        "ascii"
    )
    if place.startswith("/"):
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as local:
            local.settimeout(TIMEOUT_SECONDS)
            local.connect(place)
            local.send(line)
        return
    where, _, port = place.rpartition(":")
    family, kind, protocol, _, address = socket.getaddrinfo(
        where.strip("[]"), int(port), type=socket.SOCK_DGRAM
    )[0]
    with closing(socket.socket(family, kind, protocol)) as remote:
        remote.settimeout(TIMEOUT_SECONDS)
        remote.sendto(line, address)


def told(head: Head, name: str) -> str:
    """How a head stands in a line of a system's log; chain.read_copies() finds it there."""
    return f"ledger head {head} of incident {name}"
