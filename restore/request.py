"""Asks the running coordinator: the wire format of its socket and its clients.

One JSON object a line, ASCII, at most LINE_LIMIT bytes; a request has an `op`, a worker's also `epoch`, `step`,
`worker` (who asks) and `id` (so that one sent twice is done once). A reply is {"ok": …}, {"error": {code, message}}
or, for long answers, lines of {"part": […]} before it. The peer is known by SO_PEERCRED (unix(7)).
"""

from __future__ import annotations

import fcntl
import getpass
import hashlib
import itertools
import json
import os
import secrets
import socket
import threading
import time
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from detectors.finding import Secret
from restore.errors import (
    CoordinatorGone,
    Fenced,
    JournalDamaged,
    RequestRefused,
    RestoreError,
    SecretMissing,
    StateUnwritable,
    VaultDamaged,
)
from restore.ledger import codec
from restore.model.mail import JournalRecord
from restore.model.operator import Operator
from restore.model.text import safe

SOCKET = "desk.sock"
PATH_LIMIT = 107
LINE_LIMIT = 16 * 1024 * 1024
TIMEOUT_SECONDS = 30.0
ERRORS: Mapping[str, type[RestoreError]] = {
    error.code: error
    for error in (Fenced, SecretMissing, JournalDamaged, VaultDamaged, StateUnwritable, RequestRefused)
}


def identify(stated: str | None, environment: Mapping[str, str]) -> Operator:
    """Who runs this command: `--operator` as stated, else BULKRESTORE_OPERATOR, else SUDO_USER, else the login
    name; with where it came from, uid, pid and host."""
    named = (
        ("--operator", stated),
        ("BULKRESTORE_OPERATOR", environment.get("BULKRESTORE_OPERATOR")),
        ("SUDO_USER", environment.get("SUDO_USER")),
        ("login", _login()),
    )
    origin, name = next((origin, name) for origin, name in named if name)
    return Operator(safe(name, 100), origin, os.getuid(), os.getpid(), socket.gethostname())


def _login() -> str:
    """The login name; a uid without a passwd entry is its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def socket_path(state: Path) -> Path:
    """Where the coordinator of a state folder listens: in it, or under /run where that path would pass the 107
    bytes of sockaddr_un."""
    path = state.absolute() / SOCKET
    if len(os.fsencode(path)) <= PATH_LIMIT:
        return path
    return Path(f"/run/bulkrestore-{hashlib.sha256(os.fsencode(state.absolute())).hexdigest()[:16]}") / SOCKET


def workers_path(path: Path, epoch: int) -> Path:
    """The file beside the socket on which every living worker of an epoch holds a shared lock (flock(2))."""
    return path.with_name(f"workers.{epoch}")


def pack(message: Mapping[str, object]) -> bytes:
    """A message as its line."""
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def text_of(secret: Secret) -> str:
    """A secret's bytes for the wire (Latin-1)."""
    return secret.reveal().decode("latin-1")


def secret_of(text: str) -> Secret:
    """The wire's text as a secret."""
    return Secret(text.encode("latin-1"))


