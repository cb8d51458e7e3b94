"""A live mail server's users as lines of a Dovecot passwd-file on this machine.

https://doc.dovecot.org/2.3/configuration_manual/authentication/passwd_file/
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from restore.errors import MailboxNotMade
from restore.model.incident import PasswdFile
from restore.model.making import NewMailbox, filled, names_in
from restore.model.text import safe


class PasswdFileMaker:
    """Satisfies MailboxMaker: Dovecot's passwd-file. It is replaced as a whole, so that a kill leaves it old or new;
    its lines, owner, mode and extended attributes stay. Its folder is locked (flock) meanwhile."""

    def __init__(self, spec: PasswdFile) -> None:
        self._spec = spec
        self.where = f"passwd-file {spec.path}"

    def stands(self, address: str) -> bool:
        """Whether a line has that user."""
        return self._key(address) in _keys(self._read(Path(self._spec.path)))

    def make(self, mailbox: NewMailbox) -> bool:
        """Add its line; False where one stands. Raises MailboxNotMade."""
        values = {**mailbox.values(), **{name: one.reveal() for name, one in mailbox.hashes().items()}}
        odd = [name for name, value in values.items() if re.search(rb"[\x00-\x20\x7f:]", value)]
        used = [name for name in odd if name in names_in(self._spec.line)]
        if used or mailbox.address.startswith("#"):
            raise self._refused(mailbox.address, f"its {' and '.join(used)} cannot stand in a passwd-file")
        line = filled(self._spec.line, values) + b"\n"
        try:
            path = Path(os.path.realpath(self._spec.path))
            with _locked(path.parent):
                before = self._read(path)
                if self._key(mailbox.address) in _keys(before):
                    return False
                gap = b"" if before.endswith(b"\n") or not before else b"\n"
                _replace(path, before, before + gap + line)
        except OSError as error:
            raise self._refused(mailbox.address, str(error.strerror)) from error
        return True

    def _key(self, address: str) -> bytes:
        user = address if self._spec.line.startswith("{address}") else address.rpartition("@")[0]
        return user.encode("utf-8", "surrogateescape").lower()

    def _read(self, path: Path) -> bytes:
        try:
            return path.read_bytes()
        except OSError as error:
            raise MailboxNotMade(f"{self.where} cannot be read: {error.strerror}") from error

    def _refused(self, address: str, words: str) -> MailboxNotMade:
        return MailboxNotMade(f"mailbox {safe(address)} was not made in {self.where}: {words}")


def _keys(data: bytes) -> set[bytes]:
    return {
        line.partition(b":")[0].strip().lower() for line in data.split(b"\n") if not line.startswith(b"#")
    }


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(path: Path, before: bytes, after: bytes) -> None:
    """Raises OSError; the file is as it was then. One that others changed meanwhile is not replaced."""
    fresh = path.with_name(f".{path.name}.bulkrestore")
    fresh.unlink(missing_ok=True)
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        stood = path.stat()
        with os.fdopen(handle, "wb") as out:
            os.fchown(out.fileno(), stood.st_uid, stood.st_gid)
            out.write(after)
            out.flush()
            shutil.copystat(path, fresh)
            os.utime(fresh)
            os.fsync(out.fileno())
        now = path.stat()
        if (now.st_ino, now.st_mtime_ns) != (stood.st_ino, stood.st_mtime_ns) or path.read_bytes() != before:
            raise InterruptedError(0, "somebody else changed it meanwhile; run again")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
