"""How much mail a backup holds of one mailbox, by names and lstat alone."""

from __future__ import annotations

from restore.errors import SourceUnreadable
from restore.model.facts import MailboxLooked
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import LookMailbox
from restore.model.ports import Systems
from restore.model.text import safe
from restore.survey.maildir import list_messages, read_maildir


def look_mailbox(key: str, work: LookMailbox, systems: Systems) -> Outcome:
    """Count a Maildir's folders, messages and bytes.

    Done, or Partial where a folder or a name in it could not be looked at (each is named). Raises MaildirMissing
    and what the source raises.
    """
    source = systems.source(work.source)
    maildir = read_maildir(source, work.path)
    messages = size = 0
    missing = list(maildir.refused)
    for folder in maildir.folders:
        try:
            listing = list_messages(source, folder)
        except SourceUnreadable as error:
            missing.append(f"folder {safe('/'.join(folder.folder))}: {error.message}")
            continue
        messages += len(listing.messages)
        size += sum(message.size for message in listing.messages)
        missing += listing.unreadable
        systems.progress(key)(0)
    notes = (*((work.origin,) if work.origin else ()), *maildir.notes)
    fact = MailboxLooked(work.mailbox, len(maildir.folders), messages, size, notes)
    return Partial(key, fact, tuple(missing)) if missing else Done(key, fact)