class DeskClient:
    """A worker's Desk on the coordinator's host. Connects at the first call, and anew where the connection broke;
    a request whose answer was lost is sent again under its id and done once. Safe to use from several threads.

    Every call raises Fenced where the step is no longer this worker's, and CoordinatorGone where no answer came
    within `timeout` seconds or nobody listens any more: the worker must stop before its next act.
    """

    def __init__(self, place: Path | str, epoch: int, timeout: float = TIMEOUT_SECONDS) -> None:
        self._place = place
        self._epoch = epoch
        self._timeout = timeout
        self._token = secrets.token_hex(8)
        self._worker = f"{os.getpid()}-{self._token}"
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._line: Line | None = None
        self._presence: int | None = None

    def renew(self, step: str) -> None:
        """Say that the step still lives."""
        self._ask("renew", step)

    def journal(self, step: str, mailbox: str) -> Sequence[JournalRecord]:
        """All records of the mailbox's journal, oldest first; raises JournalDamaged."""
        parts, _ = self._ask("journal", step, mailbox=mailbox)
        return tuple(_journal_record(str(text)) for text in parts)

    def last(self, step: str, mailbox: str) -> JournalRecord | None:
        """The journal's newest record; raises JournalDamaged."""
        parts, _ = self._ask("last", step, mailbox=mailbox)
        return _journal_record(str(parts[0])) if parts else None

    def record(self, step: str, mailbox: str, records: Sequence[JournalRecord]) -> None:
        """Append to the journal; on disk when this returns. Raises JournalDamaged, StateUnwritable."""
        self._ask("record", step, mailbox=mailbox, records=[codec.encode(record) for record in records])

    def put_secret(self, step: str, purpose: str, secret: Secret) -> str:
        """Keep a secret in the vault; its id."""
        return str(self._ask("put_secret", step, purpose=purpose, secret=text_of(secret))[1])

    def get_secret(self, step: str, vault_id: str) -> Secret:
        """A secret by its vault id; raises SecretMissing."""
        return secret_of(str(self._ask("get_secret", step, vault_id=vault_id)[1]))

    def close(self) -> None:
        """Close the connection; the next call opens another. No step may be under way."""
        with self._lock:
            self._hang_up()
            if self._presence is not None:
                os.close(self._presence)
                self._presence = None

    def _ask(self, op: str, step: str, **more: object) -> tuple[Sequence[object], object]:
        """Parts and result of a request."""
        asked = {
            "op": op,
            "epoch": self._epoch,
            "step": step,
            "worker": self._worker,
            **more,
        }
        with self._lock:
            line = pack({**asked, "id": next(self._numbers)})
            if len(line) > LINE_LIMIT:
                raise RequestRefused(f"a {op} of {len(line):,} bytes is above the limit of {LINE_LIMIT:,}")
            end = time.monotonic() + self._timeout
            while True:
                try:
                    return self._exchange(line, end)
                except TimeoutError as error:
                    self._hang_up()
                    raise CoordinatorGone(f"no answer from {self._place} in {self._timeout:g} s") from error
                except (FileNotFoundError, ConnectionRefusedError) as error:
                    self._hang_up()
                    raise CoordinatorGone(
                        f"nobody listens at {self._place}: the coordinator has ended"
                    ) from error
                except OSError as error:
                    self._hang_up()
                    if time.monotonic() > end:
                        raise CoordinatorGone(
                            f"the connection to {self._place} breaks again and again"
                        ) from error
                    time.sleep(0.02)

    def _exchange(self, line: bytes, end: float) -> tuple[Sequence[object], object]:
        self._be_present()
        if self._line is None:
            self._line = self._connect(end)
        parts: list[object] = []
        for reply in self._line.replies(line, end):
            if "error" in reply:
                error = reply["error"]
                raise ERRORS.get(error["code"], RequestRefused)(error["message"])
            if "ok" in reply:
                return parts, reply["ok"]
            parts += reply["part"]
        raise ConnectionResetError("the coordinator closed the connection")

    def _be_present(self) -> None:
        """Tell the next coordinator that this worker lives."""
        if self._presence is None:
            self._presence = _be_present(workers_path(Path(self._place), self._epoch))

    def _connect(self, end: float) -> Line:
        line = Line(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM), end)
        try:
            line.connect(os.fsencode(self._place))
        except OSError:
            line.close()
            raise
        return line

    def _hang_up(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None


def _be_present(path: Path) -> int | None:
    """Tell the next coordinator that this worker lives; the kernel takes it back with the process. Where the file
    is gone, so is the epoch, and the first request will say so."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return handle


class Line:
    """A connection: lines out, lines in, nothing later than a moment given."""

    def __init__(self, connection: socket.socket, end: float) -> None:
        self._socket = connection
        self._pending = b""
        self._until(end)

    def connect(self, address: bytes) -> None:
        """Connect the socket that this was made of."""
        self._socket.connect(address)

    def use(self, connection: socket.socket) -> None:
        """Go on over what that socket was wrapped into."""
        self._socket = connection

    def replies(self, line: bytes, end: float) -> Iterator[dict[str, typing.Any]]:
        """Send a request; its replies, as long as the caller asks for more."""
        self._until(end)
        self._socket.sendall(line)
        while True:
            self._until(end)
            chunk = self._socket.recv(1 << 20)
            if not chunk:
                return
            self._pending += chunk
            *lines, self._pending = self._pending.split(b"\n")
            for whole in lines:
                yield json.loads(whole)

    def close(self) -> None:
        self._socket.close()

    def _until(self, end: float) -> None:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def _journal_record(text: str) -> JournalRecord:
    record = codec.decode(text)
    if not isinstance(record, JournalRecord):
        raise JournalDamaged(f"a {type(record).__name__} stands in a mail journal")
    return record
