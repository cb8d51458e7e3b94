"""A mailbox tried out: every message read, parsed and hashed, and held against the live mailbox, which stays as it is.

It goes the way of a restore without its writes: the same copies and folders, the same journal, the same comparison.
What it learns goes into that journal: a message found standing there is not read again by a run.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing

from restore.errors import MailboxMissing, MaildirMissing, SourceUnreadable
from restore.model.facts import MailboxVerified
from restore.model.mail import INBOX, FolderPath, Matched, StoredMessage
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import VerifyMailbox
from restore.model.ports import MailSession, Systems
from restore.model.text import safe
from restore.run.mail_claims import Claim, Claims
from restore.run.mail_copies import arrange
from restore.run.mail_memory import Memory, settle
from restore.run.mail_read import Item
from restore.run.mail_targets import target_folders
from restore.run.verify_messages import Read, Reading, read_messages
from restore.survey.maildir import list_messages, read_maildir

WINDOW = 500
COMPARED = "compared"


class _Verification:
    """One mailbox while it is verified."""

    def __init__(self, key: str, work: VerifyMailbox, systems: Systems) -> None:
        self.work = work
        self.reading = Reading(
            key,
            str(work.mailbox),
            tuple(systems.source(name) for name in (work.source, *(copy.source for copy in work.also))),
            systems.desk,
            systems.progress(key),
            work.full,
        )
        self.notes: list[str] = []
        self.folders = 0
        self.messages = 0
        self.bytes = 0
        self.there = 0
        self.deleted_since = 0
        self.lacking = 0
        self.lacking_bytes = 0

    def lacks(self, read: Read) -> None:
        """A message that the live mailbox has not."""
        self.lacking += 1
        self.lacking_bytes += read.identity.size

    def listed(self) -> dict[FolderPath, list[Item]]:
        """Every message of every folder of every copy, each file once. Raises what reading the first copy raises."""
        items: defaultdict[FolderPath, list[Item]] = defaultdict(list)
        copies = [(self.work.source, self.work.path), *((copy.source, copy.path) for copy in self.work.also)]
        for rank, (_, path) in enumerate(copies):
            try:
                self._list_copy(rank, path, items)
            except (MaildirMissing, SourceUnreadable) as error:
                if not rank:
                    raise
                self.notes.append(f"a further copy cannot be read: {error.message}")
        return items

    def _list_copy(self, rank: int, path: bytes, items: dict[FolderPath, list[Item]]) -> None:
        source = self.reading.sources[rank]
        mark = mark_of(rank, source.name, path)
        maildir = read_maildir(source, path)
        refused = list(maildir.refused)
        if not rank:
            self.folders = len(maildir.folders)
            self.notes += maildir.notes
        for folder in maildir.folders:
            try:
                listing = list_messages(source, folder)
            except SourceUnreadable as error:
                refused.append(f"folder {safe('/'.join(folder.folder))}: {error.message}")
                continue
            refused += listing.unreadable
            named = {one.unique + b"\0%d %d" % (one.size, one.mtime): one for one in listing.messages}
            items[folder.folder] += [Item(folder, message, rank, mark) for message in named.values()]
            if not rank:
                self.messages += len(named) + len(listing.unreadable)
                self.bytes += sum(message.size for message in named.values())
        if rank:
            self.notes += [f"in a further copy: {line}" for line in refused]
        else:
            self.reading.damaged += refused


def mark_of(rank: int, source: str, path: bytes) -> str:
    """What tells the files of a further copy from those of the first one."""
    return f"{source}:{path.hex()}:" if rank else ""


def verify_mailbox(key: str, work: VerifyMailbox, systems: Systems) -> Outcome:
    """Read every message of a Maildir, and compare with the live mailbox by EXAMINE and FETCH alone.

    Done where all of it would come back, the fact naming what is doubtful; Partial where a message is damaged, or a
    folder or the live mailbox could not be looked at: each is named. Raises what the source, the mail server and the
    desk raise.
    """
    began = time.monotonic()
    one = _Verification(key, work, systems)
    items = one.listed()
    live = COMPARED
    try:
        session = systems.mail(work.target).open(work.mailbox.address)
    except MailboxMissing as error:
        live = f"the live mailbox is missing: {error.message}"
        memory = Memory(tuple(systems.desk.journal(key, str(work.mailbox))))
        for members in items.values():
            _compare_folder(one, None, memory, None, members)
    else:
        with closing(session):
            _compare(one, session, settle(session, systems.desk, key, str(work.mailbox)), items)
    fact = _fact(one, live, time.monotonic() - began)
    missing = (*fact.damaged, *((live,) if live != COMPARED else ()))
    return Partial(key, fact, missing) if missing else Done(key, fact)


def _compare(
    one: _Verification, session: MailSession, memory: Memory, items: dict[FolderPath, list[Item]]
) -> None:
    inbox = session.state(INBOX)
    memory = memory.of_store(inbox.uidvalidity)
    if not memory.knows(INBOX):
        one.reading.records.append(Matched(INBOX, inbox.uidvalidity, (), (), ()))
    standing = set(session.folders()) | {INBOX}
    targets = target_folders(list(items), session.folders(), session.special_use(), _placed(memory, items))
    groups: defaultdict[FolderPath, list[Item]] = defaultdict(list)
    for folder, members in items.items():
        groups[targets[folder]] += members
    for path, members in groups.items():
        _compare_folder(one, session, memory, path if path in standing else None, members)


def _placed(memory: Memory, items: dict[FolderPath, list[Item]]) -> dict[FolderPath, FolderPath]:
    known = memory.placed()
    places = {
        folder: next((known[item.file] for item in members if item.file in known), None)
        for folder, members in items.items()
    }
    return {folder: place for folder, place in places.items() if place is not None}


def _compare_folder(
    one: _Verification,
    session: MailSession | None,
    memory: Memory,
    path: FolderPath | None,
    items: Sequence[Item],
) -> None:
    """`path`: the live folder, None where there is none."""
    claims = Claims((), ())
    uidvalidity = 0
    if session is not None and path:
        uidvalidity = session.state(path).uidvalidity
        claims = Claims(memory.deliveries(path, uidvalidity), session.messages(path))
    window: list[Read] = []
    for read in read_messages(one.reading, arrange(items), memory):
        if not _proven(one, claims, read):
            window.append(read)
        if len(window) >= WINDOW:
            _match(one, session, claims, path, uidvalidity, window)
            window = []
    _match(one, session, claims, path, uidvalidity, window)
    one.reading.record()


def _proven(one: _Verification, claims: Claims, read: Read) -> bool:
    claim = claims.proven(read.identity)
    if claim is None:
        return False
    if claim is Claim.DELETED:
        one.deleted_since += 1
    else:
        one.there += 1
    if claim is Claim.ALTERED:
        line = f"{safe(read.item.path)}: restored before, and stands there with other content"
        one.reading.doubtful.append(line)
    return True


def _match(
    one: _Verification,
    session: MailSession | None,
    claims: Claims,
    path: FolderPath | None,
    uidvalidity: int,
    reads: Sequence[Read],
) -> None:
    """Read whole every live message that may be one of these."""
    one.reading.desk.renew(one.reading.key)
    uids = [uid for read in reads for uid in claims.candidates(read.identity, read.clean_id)]
    for message in session.read_back(path, uids) if session is not None and path and uids else ():
        if isinstance(message, StoredMessage):
            claims.identified(message)
        else:
            where = safe("/".join(path or ()))
            one.notes.append(
                f"live message UID {message.uid} of {where} cannot be read: {safe(message.reason)}"
            )
    matched = []
    for read in reads:
        uid = claims.standing(read.identity)
        if uid is None:
            one.lacks(read)
        else:
            matched.append((uid, read))
    one.there += len(matched)
    if matched and path:
        uids_there, identities = tuple(uid for uid, _ in matched), tuple(read.identity for _, read in matched)
        files = tuple(read.item.file for _, read in matched)
        one.reading.records.append(Matched(path, uidvalidity, uids_there, identities, files))
    one.reading.record()


def _fact(one: _Verification, live: str, seconds: float) -> MailboxVerified:
    reading = one.reading
    return MailboxVerified(
        one.work.mailbox,
        one.work.target,
        one.folders,
        one.messages,
        one.bytes,
        reading.known,
        tuple(reading.damaged),
        tuple(reading.doubtful),
        live,
        one.there,
        one.deleted_since,
        one.lacking,
        one.lacking_bytes,
        reading.read_bytes,
        seconds,
        (*one.notes, *reading.notes),
    )
