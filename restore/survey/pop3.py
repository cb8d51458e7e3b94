"""Who reads mail by POP3: a new server gives every message a new UIDL, so that his program downloads all of it again.

Traces lie beside the mail: POP3 UIDLs kept in Dovecot's uidlist, the file Courier's POP3 server writes at each login.
Access logs of the old server tell of all others. https://doc.dovecot.org/2.3/configuration_manual/migrating_mailboxes/
(UIDLs), RFC 1939 section 7.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase

from detectors.walk import join
from restore.errors import RestoreError, SourceUnreadable
from restore.model.facts import Pop3Seen, Pop3User
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import ReadPop3Logs
from restore.model.ports import Source, Systems
from restore.model.text import safe

UIDLIST = b"dovecot-uidlist"
COURIER = b"courierpop3dsizelist"
HEAD = 1 << 18
PIECE = 1 << 20
LONGEST_LINE = 1 << 16
MOST_USERS = 1_000_000
_UIDL = re.compile(rb"^\d+(?: [A-OQ-Z][^ \n]*)* P[^ \n]+(?: [A-Z][^ \n]*)* :", re.MULTILINE)
_LOGIN = re.compile(
    rb"pop3-login: (?:Info: )?Login: user=<([^>\n]{1,320})>"
    rb"|pop3d(?:-ssl)?: LOGIN, user=([^,\s]{1,320})"
    rb"|\bpop3s?\[\d+\]: login: [^\n]{0,300}?\] ([^\s]{1,320}) "
)


def pop3_traces(source: Source, root: bytes) -> str:
    """What beside the Maildir at `root` tells of POP3, in words; "" where nothing does, or nothing can be read."""
    try:
        if source.lstat(join(root, COURIER)) is not None:
            return "Courier's POP3 server left its list of sizes"
        if source.lstat(join(root, UIDLIST)) is None:
            return ""
        count = len(_UIDL.findall(source.read(join(root, UIDLIST), HEAD)))
    except SourceUnreadable:
        return ""
    return f"Dovecot kept POP3 UIDLs of {count:,} messages or more" if count else ""


def first_traces(systems: Systems, places: Iterable[tuple[str, bytes]]) -> str:
    """What the first copy of a mailbox that tells of POP3 tells; a copy that cannot be reached tells nothing."""
    for name, path in places:
        try:
            told = pop3_traces(systems.source(name), path)
        except RestoreError:  # the restore of that copy says why
            continue
        if told:
            return told
    return ""


def read_pop3_logs(key: str, work: ReadPop3Logs, systems: Systems) -> Outcome:
    """Count POP3 logins by user in the access logs of one copy of an old server.

    Done, Partial where a log could not be read (each is named). Raises what connecting to the source raises.
    """
    source = systems.source(work.source)
    users: Counter[str] = Counter()
    missing: list[str] = []
    read = 0
    for path in _expanded(source, work, missing):
        try:
            for lines in _lines(source.stream(path)):
                systems.progress(key)(len(lines))
                for found in _LOGIN.finditer(lines):
                    name = (found[1] or found[2] or found[3]).decode("utf-8", "replace").lower()
                    if name in users or len(users) < MOST_USERS:
                        users[name] += 1
            read += 1
        except (SourceUnreadable, zlib.error) as error:
            missing.append(f"{safe(path)}: {error}")
    fact = Pop3Seen(work.server, tuple(Pop3User(name, count) for name, count in sorted(users.items())), read)
    return Partial(key, fact, tuple(missing)) if missing else Done(key, fact)


def _expanded(source: Source, work: ReadPop3Logs, missing: list[str]) -> Iterator[bytes]:
    """The files that the patterns mean; an asterisk counts in a last component alone."""
    for pattern in work.patterns:
        folder, _, name = join(work.path, pattern.encode()).rpartition(b"/")
        try:
            entries = source.list(folder)
        except SourceUnreadable as error:
            missing.append(f"{safe(pattern)}: {error.message}")
            continue
        found = [one.name for one in entries if one.kind == "file" and fnmatchcase(one.name, name)]
        if not found:
            missing.append(f"{safe(pattern)}: no such file")
        yield from (join(folder, one) for one in sorted(found))


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Whole lines, many at once; one that is too long for a log is cut."""
    rest = b""
    for piece in _plain(chunks):
        whole, newline, last = (rest + piece).rpartition(b"\n")
        rest = last[:LONGEST_LINE]
        if newline:
            yield whole
    if rest:
        yield rest


def _plain(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """A log as it is, or what its gzip members hold, in pieces of bounded size."""
    inflater = None
    for number, chunk in enumerate(chunks):
        if number == 0 and chunk.startswith(b"\x1f\x8b"):
            inflater = zlib.decompressobj(wbits=31)
        if inflater is None:
            yield chunk
            continue
        packed = chunk
        while packed:
            yield inflater.decompress(packed, PIECE)
            packed = inflater.unconsumed_tail or inflater.unused_data
            if inflater.eof:
                inflater = zlib.decompressobj(wbits=31)
