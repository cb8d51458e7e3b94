"""The ledger's hash chain: each event's hash covers its predecessor's, so that the last one stands for all.

A change in the past shows in the chain itself. A ledger cut short, or written anew as a whole, has a sound chain of
its own: it shows against copies of the head that were kept where the ledger's owner cannot write.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from restore.errors import LedgerDamaged, RecordUnreadable, StateUnwritable
from restore.ledger.events import STEP_KINDS, replaces
from restore.model.text import safe

# What witness.told() writes.
IN_A_LOG = re.compile(r"ledger head (\d+:[0-9a-f]{64}) of incident (\S+)", re.ASCII)
GENESIS = hashlib.sha256(b"bulkrestore ledger 1").digest()


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: the newest event's number (0: none yet) and hash (hex)."""

    seq: int
    hash: str

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"

    @classmethod
    def read(cls, text: str) -> Head:
        """What str() wrote; raises RecordUnreadable."""
        seq, _, digest = text.strip().partition(":")
        if not (seq.isascii() and seq.isdecimal() and len(digest) == 64):
            raise RecordUnreadable(f"{text[:80]!r} is no copy of a ledger's head (number:hash)")
        return cls(int(seq), digest)


def link(previous: bytes, row: Sequence[object]) -> bytes:
    """The hash of an event, given its predecessor's: SHA-256 over that and the row as a JSON array."""
    return hashlib.sha256(previous + json.dumps(row, separators=(",", ":")).encode("ascii")).digest()


def keep_copy(path: Path, head: Head) -> None:
    """Add a copy of the head to a file, one a line; on disk when this returns. Raises StateUnwritable."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        with open(os.open(path, flags, 0o600), "ab") as file:
            file.write(f"{head}\n".encode("ascii"))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise StateUnwritable(
            f"the copy of the ledger's head cannot go to {path}: {error.strerror}"
        ) from error


def read_copies(path: Path, incident: str) -> tuple[Head, ...]:
    """The copies that keep_copy() added to a file, one a line, or those of that incident in a system's log; raises
    RecordUnreadable."""
    try:
        text = path.read_text("utf-8", errors="backslashreplace")
    except OSError as error:
        raise RecordUnreadable(
            f"the copies of the ledger's head in {path} cannot be read: {error.strerror}"
        ) from error
    logged = IN_A_LOG.findall(text)
    if logged:
        return tuple(Head.read(head) for head, name in logged if name == incident)
    return tuple(Head.read(line) for line in text.splitlines())


def verify(connection: sqlite3.Connection, name: Path, copies: Sequence[Head] = ()) -> Head:
    """Recompute every hash, and the sums from the events; the head.

    Raises LedgerDamaged, naming the first event that is not what was recorded, a copy of the head that the
    ledger does not contain, or a step that does not stand where its events left it."""
    claimed: dict[int, set[str]] = {}
    for copy in copies:
        claimed.setdefault(copy.seq, set()).add(copy.hash)
    previous, seq = GENESIS, 0
    steps: dict[str, tuple[int, str, str]] = {}
    _compare(name, claimed.pop(0, set()), Head(0, GENESIS.hex()))
    for *row, digest in connection.execute("SELECT * FROM event ORDER BY seq"):
        previous, seq = link(previous, row), seq + 1
        if row[0] != seq or previous != digest:
            raise LedgerDamaged(f"{name}: event {seq:,} is not what was recorded; nothing after it is proven")
        if seq in claimed:
            _compare(name, claimed.pop(seq), Head(seq, previous.hex()))
        if row[3] in STEP_KINDS and (row[4] not in steps or replaces(row[3], steps[row[4]][1])):
            steps[row[4]] = (seq, row[3], row[6])
    if claimed:
        raise LedgerDamaged(
            f"{name}: a copy of its head has {max(claimed):,} events, it ends at {seq:,}: it was cut"
        )
    _compare_sums(connection, name, steps)
    return Head(seq, previous.hex())


def _compare(name: Path, hashes: set[str], found: Head) -> None:
    for other in hashes - {found.hash}:
        raise LedgerDamaged(
            f"{name}: a copy of its head says event {found.seq:,} is {other[:16]}…, it is {found.hash[:16]}…:"
            " the ledger was rewritten"
        )


def _compare_sums(
    connection: sqlite3.Connection, name: Path, steps: Mapping[str, tuple[int, str, str]]
) -> None:
    tally: dict[tuple[str, str], int] = {}
    for key, seq, kind, work in connection.execute("SELECT key, seq, kind, work FROM step"):
        if steps.get(key) != (seq, kind, work):
            raise LedgerDamaged(f"{name}: step {safe(key)} is kept as {kind}, its events say otherwise")
        tally[work, kind] = tally.get((work, kind), 0) + 1
    kept = {(work, kind): count for work, kind, count in connection.execute("SELECT * FROM tally") if count}
    if len(steps) != sum(tally.values()) or kept != tally:
        raise LedgerDamaged(f"{name}: the counts of steps are not what its events say")
