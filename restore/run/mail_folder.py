"""One folder: what of the backup is missing from the live folder is appended, and every message is accounted for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from restore.model.mail import FolderAccount, Identity, Matched, NewMessage, Unread, Verified
from restore.model.message import header, message_id
from restore.model.text import safe
from restore.run.mail_batch import Flight, land, send
from restore.run.mail_claims import Claims
from restore.run.mail_copies import Arranged, Union, arrange, name_of, whole_of
from restore.run.mail_proof import Outgoing
from restore.run.mail_read import Item, Mail, read_mails
from restore.run.mail_step import LiveFolder, MailStep, Tally

WINDOW = 1000
BATCH_MESSAGES = 500
TIGHT_WINDOW = 100
BATCH_BYTES = 4 << 20
LATEST_DATE = (1 << 31) - 1


@dataclass(slots=True)
class Batch:
    """Messages that go together, and their size."""

    messages: list[Outgoing] = field(default_factory=list)
    bytes: int = 0

    @property
    def full(self) -> bool:
        """Larger batches gain nothing."""
        return len(self.messages) >= BATCH_MESSAGES or self.bytes >= BATCH_BYTES

    def add(self, outgoing: Outgoing) -> None:
        """One more."""
        self.messages.append(outgoing)
        self.bytes += outgoing.identity.size

    def take(self) -> list[Outgoing]:
        """All of them; none is left."""
        taken, self.messages, self.bytes = self.messages, [], 0
        return taken


@dataclass(slots=True)
class FolderMerge:
    """The merge of one live folder with the folders of the backup's copies that mean it."""

    step: MailStep
    live: LiveFolder
    claims: Claims
    tally: Tally
    known: dict[str, Identity]
    arranged: Arranged
    union: Union = field(default_factory=Union)
    chunk: Batch = field(default_factory=Batch)
    pending: Batch = field(default_factory=Batch)
    first_names: dict[tuple[int, bytes, bytes], Identity | None] = field(default_factory=dict)
    repeats: list[tuple[str, Identity]] = field(default_factory=list)
    flight: Flight | None = None

    def run(self, twins: Sequence[Item]) -> None:
        """The first copy, newest window first and ascending within a window; then files that have a second name;
        then what further copies have whole, or alone."""
        self.first_names = {_file_name(item): None for item in twins}
        unknown = [item for item in self.arranged.alone if not self._remembered(item)]
        unknown.sort(key=lambda item: item.message.name)
        unknown.sort(key=lambda item: item.message.mtime)
        twins = [item for item in twins if not self._remembered(item, twin=True)]
        if self.live.messages and (unknown or twins or self.arranged.contested or self.arranged.later):
            self.claims.index(self.step.session.messages(self.live.path))
        window = self._window_size(unknown)
        for end in range(len(unknown), 0, -window):
            self._window(unknown[max(0, end - window) : end])
        self._window(twins)
        self._contested()
        self._window([item for item in self.arranged.later if not self._explained(item)])
        self._contested()
        self._land()
        self._record_repeats()

    def _window_size(self, items: Sequence[Item]) -> int:
        """Where not all of it may fit, what fits shall be the newest: single batches, newest first."""
        room = self.step.session.room() if items else None
        tight = room is not None and sum(item.message.size for item in items) > room
        return min(TIGHT_WINDOW, BATCH_MESSAGES) if tight else WINDOW

    def _remembered(self, item: Item, *, twin: bool = False) -> bool:
        identity = self.known.get(item.file) if self.known else None
        claim = self.claims.proven(identity) if identity else None
        if identity is None or claim is None:
            return False
        if self.first_names and self.first_names.get(_file_name(item), identity) is None:
            self.first_names[_file_name(item)] = identity
        self._count(item, identity, () if twin else self._others(item))
        self.tally.claim(claim, item.path)
        self.step.progress(item.message.size)
        return True

    def _others(self, item: Item) -> Sequence[Item]:
        """Its versions in further copies, told once."""
        return self.arranged.others.pop(name_of(item), ()) if self.arranged.others else ()

    def _explained(self, item: Item) -> bool:
        """A file that the first copy lacks, read before."""
        identity = self.known.get(item.file)
        if identity is not None and self.union.repeats(item.copy, identity):
            self._repeat(item, identity)
            self.step.progress(item.message.size)
            return True
        return self._remembered(item)

    def _count(self, item: Item, identity: Identity, others: Iterable[Item] = ()) -> None:
        """One message of the union, and its versions in further copies."""
        self.tally.in_source += 1
        if len(self.step.sources) > 1:
            copies = [item.copy, *(other.copy for other in others)]
            self.tally.repeated += len(copies) - 1
            self.union.count(copies, identity)

    def _repeat(self, item: Item, identity: Identity) -> None:
        """An earlier copy holds that message as often."""
        self.union.count([item.copy], identity)
        self.tally.repeated += 1
        if item.file not in self.known:
            self.repeats.append((item.file, identity))

    def _window(self, items: Sequence[Item]) -> None:
        for mail in read_mails(self.step.sources, items):
            self._take(mail)
            del mail  # else it is held while the next one is read, and either may be large
        self._merge()
        self._flush()

    def _take(self, mail: Mail) -> None:
        item = mail.item
        others = self._others(item)
        if others and (mail.reason or mail.nul):
            self.arranged.contested.append([item, *others])
            return
        self.step.progress(item.message.size)
        if mail.reason:
            self.tally.in_source += 1
            self.tally.unreadable.append(f"{safe(item.path)}: {mail.reason}")
        elif item.copy and self.union.repeats(item.copy, mail.identity):
            self._repeat(item, mail.identity)
        else:
            self._count(item, mail.identity, others)
            if not self._is_duplicate(item, mail.identity):
                self._offer(mail, item)

    def _is_duplicate(self, item: Item, identity: Identity) -> bool:
        """A backup taken while flags changed holds a file twice, under its old and its new name."""
        name = _file_name(item) if self.first_names else None
        if name not in self.first_names:
            return False
        first = self.first_names[name]
        if first is None:
            self.first_names[name] = identity
            return False
        if first == identity:
            self.tally.duplicates.append(f"{safe(item.path)}: a second name of a file with the same content")
        return first == identity

    def _contested(self) -> None:
        """Versions of one message that differ, or whose first cannot be read."""
        groups, self.arranged.contested[:] = list(self.arranged.contested), []
        for versions in groups:
            mails = list(read_mails(self.step.sources, versions))
            self.step.progress(sum(item.message.size for item in versions))
            kept = whole_of([mail for mail in mails if not mail.reason])
            first = versions[0]
            if not kept:
                self.tally.in_source += 1
                self.tally.unreadable.append(
                    f"{safe(first.path)}: {mails[0].reason}; nor whole in another copy"
                )
            self.tally.repeated += len(versions) - max(1, len(kept))
            for mail in kept:
                self._count(mail.item, mail.identity)
                if mail.item is not first and mail is kept[0]:
                    self.step.notes.add(
                        "taken from a further copy, the first that has it whole", mail.item.path
                    )
                self._offer(mail, first if mail is kept[0] else mail.item)
        self._merge()
        self._flush()

    def _offer(self, mail: Mail, flagged: Item) -> None:
        """A message of the union, with the flags and the date that the file `flagged` has."""
        if mail.nul:
            self.step.notes.add("NUL bytes, which IMAP cannot carry, are stored as 0x80", mail.item.path)
        message = self._message(flagged, mail.content)
        self.chunk.add(Outgoing(mail.item.path, mail.item.file, mail.identity, message, mail.nul))
        if self.chunk.full:
            self._merge()

    def _message(self, item: Item, data: bytes | bytearray) -> NewMessage:
        flags, dropped = item.folder.flags(item.message)
        for what in sorted(dropped):
            self.step.notes.add(f"left out {what}", item.path)
        date = min(max(item.message.mtime, 0), LATEST_DATE)
        if date != item.message.mtime:
            self.step.notes.add("a date no server keeps was moved into 1970-01-01 to 2038-01-19", item.path)
        return NewMessage(data, date, flags)

    def _merge(self) -> None:
        chunk = self.chunk.take()
        self.step.desk.renew(self.step.key)
        open_ones = []
        for outgoing in chunk:
            claim = self.claims.proven(outgoing.identity)
            if claim is None:
                open_ones.append(outgoing)
            else:
                self.tally.claim(claim, outgoing.path)
        del chunk
        self._identify(open_ones)
        matched = []
        while open_ones:
            outgoing = open_ones.pop(0)
            uid = self.claims.standing(outgoing.identity)
            if uid is None:
                self._add(outgoing)
            else:
                matched.append((uid, outgoing.identity, outgoing.file))
        self.tally.already_there += len(matched)
        if matched:
            uids, identities, files = zip(*matched, strict=True)
            self.step.later(Matched(self.live.path, self.live.uidvalidity, uids, identities, files))

    def _identify(self, outgoing: Sequence[Outgoing]) -> None:
        """Read whole every live message that may be one of these: likeness alone proves nothing."""
        if not self.claims.has_unidentified:
            return
        uids = [
            uid
            for one in outgoing
            for uid in self.claims.candidates(one.identity, message_id(header(one.message.content)))
        ]
        if uids:
            self._land()
            for message in self.step.session.read_back(self.live.path, uids):
                if isinstance(message, Unread):
                    self.step.notes.say(
                        f"live message UID {message.uid} of {safe('/'.join(self.live.path))} may be one of the "
                        f"backup's, but cannot be read, so the backup's is put beside it: {safe(message.reason)}"
                    )
                else:
                    self.claims.identified(message)

    def _add(self, outgoing: Outgoing) -> None:
        if self.pending.bytes + outgoing.identity.size > BATCH_BYTES:
            self._flush()
        self.pending.add(outgoing)
        if self.pending.full:
            self._flush()

    def _flush(self) -> None:
        """The server stores a batch while the next one is read, but for one that is large."""
        size, batch = self.pending.bytes, self.pending.take()
        if batch:
            self._land()
            self.flight = send(self.step, self.live, batch, self.tally)
        if size > 2 * BATCH_BYTES:
            self._land()

    def _land(self) -> None:
        flight, self.flight = self.flight, None
        if flight is not None:
            land(self.step, self.live, flight, self.tally)

    def _record_repeats(self) -> None:
        """A file of a further copy that was read and is not needed is not read again by the next run."""
        if self.repeats:
            files, identities = zip(*self.repeats, strict=True)
            self.step.later(Verified(files, identities))


