"""Mail journals: one append-only file per mailbox, on disk before a message leaves and before an answer counts.

A line is a check sum, a space, and a record as JSON; the first line names the mailbox. Each check sum (CRC-32 of
the line, begun with its predecessor's) covers the whole file so far, so that a line changed, lost or moved shows.
A last line without its end was never acknowledged: a kill tore it, and it is kept aside. Any other damage is said.
"""

from __future__ import annotations

import hashlib
import os
import threading
import zlib
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from restore.errors import JournalDamaged, StateUnwritable
from restore.ledger import codec, disk
from restore.model.text import safe

FOLDER = "journals"


@dataclass(frozen=True, slots=True)
class JournalOf:
    """A journal's first record."""

    mailbox: str


codec.register((JournalOf,))


class Journals:
    """All mail journals of a state folder. Several threads may use it; one at a time per mailbox."""

    def __init__(self, state: Path) -> None:
        """Raises StateUnsafe, StateUnwritable."""
        disk.private_folder(state)
        disk.private_folder(state / FOLDER)
        self._folder = state / FOLDER
        self._lock = threading.Lock()
        self._journals: dict[str, _Journal] = {}

    def records(self, mailbox: str) -> Sequence[str]:
        """All records, oldest first, each as codec.encode() wrote it; raises JournalDamaged."""
        return self._journal(mailbox).records()

    def last(self, mailbox: str) -> str | None:
        """The newest record; the whole file is checked, little of it is held. Raises JournalDamaged."""
        newest = self._journal(mailbox).records(keep=1)
        return newest[0] if newest else None

    def append(self, mailbox: str, records: Sequence[str]) -> None:
        """Add records, each as codec.encode() writes it; on disk when this returns. Raises JournalDamaged,
        StateUnwritable."""
        self._journal(mailbox).append(records)

    def path(self, mailbox: str) -> Path:
        """The journal's file, named by a hash: a mailbox's name is a tenant's text."""
        return (
            self._folder / f"{hashlib.sha256(mailbox.encode('utf-8', 'surrogatepass')).hexdigest()}.journal"
        )

    def _journal(self, mailbox: str) -> _Journal:
        with self._lock:
            return self._journals.setdefault(mailbox, _Journal(mailbox, self.path(mailbox)))


class _Journal:
    """One file. `_crc` and `_size` are where the next line goes on, None before the file was read."""

    def __init__(self, mailbox: str, path: Path) -> None:
        self._mailbox = mailbox
        self._path = path
        self._lock = threading.Lock()
        self._crc = 0
        self._size: int | None = None

    def records(self, keep: int | None = None) -> Sequence[str]:
        """The newest `keep`, or all."""
        with self._lock:
            return self._read(keep)

    def append(self, records: Sequence[str]) -> None:
        with self._lock:
            if self._size is None:
                self._read()
            fresh = self._size == 0
            lines, crc = _lines(
                [codec.encode(JournalOf(self._mailbox)), *records] if fresh else records, self._crc
            )
            try:
                self._write(lines)
                if fresh:
                    disk.sync_folder(self._path.parent)
            except OSError as error:
                self._size = None
                raise StateUnwritable(
                    f"the journal {self._path} could not be written: {error.strerror}"
                ) from error
            self._crc = crc

    def _write(self, lines: bytes) -> None:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with open(os.open(self._path, flags, 0o600), "ab", buffering=0) as file:
            if os.fstat(file.fileno()).st_size != self._size:
                raise JournalDamaged(
                    f"somebody else wrote to the journal {self._path} of {safe(self._mailbox)}"
                )
            left = memoryview(lines)
            while left:
                left = left[file.write(left) :]
            os.fsync(file.fileno())
            self._size += len(lines)

    def _read(self, keep: int | None = None) -> Sequence[str]:
        records: deque[str] = deque(maxlen=keep)
        self._crc = size = 0
        torn = b""
        try:
            with open(self._path, "rb") as file:
                for number, line in enumerate(file, 1):
                    if not line.endswith(b"\n"):
                        torn = line
                        break
                    record, self._crc = self._checked(line[:-1], number)
                    size += len(line)
                    if number > 1:
                        records.append(record)
                    elif record != codec.encode(JournalOf(self._mailbox)):
                        raise JournalDamaged(f"the journal {self._path} is not that of {safe(self._mailbox)}")
        except FileNotFoundError:
            pass
        except OSError as error:
            raise StateUnwritable(f"the journal {self._path} could not be read: {error.strerror}") from error
        if torn:
            self._set_aside(torn, size)
        self._size = size
        return list(records)

    def _checked(self, line: bytes, number: int) -> tuple[str, int]:
        crc = zlib.crc32(line[9:], self._crc)
        if line[:9] != b"%08x " % crc:
            raise JournalDamaged(
                f"line {number:,} of the journal {self._path} of {safe(self._mailbox)} is damaged"
            )
        return line[9:].decode("ascii"), crc

    def _set_aside(self, torn: bytes, whole: int) -> None:
        """Keep what a kill left of a line, then cut it off, so that the next line begins where it should."""
        try:
            with open(
                os.open(f"{self._path}.torn", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab"
            ) as aside:
                aside.write(torn + b"\n")
                aside.flush()
                os.fsync(aside.fileno())
            disk.sync_folder(self._path.parent)
            with self._path.open("r+b") as file:
                file.truncate(whole)
                os.fsync(file.fileno())
        except OSError as error:
            raise StateUnwritable(
                f"the journal {self._path} could not be mended: {error.strerror}"
            ) from error


def _lines(records: Sequence[str], crc: int) -> tuple[bytes, int]:
    lines = []
    for record in records:
        text = record.encode("ascii")
        crc = zlib.crc32(text, crc)
        lines.append(b"%08x %s\n" % (crc, text))
    return b"".join(lines), crc
