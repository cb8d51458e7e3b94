"""A crowd before a backup server's door: connections that never log in, as many as a stock sshd lets stand there."""

from __future__ import annotations

import socket
import threading
from contextlib import AbstractContextManager, suppress
from types import TracebackType
from typing import Self

from fixtures.servers import PrivateSshd
from fixtures.servers.daemon import LOOPBACK

CHUNK = 65536


class Throng(AbstractContextManager["Throng"]):
    """Listens on `port` and forwards to `server`: the first who comes is let through, and before the second is, the
    door is filled, so that sshd itself turns away whoever comes (MaxStartups) until `leave`."""

    def __init__(self, server: PrivateSshd) -> None:
        self.server = server
        self._door = socket.create_server((LOOPBACK, 0))
        self.port: int = self._door.getsockname()[1]
        self._crowd: list[socket.socket] = []
        self._lines: list[socket.socket] = []
        self._gone = False
        self._over = False
        self._threads: list[threading.Thread] = []
        known = server.known_hosts_line.replace(f"]:{server.port} ", f"]:{self.port} ")
        server.known_hosts.write_text(f"{server.known_hosts_line}\n{known}\n")

    def __enter__(self) -> Self:
        self._start(self._let_in)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        with suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self.leave()
        for line in self._lines:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for line in (*self._lines, self._door):
            line.close()

    def leave(self) -> None:
        """The crowd goes home."""
        self._gone = True
        while self._crowd:
            self._crowd.pop().close()

    def _start(self, act: object, *words: object) -> None:
        thread = threading.Thread(target=act, args=words)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _let_in(self) -> None:
        first = True
        while not self._over:
            try:
                client, _ = self._door.accept()
            except OSError:
                return
            if not first and not self._gone:
                self._fill()
            first = False
            server = socket.create_connection((LOOPBACK, self.server.port))
            self._lines += (client, server)
            self._start(_pour, client, server)
            self._start(_pour, server, client)

    def _fill(self) -> None:
        """Until sshd turns away whoever comes: all that it lets stand before the login have come."""
        full = int(self.server.options.max_startups.rpartition(":")[2])
        while len(self._crowd) < full and not self._gone:
            one = socket.create_connection((LOOPBACK, self.server.port))
            if _greeted(one):
                self._crowd.append(one)
            else:
                one.close()


def _greeted(line: socket.socket) -> bool:
    with suppress(OSError):
        return line.recv(4) == b"SSH-"
    return False


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(CHUNK):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
