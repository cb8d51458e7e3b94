"""The coordinator's desk: workers journal, renew their leases and fetch secrets here, over a unix socket; operators
ask the run under way (inlet.py).

A request is answered in the thread of its connection. What a worker asks for is done only while it holds its step
in this epoch (leases.py); the socket is 0600 in a 0700 folder, and only our own uid or root is listened to.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from restore.errors import RequestRefused, RestoreError, StateUnwritable
from restore.ledger import codec, disk
from restore.ledger.journal import Journals
from restore.ledger.vault import Vault
from restore.model.mail import JournalRecord
from restore.model.operator import Operator
from restore.model.text import safe
from restore.request import LINE_LIMIT, pack, secret_of, socket_path, text_of
from restore.run.desk_lines import Lines
from restore.run.inlet import Inlet
from restore.run.leases import Leases
from restore.run.strays import await_strays

PART_BYTES = 1 << 20
POLL_SECONDS = 0.1
PATIENCE_SECONDS = 60.0

Request = dict[str, Any]
Reply = dict[str, object]


@dataclass(slots=True)
class _Recorded:
    """The id of a worker's latest journal entry: one whose answer was lost is sent again, and written once."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    id: int = 0


class DeskServer:
    """Answers workers for as long as its context lasts. `leases` says which steps are begun; `notify` is told
    what an operator who waits should know; `inlet`, to be set before the context is entered, takes what operators
    ask."""

    def __init__(
        self,
        state: Path,
        epoch: int,
        leases: Leases,
        vault: Vault,
        journals: Journals,
        notify: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.path = socket_path(state)
        self.leases = leases
        self._epoch = epoch
        self._notify = notify
        self._vault = vault
        self._journals = journals
        self.inlet: Inlet | None = None
        self._recorded: dict[str, _Recorded] = {}
        self._fault: BaseException | None = None
        self._ops = {
            "renew": self._renew,
            "journal": self._journal,
            "last": self._last,
            "record": self._record,
            "put_secret": self._put_secret,
            "get_secret": self._get_secret,
        }

    def allow(self, steps: Iterable[str]) -> None:
        """These steps are begun; to be called before they are sent out. Raises what broke the desk, if
        something did."""
        if self._fault is not None:
            raise self._fault
        self.leases.allow(steps)

    def withdraw(self, steps: Iterable[str]) -> None:
        """These steps have ended, as their workers said."""
        self.leases.withdraw(steps)

    def lose(self, steps: Iterable[str]) -> None:
        """These steps are over, and nobody saw their workers end."""
        self.leases.lose(steps)

    def __enter__(self) -> Self:
        """Listen. Workers that an earlier coordinator left behind are waited for, at most one lease long.
        Raises StateUnsafe, StateUnwritable."""
        disk.private_folder(self.path.parent)
        try:
            await_strays(self.path, self._epoch, self.leases.seconds, self._notify)
            self.path.unlink(missing_ok=True)
            self._server = _Server(os.fspath(self.path), self)
            self.path.chmod(0o600)
        except OSError as error:
            raise StateUnwritable(f"the socket {self.path} cannot be made: {error.strerror}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="desk", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop listening; a journal entry under way is finished, every other call meets a closed door."""
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up_all()
        self._server.server_close()
        self.path.unlink(missing_ok=True)

    def answer(self, request: Request) -> Iterator[Reply]:
        """The replies to a request."""
        try:
            op = self._ops.get(str(request.get("op")))
            if op is None:
                raise RequestRefused(f"the coordinator knows no request {request.get('op')!r}")
            _check_types(request)
            self.leases.check(request["epoch"], request["step"], request["worker"])
            yield from op(request)
        except RestoreError as error:
            yield {"error": {"code": error.code, "message": error.message}}

    def ask(self, request: Request, uid: int, pid: int) -> Iterator[Mapping[str, object]]:
        """What is said of an operator's request, to its end; he is who he says he is, with the uid and pid that the
        kernel tells."""
        said = request.get("operator")
        if self.inlet is None or not isinstance(said, dict):
            refused = RequestRefused("this coordinator takes no requests of operators")
            return iter(({"error": {"code": refused.code, "message": refused.message}},))
        name, origin = safe(str(said.get("name")), 100), safe(str(said.get("origin")), 30)
        return self.inlet.ask(request, Operator(name, origin, uid, pid, socket.gethostname()))

    def break_down(self, fault: BaseException) -> None:
        """A bug in the desk stops the run at its next step."""
        self._fault = fault

    def _renew(self, request: Request) -> Iterator[Reply]:
        yield {"ok": None}

    def _journal(self, request: Request) -> Iterator[Reply]:
        part: list[str] = []
        size = 0
        for record in self._journals.records(request["mailbox"]):
            part.append(record)
            size += len(record)
            if size > PART_BYTES:
                yield {"part": part}
                part, size = [], 0
        yield {"part": part}
        yield {"ok": None}

    def _last(self, request: Request) -> Iterator[Reply]:
        newest = self._journals.last(request["mailbox"])
        yield {"part": [] if newest is None else [newest]}
        yield {"ok": None}

    def _record(self, request: Request) -> Iterator[Reply]:
        records = [_journal_text(text) for text in request["records"]]
        seen = self._recorded.setdefault(request["worker"], _Recorded())
        with seen.lock:
            if request["id"] > seen.id:
                self._journals.append(request["mailbox"], records)
                seen.id = request["id"]
        yield {"ok": None}

    def _put_secret(self, request: Request) -> Iterator[Reply]:
        yield {"ok": self._vault.put(request["purpose"], secret_of(request["secret"]))}

    def _get_secret(self, request: Request) -> Iterator[Reply]:
        yield {"ok": text_of(self._vault.get(request["vault_id"]))}


def _journal_text(text: object) -> str:
    record = codec.decode(text) if isinstance(text, str) else None
    if not isinstance(record, JournalRecord):
        raise RequestRefused("only mail records go into a mail journal")
    return codec.encode(record)


_TYPES: dict[str, type] = {
    "epoch": int,
    "step": str,
    "worker": str,
    "id": int,
    "mailbox": str,
    "records": list,
    "purpose": str,
    "secret": str,
    "vault_id": str,
}
_NEEDS = {
    "renew": (),
    "journal": ("mailbox",),
    "last": ("mailbox",),
    "record": ("mailbox", "records"),
    "put_secret": ("purpose", "secret"),
    "get_secret": ("vault_id",),
}


def _check_types(request: Request) -> None:
    for name in ("epoch", "step", "worker", "id", *_NEEDS[request["op"]]):
        if not isinstance(request.get(name), _TYPES[name]):
            raise RequestRefused(f"a {request['op']} request states its {name} wrongly or not at all")


class _Server(Lines, socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Connections, each in a thread of its own."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, path: str, desk: DeskServer) -> None:
        self.desk = desk
        Lines.__init__(self, desk.break_down)
        mask = os.umask(0o177)
        try:
            socketserver.UnixStreamServer.__init__(self, path, _Connection)
        finally:
            os.umask(mask)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return _peer(request)[1] in (0, os.geteuid())


class _Connection(socketserver.StreamRequestHandler):
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def handle(self) -> None:
        while line := self.rfile.readline(LINE_LIMIT + 1):
            if len(line) > LINE_LIMIT:
                self.wfile.write(_refusal(f"a request may have {LINE_LIMIT:,} bytes"))
                return
            try:
                request = json.loads(line)
            except ValueError:
                self.wfile.write(_refusal("a request is one line of JSON"))
                return
            if not isinstance(request, dict):
                self.wfile.write(_refusal("a request is a JSON object"))
                return
            if request.get("op") == "ask":
                self._tell_operator(request)
                continue
            for reply in self.server.desk.answer(request):
                self.wfile.write(pack(reply))

    def _tell_operator(self, request: Request) -> None:
        """An operator who does not listen is not waited for."""
        pid, uid, _ = _peer(self.connection)
        self.connection.settimeout(PATIENCE_SECONDS)
        for reply in self.server.desk.ask(request, uid, pid):
            self.wfile.write(pack(reply))
        self.connection.settimeout(None)

    def finish(self) -> None:
        try:
            super().finish()
        finally:
            self.server.closed(self.connection)


def _peer(connection: socket.socket) -> tuple[int, int, int]:
    """pid, uid and gid of who connected, as the kernel knows them (SO_PEERCRED, unix(7))."""
    told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, gid = struct.unpack("3i", told)
    return pid, uid, gid


def _refusal(why: str) -> bytes:
    return pack({"error": {"code": RequestRefused.code, "message": why}})
