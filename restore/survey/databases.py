"""What a dump's head and tail say of it, without loading it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from restore.errors import DumpDamaged
from restore.model.facts import DumpLooked
from restore.model.mysql import SQL
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import LookDump
from restore.model.ports import Systems
from restore.model.text import safe
from restore.survey.dump_forms import look_form
from restore.survey.dump_installs import installs_of
from restore.survey.packed import GZIP, is_packed, plain_head

HEAD_BYTES = 1 << 16
TAIL_BYTES = 1 << 12
# A compressed dump's end is only found by reading all of it.
SMALL = 8 << 20
WRITER = re.compile(rb"^-- ((?:MySQL|MariaDB) dump [^\r\n]{1,150}|phpMyAdmin SQL Dump)", re.MULTILINE)
VERSION = re.compile(rb"^-- (?:Server version|Server-Version:)[ \t]*(\S{1,80})", re.MULTILINE)
TRAILER = re.compile(rb"^-- Dump completed", re.MULTILINE)
ENDS_SO = re.compile(rb"(?:MySQL|MariaDB) dump ")


def look_dump(key: str, work: LookDump, systems: Systems) -> Outcome:
    """Read writer and server version from the head, and whether the last line is there from the tail.

    Partial where the tail could not be checked (large gzip, any other packing) or where the last line is missing;
    what is said is a first look, the load reads every byte. Raises what the source raises.
    """
    if work.dump.form != SQL:
        return look_form(key, work, systems)
    stamp = work.dump.fingerprint
    source = systems.source(stamp.source)
    raw = source.read(stamp.path, HEAD_BYTES)
    notes: list[str] = []
    head = plain_head(raw, HEAD_BYTES)
    if is_packed(raw):
        tail = None
        if raw.startswith(GZIP) and stamp.size <= SMALL:
            tail = _inflated_tail(source.stream(stamp.path), notes)
    else:
        tail = b"".join(source.stream(stamp.path, max(0, stamp.size - TAIL_BYTES)))
    writer, version = WRITER.search(head), VERSION.search(head)
    trailed = bool(writer and ENDS_SO.match(writer[1]))
    empty = tail is not None and not head.strip() and not tail.strip()
    complete = not empty and (tail is None or not trailed or bool(TRAILER.search(tail)))
    if empty and not notes:
        notes.append("the file is empty")
    elif tail is None:
        notes.append("the end was not checked: it is compressed; the load reads it all")
    elif not complete:
        notes.append("its last line (-- Dump completed) is missing")
    elif not trailed:
        notes.append("its writer leaves no last line by which its end could be checked")
    systems.progress(key)(0)
    fact = DumpLooked(
        work.dump.database,
        safe(writer[1]) if writer else "",
        safe(version[1]) if version else "",
        complete,
        stamp.size,
        (*((work.origin,) if work.origin else ()), *notes),
        installs_of(key, work.dump, systems) if work.whole else (),
    )
    return Done(key, fact) if complete and tail is not None else Partial(key, fact, tuple(notes))


def _inflated_tail(chunks: Iterator[bytes], notes: list[str]) -> bytes:
    """The last bytes of a gzip stream of one or more members; a broken one is noted, its tail is empty."""
    tail = b""
    try:
        for plain in _inflated(chunks):
            tail = (tail + plain)[-TAIL_BYTES:]
    except DumpDamaged as damage:
        notes.append(damage.message)
        return b""
    return tail


def _inflated(chunks: Iterator[bytes]) -> Iterator[bytes]:
    read, inflater, between = 0, zlib.decompressobj(wbits=31), True
    try:
        for chunk in chunks:
            read += len(chunk)
            rest = chunk
            while rest:
                # A bomb gives its bytes in small pieces too: nothing but the tail is kept.
                yield inflater.decompress(rest, HEAD_BYTES)
                rest = inflater.unconsumed_tail or inflater.unused_data
                between = inflater.eof
                if between:
                    inflater = zlib.decompressobj(wbits=31)
    except zlib.error as error:
        raise DumpDamaged(f"the compression is broken near byte {read:,}: {error}") from error
    if not between:
        raise DumpDamaged(f"the compression ends early, at byte {read:,}")
