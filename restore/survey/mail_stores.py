"""A copy of a mailbox opened, whichever way its server kept mail."""

from __future__ import annotations

from restore.model.ports import Systems
from restore.model.stores import Store
from restore.survey.mail_store import open_maildir
from restore.survey.mbox import open_mbox
from restore.survey.stored import MailStore


def open_store(systems: Systems, source: str, path: bytes, address: str, store: Store) -> MailStore:
    """The mailbox `address` as that source holds it at `path`. Raises MaildirMissing, MboxMissing, and what the source
    raises."""
    match store.format:
        case "maildir":
            return open_maildir(systems.source(source), path)
        case _:
            return open_mbox(systems.source(source), path, store.inbox)
