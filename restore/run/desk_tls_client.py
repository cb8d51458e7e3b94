"""A worker's Desk on another host than the coordinator's: the same lines as over the unix socket, in mutual TLS."""

from __future__ import annotations

import os
import secrets
import socket
import ssl
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from restore.errors import CoordinatorGone
from restore.request import TIMEOUT_SECONDS, DeskClient, Line
from restore.run.certificates import Certificates
from restore.run.desk_tls import Equipment, context, is_of

_NAMES: dict[int, str] = {}


def process_name() -> str:
    """What this process is called at the desk: one name all its life, and none of a process it was forked from."""
    return _NAMES.setdefault(os.getpid(), f"{os.getpid()}-{secrets.token_hex(8)}")


@dataclass(frozen=True, slots=True)
class DeskAddress:
    """Where the coordinator's TLS desk listens, for its epoch and with its lease in seconds."""

    host: str
    port: int
    epoch: int
    lease: float


class TlsDeskClient(DeskClient):
    """See DeskClient. It takes no lock on the coordinator's host: presence.py plays that part."""

    def __init__(
        self, address: DeskAddress, files: Certificates, timeout: float = TIMEOUT_SECONDS, process: str = ""
    ) -> None:
        super().__init__(f"{address.host}:{address.port}", address.epoch, timeout)
        self._address = address
        self._process = process or process_name()
        self._worker = f"{self._process}.{self._token}"
        self._tls = context(files, ssl.Purpose.SERVER_AUTH)

    def present(self, steps: Collection[str]) -> None:
        """Say that this process lives and carries these steps; raises Fenced where one of them is not its own any
        more, CoordinatorGone."""
        self._ask("present", "", steps=list(steps), process=self._process)

    def equipment(self) -> Equipment:
        """What the coordinator's host gives a worker for its systems; raises Fenced, CoordinatorGone."""
        given = self._ask("equipment", "")[1]
        return {str(name): str(text) for name, text in given.items()} if isinstance(given, dict) else {}

    def _be_present(self) -> None: ...

    def _connect(self, end: float) -> Line:
        family = socket.AF_INET6 if ":" in self._address.host else socket.AF_INET
        plain = socket.socket(family, socket.SOCK_STREAM)
        try:
            line = Line(plain, end)
            plain.connect((self._address.host, self._address.port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            wrapped = self._tls.wrap_socket(plain)
        except OSError:
            plain.close()
            raise
        if not is_of(wrapped, "coordinator"):
            wrapped.close()
            raise CoordinatorGone(f"at {self._place} somebody else listens than a coordinator")
        line.use(wrapped)
        return line

    def _exchange(self, line: bytes, end: float) -> tuple[Sequence[object], object]:
        try:
            return super()._exchange(line, end)
        except ssl.SSLError as error:
            if not any(
                word in (error.reason or "") for word in ("CERT", "UNKNOWN_CA", "DECRYPT", "HANDSHAKE")
            ):
                raise ConnectionResetError("the coordinator closed the connection") from error
            self._hang_up()
            words = (
                f"the coordinator at {self._place} and this worker have certificates of different authorities"
            )
            raise CoordinatorGone(f"{words}, or theirs are over") from error
