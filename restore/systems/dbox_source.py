"""A mailbox in sdbox or mdbox read through Dovecot's own imap program, run on a private copy of it.

The program is started alone, without a server: it speaks IMAP on a socket of ours (PREAUTH), under a uid that owns
nothing but the copy, in a mount namespace where that stands at /mnt, without a network, and ends with us. unshare(1),
setpriv(1), prlimit(1).
"""

from __future__ import annotations

import imaplib
import os
import re
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from imapclient import IMAPClient, SocketTimeout

from restore.errors import DovecotMissing, MailRefused, MailStalled, MailUnreachable, SourceUnreadable
from restore.model.mail import FolderPath, FolderState
from restore.model.ports import Source, Unreadable
from restore.model.text import safe
from restore.systems.dbox_copy import DboxCopy, fresh_place
from restore.systems.imap_errors import translated
from restore.systems.imap_source import ImapReader
from restore.systems.scratch_server import ENTER, ENVIRONMENT, INSIDE

PROGRAMS = ("/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap", "/usr/lib64/dovecot/imap")
TOOLS = ("unshare", "mount", "setpriv", "prlimit")
UNPACKS = "modules/lib20_zlib_plugin.so"
LOWEST_UID, UIDS = 1_900_000_000, 100_000_000
MEMORY = 1 << 30
LOG_TAIL = 4096
MOST_REPAIRS = 4
END_SECONDS = 30.0
TROUBLE = re.compile(r"\b(?:Error|Fatal|Panic): (.+)")
SECONDS = 120.0
CONFIG = """\
base_dir = {inside}/run
state_dir = {inside}/run
log_path = /dev/stderr
protocols = imap
ssl = no
mail_location = {format}:{inside}/mail
mail_home = {inside}
mail_uid = {uid}
mail_gid = {uid}
first_valid_uid = 1
mail_fsync = never
mailbox_list_index = no
mail_plugins = {plugins}
stats_writer_socket_path =
namespace inbox {{
  inbox = yes
  separator = /
  prefix =
}}
"""


class _Imap(imaplib.IMAP4):
    """imaplib on a pair of sockets with a program of ours."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._argv = command
        self._errors_into = log
        self._environment = environment
        super().__init__()

    def open(self, host: str = "", port: int = 0, timeout: float | None = None) -> None:
        """Start the program."""
        ours, theirs = socket.socketpair()
        with theirs, self._errors_into.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=log,
                env=self._environment,
                cwd="/",
            )
        self.sock = ours
        self.file = ours.makefile("rb")

    def shutdown(self) -> None:
        """End it: it has its indexes to write before it goes, and goes when nobody listens any more."""
        try:
            self.file.close()
            self.sock.close()
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class _Client(IMAPClient):  # type: ignore[misc]
    """imapclient with that program."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._program = command, environment, log
        super().__init__("Dovecot", ssl=False, timeout=SocketTimeout(SECONDS, SECONDS))

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - imapclient's name
        return _Imap(*self._program)


