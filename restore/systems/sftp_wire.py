"""SFTP version 3 requests over one paramiko channel, as many under way at once as the caller likes.

paramiko's own client waits for each answer (5 files a second over a 30 ms line); this one sends on and sorts
the answers by their id. Reading requests alone exist here: nothing in this module can change a server.
https://datatracker.ietf.org/doc/html/draft-ietf-secsh-filexfer-02
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from typing import Generic, TypeVar

from paramiko import Channel, SSHException

from restore.errors import SourceOdd, SourceStalled, SourceUnreachable
from restore.model.text import safe
from restore.systems.sftp_answers import HANDLE, Reply, handle

INIT, VERSION = 1, 2
OPEN, CLOSE, READ, LSTAT, OPENDIR, READDIR, STAT, READLINK = 3, 4, 5, 7, 11, 12, 17, 19
FOR_READING = 1
BIGGEST_PACKET = 1 << 20
SEND_AT_ONCE = 1024
RECEIVE = 1 << 18

T = TypeVar("T")
Task = Generator[int, Reply, T]
"""A conversation: yields a request's id, is sent its reply, returns a result."""


class Wire:
    """One SFTP conversation, for one thread. `timeout` is how many seconds the server may be silent while it
    owes an answer; then SourceStalled. A lost connection is SourceUnreachable, nonsense SourceOdd; after any
    of them the wire is `broken`, and `hang_up` has been called."""

    def __init__(self, channel: Channel, name: str, timeout: float, hang_up: Callable[[], None]) -> None:
        self.broken = False
        self._hang_up = hang_up
        self._channel = channel
        self._name = name
        self._in = bytearray()
        self._out = bytearray()
        self._last = 0
        self._answers: dict[int, Reply] = {}
        self._forgotten: set[int] = set()
        self._owed: set[int] = set()
        channel.settimeout(timeout)
        self._timeout = timeout
        self._out += struct.pack(">IBI", 5, INIT, 3)
        reply_kind, _, _ = self._packet()
        if reply_kind != VERSION:
            raise self._odd("its greeting is not SFTP's")

    def ask(self, request: int, *parts: bytes | int) -> int:
        """Send a request, soon; returns its id. Parts: bytes become strings, ints 32 bits."""
        self._last = (self._last + 1) & 0xFFFFFFFF
        return self._send(request, b"".join(_pack(part) for part in parts))

    def ask_read(self, handle: bytes, offset: int, length: int) -> int:
        """Ask for so many bytes of an open file from that offset."""
        self._last = (self._last + 1) & 0xFFFFFFFF
        packed = struct.pack(f">I{len(handle)}sQI", len(handle), handle, offset, length)
        return self._send(READ, packed)

    def _send(self, request: int, packed: bytes) -> int:
        self._out += struct.pack(">IBI", len(packed) + 5, request, self._last) + packed
        self._owed.add(self._last)
        if len(self._out) > SEND_AT_ONCE:
            self._flush()
        return self._last

    def answer(self, request: int) -> Reply:
        """Wait for that request's answer; others that come first are kept."""
        while request not in self._answers:
            self._receive()
        return self._answers.pop(request)

    def any_answer(self, requests: Container[int]) -> tuple[int, Reply]:
        """Wait for an answer to any of these requests; its id and the answer."""
        while True:
            for request in self._answers:
                if request in requests:
                    return request, self._answers.pop(request)
            self._receive()

    def forget(self, request: int) -> None:
        """Nobody waits for that answer any more; a handle that it may bring is closed."""
        reply = self._answers.pop(request, None)
        if reply is None:
            self._forgotten |= self._owed & {request}
        elif reply.kind == HANDLE:
            self.close_handle(handle(reply))

    def close_handle(self, opened: bytes) -> None:
        """Close without waiting for the answer."""
        self.forget(self.ask(CLOSE, opened))

    def settle(self) -> None:
        """Send what waits to be sent: handles are closed on the server when this returns, or soon after."""
        self._flush()

    def close(self) -> None:
        """End the conversation."""
        self.broken = True
        self._hang_up()

    def _receive(self) -> None:
        reply_kind, request, body = self._packet()
        if request not in self._owed:
            raise self._odd("it answers what was not asked")
        self._owed.remove(request)
        self._answers[request] = Reply(reply_kind, body)
        if request in self._forgotten:
            self._forgotten.remove(request)
            self.forget(request)

    def _packet(self) -> tuple[int, int, bytes]:
        self._fill(4)
        length = int.from_bytes(self._in[:4], "big")
        if not 5 <= length <= BIGGEST_PACKET:
            raise self._odd(f"a packet of {length:,} bytes")
        self._fill(4 + length)
        reply_kind, request = struct.unpack_from(">BI", self._in, 4)
        body = bytes(memoryview(self._in)[9 : 4 + length])
        del self._in[: 4 + length]
        return reply_kind, request, body

    def _fill(self, need: int) -> None:
        while len(self._in) < need:
            self._flush()
            try:
                received = self._channel.recv(RECEIVE)
            except TimeoutError as error:
                raise self._stalled() from error
            except (OSError, EOFError, SSHException) as error:  # recv sends too: window adjustments
                raise self._broke(error) from error
            if not received:
                raise self._lost("it closed the connection in the middle of the work")
            self._in += received

    def _flush(self) -> None:
        if not self._out:
            return
        if self.broken:
            raise self._lost("the connection is gone")
        outgoing, self._out = bytes(self._out), bytearray()
        try:
            self._channel.sendall(outgoing)
        except TimeoutError as error:
            raise self._stalled() from error
        except (OSError, EOFError, SSHException) as error:
            # What it said before it closed tells more than the closed line does; whoever waits reads that first.
            if not self._channel.recv_ready():
                raise self._broke(error) from error

    def _stalled(self) -> SourceStalled:
        self.close()
        return SourceStalled(f"{self._name}: no answer for {self._timeout:g} seconds", server=self._name)

    def _broke(self, error: Exception) -> SourceUnreachable:
        return self._lost(f"the connection broke: {safe(str(error)) or 'no more bytes'}")

    def _lost(self, reason: str) -> SourceUnreachable:
        self.close()
        return SourceUnreachable(f"{self._name}: {reason}", server=self._name)

    def _odd(self, reason: str) -> SourceOdd:
        self.close()
        return SourceOdd(f"{self._name}: not what an SFTP server says: {reason}", server=self._name)

    def odd(self, error: Exception) -> SourceOdd:
        """The error for an answer that cannot be read; closes the wire."""
        return self._odd(safe(str(error)))


