"""A copy of a mailbox opened, whichever way its server kept mail."""

from __future__ import annotations

from restore.model.ports import Systems
from restore.model.stores import MAILDIR, MBOX, Store
from restore.survey.imap_store import open_imap
from restore.survey.maildir_store import open_maildir
from restore.survey.mbox import open_mbox
from restore.survey.stored import MailStore


def open_store(systems: Systems, source: str, path: bytes, address: str, store: Store) -> MailStore:
    """The mailbox `address` as that source holds it at `path`. Raises MaildirMissing, MailStoreMissing, and what
    the source and its mail server raise."""
    if store.format == MAILDIR:
        return open_maildir(systems.source(source), path)
    if store.format == MBOX:
        return open_mbox(systems.source(source), path, store.inbox)
    return open_imap(systems.mail_reader(source, address, path, store), path or address.encode())
