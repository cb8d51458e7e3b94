"""The coordinator's desk for workers on other hosts: TCP, where both ends show a certificate of one authority.

It answers workers as the unix socket does (desk.py), and takes no requests of operators. What a worker needs of this
host to build its systems (passwords, keys) it asks for here too, so that none of it goes through Dask.
"""

from __future__ import annotations

import json
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from restore.errors import DeskUnheard, Fenced, RequestRefused, RestoreError
from restore.ledger import disk
from restore.request import LINE_LIMIT, pack
from restore.run.certificates import Certificates, common_name
from restore.run.desk import POLL_SECONDS, DeskServer
from restore.run.desk_lines import Lines
from restore.run.strays import elsewhere_path

HANDSHAKE_SECONDS = 30.0

Equipment = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TlsDesk:
    """How the desk is opened to other hosts: where it listens (port 0: any that is free), by which certificates, and
    what it gives workers as their equipment."""

    host: str
    port: int
    files: Certificates
    equipment: Callable[[], Equipment]


def context(files: Certificates, purpose: ssl.Purpose) -> ssl.SSLContext:
    """TLS where the peer must have a certificate of the same authority, whatever host it is on. Raises OSError
    (ssl.SSLError is one)."""
    made = ssl.create_default_context(purpose, cafile=str(files.authority))
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(files.certificate, files.key)
    return made


def is_of(line: ssl.SSLSocket, role: str) -> bool:
    """Whether the peer's certificate is one of that role."""
    subject: Any = (line.getpeercert() or {}).get("subject", ())
    names = [value for part in subject for key, value in part if key == "commonName"]
    return names == [common_name(role)]


@contextmanager
def open_tls(desk: DeskServer, epoch: int, how: TlsDesk) -> Iterator[int]:
    """Answer workers elsewhere while the context lasts; its port. The mark that there are such workers stays until
    `all_home` takes it away. Raises DeskUnheard where it cannot listen there."""
    try:
        server = _Server(desk, epoch, how)
    except OSError as error:
        place = f"{how.host}:{how.port or 'any port'}"
        raise DeskUnheard(f"no workers can be listened to at {place}: {error.strerror or error}") from error
    disk.write_whole(elsewhere_path(desk.path, epoch), b"")
    thread = threading.Thread(target=server.serve_forever, args=(POLL_SECONDS,), name="desk-tls", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.hang_up_all()
        server.server_close()


def all_home(desk: DeskServer, epoch: int) -> None:
    """Every worker elsewhere was seen to end its steps: the next coordinator has nobody to wait for."""
    elsewhere_path(desk.path, epoch).unlink(missing_ok=True)


class _Server(Lines, socketserver.ThreadingTCPServer):
    """Connections, each in a thread of its own, in which it proves itself too."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, desk: DeskServer, epoch: int, how: TlsDesk) -> None:
        if ":" in how.host:
            self.address_family = socket.AF_INET6
        self.desk = desk
        self.tls = context(how.files, ssl.Purpose.CLIENT_AUTH)
        self._epoch, self._equipment = epoch, how.equipment
        Lines.__init__(self, desk.break_down)
        socketserver.TCPServer.__init__(self, (how.host, how.port), _Connection)

    def answer(self, request: dict[str, Any]) -> Iterator[Mapping[str, object]]:
        """The replies to a worker's request."""
        own = {"present": self._present, "equipment": self._equip}.get(str(request.get("op")))
        if own is None:
            yield from self.desk.answer(request)
            return
        try:
            yield {"ok": own(request)}
        except RestoreError as error:
            yield {"error": {"code": error.code, "message": error.message}}

    def _present(self, request: dict[str, Any]) -> None:
        """A worker with these steps under way says that it lives; the answer lets it live on."""
        steps, process = request.get("steps"), str(request.get("process", ""))
        if not isinstance(steps, list) or not process:
            raise RequestRefused("a present request states its steps wrongly or not at all")
        self.desk.leases.present(int(request["epoch"]), map(str, steps), process)

    def _equip(self, request: dict[str, Any]) -> Equipment:
        if request.get("epoch") != self._epoch:
            raise Fenced(f"a worker is of epoch {request.get('epoch')}; epoch {self._epoch} has taken over")
        return self._equipment()


class _Connection(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Raises OSError (ssl.SSLError is one) for a peer that proves nothing or goes away."""
        self.request.settimeout(HANDSHAKE_SECONDS)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        with self.server.tls.wrap_socket(self.request, server_side=True) as line:
            if not is_of(line, "worker"):
                return
            line.settimeout(None)
            self.server.opened(line)
            try:
                self._talk(line)
            finally:
                self.server.closed(line)

    def _talk(self, line: ssl.SSLSocket) -> None:
        with line.makefile("rb") as asked:
            while text := asked.readline(LINE_LIMIT + 1):
                request = _request(text)
                if request is None:
                    words = {"code": RequestRefused.code, "message": "a request is one line, a JSON object"}
                    line.sendall(pack({"error": words}))
                    return
                for reply in self.server.answer(request):
                    line.sendall(pack(reply))


def _request(text: bytes) -> dict[str, Any] | None:
    if len(text) > LINE_LIMIT:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("epoch"), int) else None
