"""The messages of a verification: which of them can be restored, and what speaks against each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from restore.model.mail import Identity, Intent, JournalRecord, Matched, Verified
from restore.model.message import header, message_id
from restore.model.ports import Desk, Progress
from restore.model.text import safe
from restore.run.mail_copies import Arranged, Union, name_of, whole_of
from restore.run.mail_memory import Memory
from restore.run.mail_read import Item, Mail, read_mails
from restore.survey.message_evidence import examined
from restore.survey.stored import MailStore

ALTERED = "altered since it was last read, though its size and time are as they were"
DIFFERS = "another copy of the same size holds other content: one of the two was altered"
RECORDED = 1000


@dataclass(frozen=True, slots=True)
class Read:
    """A message of the backup that can be restored: what it is, and how the live side would be asked for it."""

    item: Item
    identity: Identity
    clean_id: bytes = b""


@dataclass(slots=True)
class Reading:
    """What is read of one mailbox, and what was learned by it. `sources` by the rank of their copies."""

    key: str
    mailbox: str
    sources: Sequence[MailStore]
    desk: Desk
    progress: Progress
    full: bool
    damaged: list[str] = field(default_factory=list)
    doubtful: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    known: int = 0
    read_bytes: int = 0
    records: list[JournalRecord] = field(default_factory=list)

    def record(self) -> None:
        """What was learned, into the journal."""
        if self.records:
            self.desk.record(self.key, self.mailbox, self.records)
            self.records = []


def read_messages(reading: Reading, arranged: Arranged, memory: Memory) -> Iterator[Read]:
    """Every message of one folder that a run would restore, from the first copy that has it whole. What was examined
    before, under the same fingerprint, and found sound is not read again unless `full`."""
    files = _Examined(reading, memory)
    union = Union()
    for read in files.all([*arranged.alone, *arranged.later], arranged):
        others = [other.copy for other in arranged.others.get(name_of(read.item), ())]
        if read.item in arranged.later and union.repeats(read.item.copy, read.identity):
            continue
        union.count([read.item.copy, *others], read.identity)
        yield read
    for versions in arranged.contested:
        yield from _contested(files, versions)
    files.note()
    files.tell()


def _contested(files: _Examined, versions: Sequence[Item]) -> Iterator[Read]:
    """Versions of one message that differ in size: those that are no cut ones, or where none can be read the damage."""
    mails = list(files.read(versions))
    sound = [mail for mail in mails if not mail.reason]
    if not sound:
        files.damage(mails[0])
    for mail in whole_of(sound):
        yield files.judge(mail)


class _Examined:
    """Reads files, and remembers which of them are sound and which are doubtful."""

    def __init__(self, reading: Reading, memory: Memory) -> None:
        self._reading = reading
        self._before = read_before(memory)
        self._trusted = {} if reading.full else sound_before(memory)
        self._sound: list[Read] = []
        self._doubted: list[str] = []
        self._misnamed: list[str] = []

    def all(self, items: Sequence[Item], arranged: Arranged) -> Iterator[Read]:
        """Files that have no version of another size. One that is damaged comes from the next copy that has it."""
        for item in items:
            if item.file in self._trusted:
                self._reading.known += 1
                self._reading.progress(item.message.size)
                yield Read(item, self._trusted[item.file])
        for mail in self.read([item for item in items if item.file not in self._trusted]):
            others = list(self.read(arranged.others.get(name_of(mail.item), ())))
            whole = next((one for one in (mail, *others) if not one.reason), None)
            if whole is None:
                self.damage(mail)
                continue
            if whole is not mail:
                self._reading.notes.append(
                    f"{safe(mail.item.path)}: {mail.reason}; a further copy has it whole"
                )
            same = all(one.identity == whole.identity for one in others if not one.reason)
            yield self.judge(whole, () if same else (DIFFERS,))

    def read(self, items: Sequence[Item]) -> Iterator[Mail]:
        """Files read whole."""
        for mail in read_mails(self._reading.sources, items):
            self._reading.progress(mail.item.message.size)
            self._reading.read_bytes += mail.item.message.size
            yield mail

    def damage(self, mail: Mail) -> None:
        """One that no copy has whole."""
        self._reading.damaged.append(f"{safe(mail.item.path)}: {mail.reason}")

    def judge(self, mail: Mail, found: Sequence[str] = ()) -> Read:
        """A mail that can be restored, with what speaks against it."""
        content = bytes(mail.content)
        read = Read(mail.item, mail.identity, message_id(header(content)))
        before = self._before.get(mail.item.file, mail.identity)
        reasons = [*([ALTERED] if before != mail.identity else []), *found]
        evidence = examined(mail.item.message.name, mail.item.message.size, content)
        reasons += evidence.doubts
        if evidence.note:
            self._misnamed.append(f"{safe(mail.item.path)}: {evidence.note}")
        if reasons:
            self._reading.doubtful.append(f"{safe(mail.item.path)}: {'; '.join(reasons)}")
            self._doubted.append(mail.item.file)
        else:
            self._sound.append(read)
        if len(self._sound) >= RECORDED:
            self.note()
        return read

    def tell(self) -> None:
        """What is worth telling of sound messages, in one line."""
        if self._misnamed:
            count = f"{len(self._misnamed):,} sound message(s) of another size than the file's name states"
            self._reading.notes.append(f"{count} (the mail server corrects that): {self._misnamed[0]}")

    def note(self) -> None:
        """What was examined since the last time, for the journal."""
        if self._sound or self._doubted:
            files, identities = (
                tuple(one.item.file for one in self._sound),
                tuple(one.identity for one in self._sound),
            )
            self._reading.records.append(Verified(files, identities, tuple(self._doubted)))
            self._sound, self._doubted = [], []


def read_before(memory: Memory) -> dict[str, Identity]:
    """What source files held when they were first read whole, by fingerprint."""
    known: dict[str, Identity] = {}
    for record in memory.records:
        if isinstance(record, Verified | Intent | Matched):
            for file, identity in zip(record.files, record.identities, strict=True):
                known.setdefault(file, identity)
    return known


def sound_before(memory: Memory) -> dict[str, Identity]:
    """What source files hold that were examined before and found sound, by fingerprint."""
    known: dict[str, Identity] = {}
    for record in memory.records:
        if isinstance(record, Verified):
            known.update(zip(record.files, record.identities, strict=True))
            for file in record.doubted:
                known.pop(file, None)
    return known
