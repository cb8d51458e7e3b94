"""A mailbox tried out: every message read, parsed and hashed, and held against the live mailbox, which stays as it is.

It goes the way of a restore without its writes: the same copies and folders, the same journal, the same comparison.
What it learns goes into that journal: a message found standing there is not read again by a run.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import closing

from restore.errors import MailboxMissing
from restore.model.facts import MailboxVerified
from restore.model.mail import INBOX, FolderPath, Matched, StoredMessage
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import RestoreMailbox, VerifyMailbox
from restore.model.ports import MailSession, Systems
from restore.model.text import safe
from restore.run.mail_backup import Part, list_parts, read_copies
from restore.run.mail_claims import Claim, Claims
from restore.run.mail_copies import arrange, name_of
from restore.run.mail_memory import Memory, settle
from restore.run.mail_read import Item
from restore.run.mail_targets import target_folders
from restore.run.mailbox_creation import would_be_made
from restore.run.verify_messages import Read, Reading, read_messages

WINDOW = 500
COMPARED = "compared"


class _Verification:
    """One mailbox while it is verified."""

    def __init__(self, key: str, work: VerifyMailbox, systems: Systems) -> None:
        """Lists every copy; raises what reading them raises where none can be read."""
        self.work = work
        restored = RestoreMailbox(
            work.mailbox,
            work.customer,
            work.source,
            work.path,
            work.target,
            also=work.also,
            store=work.store,
        )
        self.copies = copies = read_copies(restored, systems)
        parts, lost = list_parts(copies)
        self.reading = Reading(
            key, str(work.mailbox), copies.stores, systems.desk, systems.progress(key), work.full
        )
        self.reading.damaged += [
            *copies.refused,
            *lost,
            *(line for part in parts for line in part.unreadable),
        ]
        self.reading.notes += copies.notes
        self.items = _once(parts)
        named = {name_of(item): item for members in self.items.values() for item in reversed(members)}
        self.folders = len(self.items)
        self.messages = len(named) + sum(len(part.unreadable) for part in parts)
        self.bytes = sum(item.message.size for item in named.values())
        self.there = 0
        self.deleted_since = 0
        self.lacking = 0
        self.lacking_bytes = 0

    def lacks(self, read: Read) -> None:
        """A message that the live mailbox has not."""
        self.lacking += 1
        self.lacking_bytes += read.identity.size


def _once(parts: Sequence[Part]) -> dict[FolderPath, list[Item]]:
    """Each folder's files in order of their copies, a second name of the same file left out as a restore does."""
    items: defaultdict[FolderPath, dict[tuple[str, bytes], Item]] = defaultdict(dict)
    for part in parts:
        for item in part.items:
            items[part.folder].setdefault((item.file, item.folder.path), item)
    return {folder: list(members.values()) for folder, members in items.items()}


def verify_mailbox(key: str, work: VerifyMailbox, systems: Systems) -> Outcome:
    """Read every message of a mailbox, and compare with the live one by EXAMINE and FETCH alone.

    Done where all of it would come back, the fact naming what is doubtful; Partial where a message is damaged, or a
    folder or the live mailbox could not be looked at: each is named. Raises what the source, the mail server and the
    desk raise.
    """
    began = time.monotonic()
    one = _Verification(key, work, systems)
    with closing(one.copies):
        live = _held_against(one, key, work, systems)
    fact = _fact(one, live, time.monotonic() - began)
    missing = (*fact.damaged, *((live,) if live != COMPARED else ()))
    return Partial(key, fact, missing) if missing else Done(key, fact)


def _held_against(one: _Verification, key: str, work: VerifyMailbox, systems: Systems) -> str:
    """Reads all and compares; COMPARED, or why that could not be."""
    try:
        if work.make and not systems.maker(work.target).stands(work.mailbox.address):
            one.reading.notes += ("it does not exist yet: a run makes it first",)
            live = would_be_made(work, systems) or COMPARED
        else:
            with closing(systems.mail(work.target).open(work.mailbox.address)) as session:
                _compare(one, session, settle(session, systems.desk, key, str(work.mailbox)))
            return COMPARED
    except MailboxMissing as error:
        live = f"the live mailbox is missing: {error.message}"
    memory = Memory(tuple(systems.desk.journal(key, str(work.mailbox))))
    for members in one.items.values():
        _compare_folder(one, None, memory, None, members)
    return live


def _compare(one: _Verification, session: MailSession, memory: Memory) -> None:
    items = one.items
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
            one.reading.notes.append(
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
        tuple(reading.notes),
    )
