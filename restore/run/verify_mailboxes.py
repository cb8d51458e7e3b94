"""A mailbox tried out: every message read, parsed and hashed, and held against the live mailbox, which stays as it is.

It goes the way of a restore without its writes: the same folders, the same journal, the same comparison. What it learns
goes into that journal: a message that was read whole here and found standing there is not read again by a run.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from restore.errors import MailboxMissing, SourceUnreadable
from restore.model.facts import MailboxVerified
from restore.model.mail import (
    INBOX,
    FolderPath,
    Identity,
    Intent,
    JournalRecord,
    Matched,
    StoredMessage,
    Verified,
)
from restore.model.message import canonical, header, identify, message_id
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import VerifyMailbox
from restore.model.ports import MailSession, Systems, Unreadable
from restore.model.text import safe
from restore.run.mail_claims import Claim, Claims
from restore.run.mail_folder import LARGEST_MESSAGE, Item, mail_of
from restore.run.mail_memory import Memory, settle
from restore.run.mail_targets import target_folders
from restore.survey.maildir import Maildir, list_messages, read_maildir
from restore.survey.message_evidence import doubts

WINDOW = 500
COMPARED = "compared"
ALTERED = "altered since it was last read, though its size and time are as they were"


@dataclass(frozen=True, slots=True)
class _Read:
    """A message of the backup that can be restored: what it is, and how the live side would be asked for it."""

    item: Item
    identity: Identity
    clean_id: bytes


@dataclass(slots=True)
class _Verification:
    """One mailbox while it is verified."""

    key: str
    work: VerifyMailbox
    systems: Systems
    damaged: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    messages: int = 0
    bytes: int = 0
    known: int = 0
    read_bytes: int = 0
    there: int = 0
    deleted_since: int = 0
    lacking: int = 0
    lacking_bytes: int = 0
    records: list[JournalRecord] = field(default_factory=list)

    def record(self) -> None:
        """What was learned, into the journal."""
        if self.records:
            self.systems.desk.record(self.key, str(self.work.mailbox), self.records)
            self.records = []


def verify_mailbox(key: str, work: VerifyMailbox, systems: Systems) -> Outcome:
    """Read every message of a Maildir, and compare with the live mailbox by EXAMINE and FETCH alone.

    Done where all of it would come back; Partial where a message is damaged or doubtful, or a folder or the live
    mailbox could not be looked at: each is named. Raises what the source, the mail server and the desk raise.
    """
    began = time.monotonic()
    one = _Verification(key, work, systems)
    source = systems.source(work.source)
    maildir = read_maildir(source, work.path)
    one.notes += maildir.notes
    one.damaged += maildir.refused
    items = _listed(one, maildir)
    try:
        session = systems.mail(work.target).open(work.mailbox.address)
    except MailboxMissing as error:
        live = f"the live mailbox is missing: {error.message}"
        memory = Memory(tuple(systems.desk.journal(key, str(work.mailbox))))
        for members in items.values():
            for read in _read(one, members, memory):
                _lacks(one, read)
            one.record()
    else:
        live = COMPARED
        with closing(session):
            _compare(one, session, items)
    fact = _fact(one, maildir, live, time.monotonic() - began)
    missing = (*one.damaged, *one.doubtful, *((live,) if live != COMPARED else ()))
    return Partial(key, fact, missing) if missing else Done(key, fact)


def _listed(one: _Verification, maildir: Maildir) -> dict[FolderPath, list[Item]]:
    """Every message of every folder of the backup, a second name of the same file left out as a restore would."""
    source = one.systems.source(one.work.source)
    items: dict[FolderPath, list[Item]] = {}
    for folder in maildir.folders:
        try:
            listing = list_messages(source, folder)
        except SourceUnreadable as error:
            one.damaged.append(f"folder {safe('/'.join(folder.folder))}: {error.message}")
            continue
        one.damaged += listing.unreadable
        one.messages += len(listing.messages) + len(listing.unreadable)
        one.bytes += sum(message.size for message in listing.messages)
        named = {
            (folder.fingerprint(message), message.unique): Item(folder, message)
            for message in listing.messages
        }
        items.setdefault(folder.folder, []).extend(named.values())
    return items


def _compare(one: _Verification, session: MailSession, items: dict[FolderPath, list[Item]]) -> None:
    memory = settle(session, one.systems.desk, one.key, str(one.work.mailbox))
    inbox = session.state(INBOX)
    memory = memory.of_store(inbox.uidvalidity)
    if not memory.knows(INBOX):
        one.records.append(Matched(INBOX, inbox.uidvalidity, (), (), ()))
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
    one: _Verification, session: MailSession, memory: Memory, path: FolderPath | None, items: Sequence[Item]
) -> None:
    """`path`: the live folder, None where there is none."""
    state = session.state(path) if path else None
    deliveries = memory.deliveries(path, state.uidvalidity) if path and state else ()
    claims = Claims(deliveries, session.messages(path) if path else ())
    for start in range(0, len(items), WINDOW):
        one.systems.desk.renew(one.key)
        reads = [
            read
            for read in _read(one, items[start : start + WINDOW], memory)
            if not _proven(one, claims, read)
        ]
        if path and state:
            _match(one, session, claims, path, state.uidvalidity, reads)
        else:
            for read in reads:
                _lacks(one, read)
        one.record()


def _proven(one: _Verification, claims: Claims, read: _Read) -> bool:
    claim = claims.proven(read.identity)
    if claim is None:
        return False
    if claim is Claim.DELETED:
        one.deleted_since += 1
    else:
        one.there += 1
    if claim is Claim.ALTERED:
        one.doubtful.append(f"{safe(read.item.path)}: restored before, and stands there with other content")
    return True


def _match(
    one: _Verification,
    session: MailSession,
    claims: Claims,
    path: FolderPath,
    uidvalidity: int,
    reads: Sequence[_Read],
) -> None:
    """Read whole every live message that may be one of these."""
    uids = [uid for read in reads for uid in claims.candidates(read.identity, read.clean_id)]
    for message in session.read_back(path, uids) if uids else ():
        if isinstance(message, StoredMessage):
            claims.identified(message)
        else:
            one.notes.append(
                f"live message UID {message.uid} of {safe('/'.join(path))} cannot be read: {safe(message.reason)}"
            )
    matched = []
    for read in reads:
        uid = claims.standing(read.identity)
        if uid is None:
            _lacks(one, read)
        else:
            matched.append((uid, read))
    one.there += len(matched)
    if matched:
        one.records.append(
            Matched(
                path,
                uidvalidity,
                tuple(uid for uid, _ in matched),
                tuple(read.identity for _, read in matched),
                tuple(read.item.file for _, read in matched),
            )
        )


def _lacks(one: _Verification, read: _Read) -> None:
    one.lacking += 1
    one.lacking_bytes += read.identity.size


def _read(one: _Verification, items: Sequence[Item], memory: Memory) -> Iterator[_Read]:
    """The sound messages of these files; a file known under its fingerprint is not read again, unless all are."""
    before = _read_before(memory)
    trusted = {} if one.work.full else _sound(memory)
    fresh = [item for item in items if item.file not in trusted]
    for item in items:
        if item.file in trusted:
            one.known += 1
            one.systems.progress(one.key)(item.message.size)
            yield _Read(item, trusted[item.file], b"")
    source = one.systems.source(one.work.source)
    contents = source.read_many([item.path for item in fresh], LARGEST_MESSAGE)
    sound: list[_Read] = []
    doubted: list[str] = []
    for item, content in zip(fresh, contents, strict=True):
        one.systems.progress(one.key)(item.message.size)
        reason, data = (content.reason, b"") if isinstance(content, Unreadable) else mail_of(content.data)
        if reason:
            one.damaged.append(f"{safe(item.path)}: {reason}")
            continue
        one.read_bytes += item.message.size
        data = canonical(data)
        read = _Read(item, identify(data), message_id(header(data)))
        found = _doubts(read, data, before.get(item.file))
        if found:
            one.doubtful.append(f"{safe(item.path)}: {'; '.join(found)}")
            doubted.append(item.file)
        else:
            sound.append(read)
        yield read
    if sound or doubted:
        files, identities = tuple(read.item.file for read in sound), tuple(read.identity for read in sound)
        one.records.append(Verified(files, identities, tuple(doubted)))


def _doubts(read: _Read, data: bytes, before: Identity | None) -> list[str]:
    found = list(doubts(read.item.message.name, read.item.message.size, data))
    if before is not None and before != read.identity:
        found.insert(0, ALTERED)
    return found


def _read_before(memory: Memory) -> dict[str, Identity]:
    """What source files held when they were first read whole, by fingerprint."""
    known: dict[str, Identity] = {}
    for record in memory.records:
        if isinstance(record, Verified | Intent | Matched):
            for file, identity in zip(record.files, record.identities, strict=True):
                known.setdefault(file, identity)
    return known


def _sound(memory: Memory) -> dict[str, Identity]:
    """What source files hold that were examined before and found sound, by fingerprint."""
    known: dict[str, Identity] = {}
    for record in memory.records:
        if isinstance(record, Verified):
            known.update(zip(record.files, record.identities, strict=True))
            for file in record.doubted:
                known.pop(file, None)
    return known


def _fact(one: _Verification, maildir: Maildir, live: str, seconds: float) -> MailboxVerified:
    return MailboxVerified(
        one.work.mailbox,
        one.work.target,
        len(maildir.folders),
        one.messages,
        one.bytes,
        one.known,
        tuple(one.damaged),
        tuple(one.doubtful),
        live,
        one.there,
        one.deleted_since,
        one.lacking,
        one.lacking_bytes,
        one.read_bytes,
        seconds,
        tuple(one.notes),
    )