def _file_name(item: Item) -> tuple[int, bytes, bytes]:
    return item.copy, item.folder.path, item.message.unique


def restore_folder(
    step: MailStep, live: LiveFolder, items: Sequence[Item], unreadable: Sequence[str]
) -> FolderAccount:
    """Merge messages of the backup's copies, in order of preference, into one live folder, which is created where a
    message needs it. `unreadable` are "path: reason" lines of what was listed and is no message."""
    uidvalidity = live.uidvalidity if live.exists else step.memory.last_uidvalidity(live.path)
    deliveries = list(step.memory.deliveries(live.path, uidvalidity)) if uidvalidity is not None else []
    present = step.session.present(live.path) if live.exists and deliveries else ()
    newest = max((float(item.message.mtime) for item in items), default=None)
    tally = Tally(len(unreadable), unreadable=list(unreadable), newest=newest)
    once, twins = _sort_out(step, items, tally)
    claims = Claims(deliveries, present=present)
    FolderMerge(step, live, claims, tally, step.memory.files(live.path), arrange(once)).run(twins)
    return tally.account(live.path)


def _sort_out(step: MailStep, items: Sequence[Item], tally: Tally) -> tuple[list[Item], list[Item]]:
    """Files by unique name: the best-flagged first one, and those under the same name that differ from it."""
    if len({hash(_file_name(item)) for item in items}) == len(items):
        return list(items), []
    named: dict[tuple[int, bytes, bytes], list[Item]] = {}
    for item in items:
        named.setdefault(_file_name(item), []).append(item)
    once, twins = [], []
    for same in named.values():
        if len(same) == 1:
            once.append(same[0])
            continue
        best = max(same, key=lambda item: (item.message.name.startswith(b"cur"), len(item.message.letters)))
        once.append(best)
        for item in same:
            if item is best:
                continue
            if item.file != best.file:
                twins.append(item)
                continue
            tally.in_source += 1
            tally.duplicates.append(f"{safe(item.path)}: the same file as {safe(best.path)}")
            step.progress(item.message.size)
    return once, twins
