"""What the parts of one mailbox's restore share: its systems, its journal, what is to be said of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from restore.model.mail import (
    FolderAccount,
    FolderCreated,
    FolderPath,
    FolderState,
    JournalRecord,
    Resting,
)
from restore.model.ports import Desk, MailSession, Progress
from restore.model.text import safe
from restore.run.mail_claims import Claim
from restore.run.mail_memory import Memory
from restore.survey.stored import MailStore

OVER_QUOTA = "OVERQUOTA"
TOO_LARGE = ("TOOBIG", "LIMIT")


@dataclass(slots=True)
class Notes:
    """Remarks on messages, one line for each kind of remark, with how many and the first of them."""

    _seen: dict[str, tuple[int, str]] = field(default_factory=dict)

    def add(self, remark: str, path: bytes) -> None:
        """One more message to which the remark applies."""
        count, first = self._seen.get(remark, (0, safe(path)))
        self._seen[remark] = (count + 1, first)

    def say(self, line: str) -> None:
        """A remark on something else than messages."""
        self._seen[line] = (0, "")

    def lines(self) -> tuple[str, ...]:
        """Such as "3 messages: date before 1970, set to 1970-01-01; the first: mail/…/cur/1.a"."""
        return tuple(
            f"{count:,} message{'s' if count > 1 else ''}: {remark}; the first: {first}" if count else remark
            for remark, (count, first) in self._seen.items()
        )


@dataclass(slots=True)
class MailStep:
    """One mailbox while it is restored.

    `changed` tells whether this run altered the live mailbox, `bytes` how much mail the backup holds. Messages of
    `quota_floor` bytes or more are not tried again once one of that size was refused for quota; `over_quota` and
    `too_large` are "path: reason" lines of what only a higher limit lets in; `faults` counts messages in a row that
    the server failed at by its own fault; `full_proof`: every message stored is read back whole. `sources` are the
    copies of the mailbox in order of preference.
    """

    key: str
    mailbox: str
    target: str
    sources: Sequence[MailStore]
    session: MailSession
    desk: Desk
    progress: Progress
    memory: Memory
    notes: Notes = field(default_factory=Notes)
    changed: bool = False
    quota_floor: int | None = None
    faults: int = 0
    over_quota: list[str] = field(default_factory=list)
    too_large: list[str] = field(default_factory=list)
    bytes: int = 0
    full_proof: bool = False
    records: int = 0
    _unrecorded: list[JournalRecord] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.records = len(self.memory.records)

    def still_ours(self) -> None:
        """Asked last before the server stores: a worker that was frozen meanwhile must not. Raises Fenced."""
        self.desk.renew(self.key)

    def later(self, record: JournalRecord) -> None:
        """A record that goes to the journal with the next one; lost in a crash, it is found out again."""
        self._unrecorded.append(record)

    def record(self, *records: JournalRecord) -> None:
        """Into the journal, with all that waits; on disk when this returns. Raises Fenced."""
        together = [*self._unrecorded, *records]
        if together:
            self.desk.record(self.key, self.mailbox, together)
            self.records += len(together)
            self._unrecorded.clear()

    def batch_name(self) -> str:
        """A name no other batch of this mailbox's journal has."""
        return str(self.records + len(self._unrecorded))


@dataclass(slots=True)
class LiveFolder:
    """A folder of the live mailbox. `uidnext` is at most the server's; both are 0 where it does not exist.
    `messages` are those it held when it was looked at and ours that came since; `alone`: none but ours came."""

    path: FolderPath
    exists: bool
    uidvalidity: int = 0
    uidnext: int = 0
    messages: int = 0
    alone: bool = True

    def look(self, step: MailStep) -> None:
        """Fill in what the server says now."""
        state = step.session.state(self.path)
        self.exists, self.uidvalidity, self.uidnext = True, state.uidvalidity, state.uidnext
        self.messages = state.messages

    def grow(self, uids: Sequence[int]) -> None:
        """Our messages came to stand there under these UIDs."""
        self.alone = self.alone and list(uids) == list(range(self.uidnext, self.uidnext + len(uids)))
        self.messages += len(uids)
        self.uidnext = max(self.uidnext, *(uid + 1 for uid in uids), 0)

    @property
    def resting(self) -> Resting:
        """How it is while nobody but us does anything to it."""
        state = FolderState(self.uidvalidity, self.uidnext, self.messages) if self.exists else None
        return Resting(self.path, state)

    def make(self, step: MailStep) -> None:
        """Create it where it does not exist. Raises MailRefused where the server will not have it."""
        if not self.exists:
            step.desk.renew(step.key)
            step.session.create(self.path)
            step.changed = True
            step.later(FolderCreated(self.path))
            self.look(step)


@dataclass(slots=True)
class Tally:
    """Counts what becomes of each message of one folder."""

    in_source: int
    restored: int = 0
    already_there: int = 0
    deleted_since: int = 0
    proven: int = 0
    refused: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    newest: float | None = None
    hashed: int = 0
    repeated: int = 0

    def claim(self, claim: Claim, path: bytes) -> None:
        """A message the journal knows."""
        if claim in (Claim.RESTORED, Claim.STATED):
            self.restored += 1
            self.proven += 1
            self.hashed += claim is Claim.RESTORED
        elif claim is Claim.MATCHED:
            self.already_there += 1
        elif claim is Claim.DELETED:
            self.deleted_since += 1
        else:
            self.refused.append(f"{safe(path)}: stored before, but read back it has other content")

    def account(self, folder: FolderPath) -> FolderAccount:
        """The sums, which must add up."""
        return FolderAccount(
            folder,
            self.in_source,
            self.restored,
            self.already_there,
            self.deleted_since,
            self.proven,
            tuple(self.refused),
            tuple(self.unreadable),
            tuple(self.duplicates),
            self.newest,
            self.hashed,
            self.repeated,
        )