def _pack(part: bytes | int) -> bytes:
    return struct.pack(">I", part) if isinstance(part, int) else struct.pack(">I", len(part)) + part


class _Running(Generic[T]):
    """A task under way; `result` holds one value when it has ended."""

    def __init__(self, task: Task[T]) -> None:
        self.task = task
        self.result: list[T] = []

    def go_on(self, waiting: dict[int, _Running[T]], reply: Reply | None) -> None:
        try:
            request = next(self.task) if reply is None else self.task.send(reply)
        except StopIteration as end:
            self.result.append(end.value)
        else:
            waiting[request] = self


def pipelined(wire: Wire, tasks: Iterable[Task[T]], depth: int) -> Iterator[T]:
    """Results in the order of the tasks, `depth` of which talk at once. A task that raises ends them all."""
    waiting: dict[int, _Running[T]] = {}
    line: deque[_Running[T]] = deque()
    coming = iter(tasks)
    try:
        while True:
            while len(line) < depth and (task := next(coming, None)) is not None:
                line.append(_Running(task))
                line[-1].go_on(waiting, None)
            if not line:
                return
            while not line[0].result:
                request, reply = wire.any_answer(waiting)
                waiting.pop(request).go_on(waiting, reply)
            yield line.popleft().result[0]
    finally:
        for request in waiting:
            wire.forget(request)
        for running in line:
            running.task.close()


def together(wire: Wire, requests: Sequence[int]) -> Task[list[Reply]]:
    """The replies to requests sent at once."""
    replies: list[Reply] = []
    try:
        for request in requests:
            replies.append((yield request))
    finally:
        for request in requests[len(replies) :]:
            wire.forget(request)
    return replies


def run(wire: Wire, task: Task[T]) -> T:
    """The result of one task."""
    return next(pipelined(wire, [task], 1))
