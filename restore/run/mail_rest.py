"""A mailbox that a run left with nothing to do: known again by a listing of the backup and the live folders' states.

Pure but for `found_at_rest`. https://www.rfc-editor.org/rfc/rfc9051#section-2.3.1.1
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from restore.model.mail import AtRest, FolderAccount
from restore.model.plan import RestoreMailbox
from restore.model.ports import MailSession
from restore.run.mail_backup import Copies, Part
from restore.run.mail_read import Item
from restore.run.mail_step import LiveFolder
from restore.survey.maildir import MaildirMessage

AT_ONCE = 10_000


def listing_of(work: RestoreMailbox, tree: Copies, parts: Iterable[Part]) -> str:
    """Hex; equal means: the same messages in the same folders of the same copies, unchanged as far as a listing
    tells, and the same subscriptions, for the same target."""
    told = hashlib.blake2b(digest_size=32)
    told.update(repr((work.mailbox, work.target, work.full_proof, tree.marks, tree.subscribed)).encode())
    for part in parts:
        places = sorted({(item.copy, item.folder.path) for item in part.items})
        told.update(repr((part.folder, len(part.items), places)).encode())
        for start in range(0, len(part.items), AT_ONCE):
            told.update(b"".join([_told(item) for item in part.items[start : start + AT_ONCE]]))
    return told.hexdigest()


def _told(item: Item) -> bytes:
    message: object = item.message
    if isinstance(message, MaildirMessage):
        return b"%b\0%d\0%d\0" % message
    return repr((item.file, item.message.mtime, item.message.letters)).encode()


def at_rest(
    listing: str, lives: Iterable[LiveFolder], accounts: Sequence[FolderAccount], size: int
) -> AtRest | None:
    """What a run that came to its end may note, `size` being the backup's in bytes; None where something is left to
    do, or somebody else's mail came between ours: his client may as well have taken some away."""
    lives = list(lives)
    if not all(live.alone for live in lives) or any(one.refused or one.unreadable for one in accounts):
        return None
    return AtRest(listing, tuple(live.resting for live in lives), tuple(accounts), size)


def found_at_rest(session: MailSession, rest: AtRest) -> bool:
    """Whether every live folder still is as that run left it."""
    states = session.states([one.folder for one in rest.resting])
    return list(states) == [one.state for one in rest.resting]
