"""How much mail a backup holds of one mailbox: of a Maildir by names and lstat alone, an mbox file is read."""

from __future__ import annotations

from contextlib import closing

from restore.errors import OldMailboxMissing, SourceUnreadable
from restore.model.facts import MailboxLooked
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import LookMailbox
from restore.model.ports import Systems
from restore.model.text import safe
from restore.survey.mail_stores import open_store
from restore.survey.pop3 import pop3_traces


def look_mailbox(key: str, work: LookMailbox, systems: Systems) -> Outcome:
    """Count a mailbox's folders, messages and bytes.

    Done (also where an old mail server does not know it: there is none of it), or Partial where a folder or a name in
    it could not be looked at (each is named). Raises what opening the mailbox raises.
    """
    try:
        store = open_store(systems, work.source, work.path, work.mailbox.address, work.store)
    except OldMailboxMissing as error:
        return Done(
            key,
            MailboxLooked(work.mailbox, 0, 0, 0, (*((work.origin,) if work.origin else ()), error.message)),
        )
    with closing(store):
        messages = size = 0
        missing = list(store.refused)
        for folder in store.folders:
            try:
                listing = store.listing(folder)
            except SourceUnreadable as error:
                missing.append(f"folder {safe('/'.join(folder.folder))}: {error.message}")
                continue
            messages += len(listing.messages)
            size += sum(message.size for message in listing.messages)
            missing += listing.unreadable
            systems.progress(key)(0)
        notes = (*((work.origin,) if work.origin else ()), *store.notes)
        pop3 = pop3_traces(systems.source(work.source), work.path)
        fact = MailboxLooked(work.mailbox, len(store.folders), messages, size, notes, pop3)
    return Partial(key, fact, tuple(missing)) if missing else Done(key, fact)
