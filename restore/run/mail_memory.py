"""What a mailbox's journal proves, and the settling of what it leaves open. Pure but for `settle`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from restore.model.mail import (
    INBOX,
    FolderCreated,
    FolderPath,
    Identity,
    Intent,
    JournalRecord,
    Matched,
    Proof,
    StoredMessage,
    Verified,
)
from restore.model.ports import Desk, MailSession
from restore.run.mail_claims import Claim, Delivery


@dataclass(frozen=True, slots=True)
class Memory:
    """A mailbox's journal, read. `start`: what stands before it was of a mailbox since replaced by another, and
    tells what source files hold but proves nothing of the live ones."""

    records: tuple[JournalRecord, ...]
    start: int = 0

    def of_store(self, inbox_uidvalidity: int) -> Memory:
        """Told which mailbox stands there now.

        INBOX cannot be deleted by its user, so its UIDVALIDITY stays for as long as the store does.
        """
        start = 0
        for place, record in enumerate(self.records):
            if isinstance(record, Intent | Matched) and record.folder == INBOX:
                same = record.uidvalidity == inbox_uidvalidity
                start = min(start, place) if same else len(self.records)
        return Memory(self.records, start)

    @property
    def open_intents(self) -> tuple[Intent, ...]:
        """Batches begun whose end the journal does not know."""
        settled = {record.batch for record in self.records if isinstance(record, Proof)}
        return tuple(
            record for record in self.records if isinstance(record, Intent) and record.batch not in settled
        )

    def files(self, folder: FolderPath) -> dict[str, Identity]:
        """What source files hold, by fingerprint, as far as they were read for that folder, or by a verification."""
        known = dict[str, Identity]()
        for record in self.records:
            if isinstance(record, Verified) or (
                isinstance(record, Intent | Matched) and record.folder == folder
            ):
                known.update(zip(record.files, record.identities, strict=True))
        return known

    def placed(self) -> dict[str, FolderPath]:
        """Into which folder of the target each source file went, by fingerprint."""
        places = {}
        for record in self.records:
            if isinstance(record, Intent | Matched):
                places.update(dict.fromkeys(record.files, record.folder))
        return places

    def deliveries(self, folder: FolderPath, uidvalidity: int) -> Iterator[tuple[Identity, Delivery]]:
        """What is proven of a folder at that UIDVALIDITY; UIDs of another one prove nothing."""
        intents = {record.batch: record for record in self.records if isinstance(record, Intent)}
        for record in self.records[self.start :]:
            if isinstance(record, Proof) and record.uidvalidity == uidvalidity:
                intent = intents[record.batch]
                if intent.folder == folder:
                    yield from _proven(intent, record)
            elif isinstance(record, Matched) and (record.folder, record.uidvalidity) == (folder, uidvalidity):
                for uid, identity in zip(record.uids, record.identities, strict=True):
                    yield identity, Delivery(uid, Claim.MATCHED)

    def last_uidvalidity(self, folder: FolderPath) -> int | None:
        """The UIDVALIDITY the folder had when the journal last spoke of it."""
        stated = [
            record.uidvalidity
            for record in self.records[self.start :]
            if isinstance(record, Intent | Matched) and record.folder == folder
        ]
        return stated[-1] if stated else None

    def knows(self, folder: FolderPath) -> bool:
        """Whether that folder stood there once, with or without mail of ours."""
        return self.made(folder) or self.last_uidvalidity(folder) is not None

    def made(self, folder: FolderPath) -> bool:
        """Whether this restore made that folder once."""
        return any(
            isinstance(record, FolderCreated) and record.folder == folder and not record.subscribed
            for record in self.records[self.start :]
        )

    def subscribed(self) -> frozenset[FolderPath]:
        """Folders this restore subscribed once; the user may have thought otherwise since."""
        return frozenset(
            record.folder
            for record in self.records
            if isinstance(record, FolderCreated) and record.subscribed
        )


def _proven(intent: Intent, proof: Proof) -> Iterator[tuple[Identity, Delivery]]:
    altered, stated = frozenset(proof.altered), frozenset(proof.stated)
    for place, (identity, uid) in enumerate(zip(intent.identities, proof.uids, strict=True)):
        if uid is not None:
            claim = Claim.STATED if place in stated else Claim.RESTORED
            yield identity, Delivery(uid, Claim.ALTERED if place in altered else claim)


def locate(
    session: MailSession, folder: FolderPath, from_uid: int, wanted: Sequence[Identity], taken: Iterable[int]
) -> tuple[int | None, ...]:
    """The UID, from `from_uid` on and not in `taken`, under which each identity stands; None where none does."""
    known = frozenset(taken)
    uids = [message.uid for message in session.messages(folder, from_uid) if message.uid not in known]
    standing: dict[Identity, list[int]] = {}
    for message in session.read_back(folder, uids):
        if isinstance(message, StoredMessage):
            standing.setdefault(message.identity, []).append(message.uid)
    for found in standing.values():
        found.sort(reverse=True)
    return tuple(standing[identity].pop() if standing.get(identity) else None for identity in wanted)


def settle(session: MailSession, desk: Desk, step: str, mailbox: str) -> Memory:
    """Read the journal and settle its open intents by looking at the UIDs from their UIDNEXT on.

    A batch that was cut off may be stored whole, in part or not at all; only the content on the server tells.
    """
    memory = Memory(tuple(desk.journal(step, mailbox)))
    for intent in memory.open_intents:
        proof = Proof(intent.batch, intent.uidvalidity, (None,) * len(intent.identities))
        if intent.folder in session.folders():
            state = session.state(intent.folder)
            if state.uidvalidity == intent.uidvalidity:
                taken = [delivery.uid for _, delivery in memory.deliveries(intent.folder, state.uidvalidity)]
                uids = locate(session, intent.folder, intent.uidnext, intent.identities, taken)
                proof = Proof(intent.batch, intent.uidvalidity, uids)
        desk.record(step, mailbox, [proof])
        memory = Memory((*memory.records, proof))
    return memory