class DboxReader(ImapReader):
    """Satisfies MailReader for the mailbox at `path` of a source; `above` takes the private copy while it is read."""

    def __init__(self, source: Source, path: bytes, store_format: str, above: Path) -> None:
        """Raises DovecotMissing, MailStoreMissing, DboxRefused, StagingFull, and what the source raises."""
        program = _program(source.name)
        self._place = fresh_place(above)
        try:
            copy = DboxCopy(source, self._place / "mail")
            copy.make(path)
            uid = LOWEST_UID + secrets.randbelow(UIDS)
            command = _prepare(self._place, program, store_format, uid)
            environment = {**ENVIRONMENT, "USER": "mailbox", "HOME": INSIDE}

            def connect() -> IMAPClient:
                try:
                    with translated(source.name, "starting Dovecot's imap"):
                        return _Client(command, environment, self._place / "log")
                except (MailUnreachable, MailRefused) as error:
                    words = self._last_error() or error.message
                    raise DovecotMissing(
                        f"source {source.name}: {program} does not start: {words}"
                    ) from error

            self._seen: dict[FolderPath, FolderState] = {}
            self._mails = copy.mails
            super().__init__(source.name, connect)
            self.refused = tuple(copy.refused)
        except BaseException:
            shutil.rmtree(self._place, ignore_errors=True)
            raise

    def folders(self) -> Sequence[FolderPath]:
        """Every folder that can be selected, looked at before any message is: Dovecot drops from its index what it
        misses as it reads. Raises SourceUnreadable where it dies of the tree."""
        try:
            found = super().folders()
            for folder in found:
                with suppress(MailRefused):
                    self.state(folder)
            self._settle(found)
            return found
        except (MailUnreachable, MailStalled) as error:
            raise SourceUnreadable(
                f"Dovecot cannot read it: {self._last_error() or error.message}"
            ) from error

    def _settle(self, folders: Sequence[FolderPath]) -> None:
        """Let Dovecot repair its copy as it reads, which may give messages other UIDs, until it finds nothing more."""
        before: list[tuple[FolderPath, int, int]] | None = None
        for _ in range(MOST_REPAIRS):
            seen: list[tuple[FolderPath, int, int]] = []
            for folder in folders:
                with suppress(MailRefused):
                    seen += [(folder, one.uid, one.size) for one in self.held(folder)]
            if seen == before:
                return
            before = seen
            self._wire.broken = True  # the next look is that of a new process

    def state(self, folder: FolderPath) -> FolderState:
        """As Dovecot stated it first, though with no fewer messages than there are files of mail. One that rebuilds a
        folder in its copy keeps the UIDs, and changes the UIDVALIDITY. Raises MailRefused."""
        found = super().state(folder)
        messages = max(found.messages, self._mails[folder])
        return self._seen.setdefault(folder, replace(found, messages=messages))

    def contents(
        self, folder: FolderPath, messages: Sequence[tuple[int, int]]
    ) -> Iterator[Iterator[bytes] | Unreadable]:
        """As in ImapReader; of what Dovecot cannot read, its log says why. A message without the attachments that were
        kept apart is shorter than its index states, and is none."""
        for found, (_, size) in zip(super().contents(folder, messages), messages, strict=True):
            if isinstance(found, Unreadable):
                yield replace(found, reason=self._last_error() or found.reason)
            else:
                yield _measured(found, size)

    def _last_error(self) -> str:
        log = self._place / "log"
        if not log.exists():
            return ""
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - LOG_TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
        found = (TROUBLE.search(line) for line in reversed(lines))
        return next((safe(words[1], 300) for words in found if words), "")

    def close(self) -> None:
        """End Dovecot and drop the copy."""
        try:
            super().close()
        finally:
            shutil.rmtree(self._place, ignore_errors=True)


def _measured(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    given = 0
    for chunk in chunks:
        given += len(chunk)
        yield chunk
    if given != size:
        raise SourceUnreadable(f"{given:,} bytes, where its index states {size:,}")


def _program(source: str) -> str:
    found = next((one for one in PROGRAMS if os.access(one, os.X_OK)), None)
    lacking = [tool for tool in TOOLS if shutil.which(tool) is None]
    if found is None:
        raise DovecotMissing(f"source {source}: this host has none of {', '.join(PROGRAMS)}")
    if lacking or os.geteuid() != 0:
        needs = f"{', '.join(lacking)} is missing" if lacking else "only root can run it with less rights"
        raise DovecotMissing(f"source {source}: {found} cannot be run safely: {needs}")
    return found


def _prepare(place: Path, program: str, store_format: str, uid: int) -> list[str]:
    """The configuration, the copy given to that uid, and the command."""
    plugins = "zlib" if Path(program).with_name("modules").joinpath(Path(UNPACKS).name).exists() else ""
    config = CONFIG.format(inside=INSIDE, format=store_format, uid=uid, plugins=plugins)
    (place / "dovecot.conf").write_text(config)
    for folder, _, files in os.walk(place):
        os.chown(folder, uid, uid)
        for name in files:
            os.chown(os.path.join(folder, name), uid, uid, follow_symlinks=False)
    return [
        *("unshare", "--mount", "--net", "--", "sh", "-c", ENTER, "sh", str(place)),
        *("prlimit", f"--as={MEMORY}", "--core=0", "--"),
        *("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs"),
        *("--inh-caps=-all", "--bounding-set=-all", "--pdeathsig=KILL", "--"),
        *(program, "-c", f"{INSIDE}/dovecot.conf"),
    ]
