"""What became of a batch that the server took: read back, compared, counted.

Every message is compared by size, flags and date. Read whole and compared by content are batches of at most eight, the
first message of a larger one and one in sixteen of its others (chosen by its hash), every message with bytes that IMAP
cannot carry, each whose size differs; and all where the operator asked for full proof, or from the first message on
that reads back with other content. https://www.rfc-editor.org/rfc/rfc9051#section-6.4.5
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from restore.model.mail import (
    Identity,
    LiveMessage,
    NewMessage,
    StoredMessage,
    Unread,
)
from restore.model.text import safe
from restore.run.mail_step import LiveFolder, MailStep, Tally

SAMPLE = "0"
"""Messages whose SHA-256 begins so are read whole: one in sixteen."""
FEW = 8


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message of the backup, ready to be appended; `file` is the fingerprint of the file it was read from. `odd`:
    something in it had to be changed before IMAP can carry it."""

    path: bytes
    file: str
    identity: Identity
    message: NewMessage
    odd: bool = False


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What the server says of a batch's messages, by UID: of all, and of those that were read whole."""

    stated: dict[int, LiveMessage]
    whole: dict[int, StoredMessage | Unread]


def read_back(
    step: MailStep, live: LiveFolder, batch: Sequence[Outgoing], uids: Sequence[int | None]
) -> ReadBack:
    """Look at the messages of a batch that was stored under `uids` (None: not stored). Raises MailRefused."""
    sent = {uid: outgoing for outgoing, uid in zip(batch, uids, strict=True) if uid}
    if step.full_proof or len(sent) <= FEW:
        return ReadBack({}, _whole(step, live, list(sent)))
    stated = {message.uid: message for message in step.session.stated(live.path, list(sent))}
    first = next(iter(sent), None)
    chosen = [
        uid
        for uid, outgoing in sent.items()
        if uid in stated and (uid == first or _chosen(outgoing) or stated[uid].size != outgoing.identity.size)
    ]
    whole = _whole(step, live, chosen)
    if any(_differs(sent[uid], message) for uid, message in whole.items()):
        step.full_proof = True
        whole |= _whole(step, live, [uid for uid in stated if uid not in whole])
    return ReadBack(stated, whole)


def _whole(step: MailStep, live: LiveFolder, uids: Sequence[int]) -> dict[int, StoredMessage | Unread]:
    if not uids:
        return {}
    return {message.uid: message for message in step.session.read_back(live.path, uids)}


def _chosen(outgoing: Outgoing) -> bool:
    return outgoing.odd or outgoing.identity.sha256.startswith(SAMPLE)


def _differs(outgoing: Outgoing, message: StoredMessage | Unread) -> bool:
    return isinstance(message, Unread) or message.identity != outgoing.identity


def compare(step: MailStep, tally: Tally, outgoing: Outgoing, uid: int | None, back: ReadBack) -> bool:
    """Count a message the server took by what it gives back; True where that is not what was sent."""
    message = back.whole.get(uid or 0)
    found = message or back.stated.get(uid or 0)
    if found is None:
        tally.deleted_since += 1
        return False
    if message is not None and _differs(outgoing, message):
        why = f"does not give it: {message.reason}" if isinstance(message, Unread) else "gives other content"
        tally.refused.append(
            f"{safe(outgoing.path)}: stored as UID {uid}, but read back the server {safe(why)}"
        )
        return True
    tally.restored += 1
    tally.proven += 1
    tally.hashed += message is not None
    if not isinstance(found, Unread):
        _note(step, outgoing, found)
    return False


def _note(step: MailStep, outgoing: Outgoing, found: StoredMessage | LiveMessage) -> None:
    if found.internaldate != outgoing.message.internaldate:
        step.notes.add("the server keeps another INTERNALDATE than the file's", outgoing.path)
    kept = {flag.casefold() for flag in found.flags}
    for flag in sorted(outgoing.message.flags):
        if flag.casefold() not in kept:
            step.notes.add(f"the server did not keep the flag {safe(flag, 60)}", outgoing.path)
