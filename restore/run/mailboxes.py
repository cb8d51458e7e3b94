"""A mailbox of the backup merged into the live one: nothing lost, nothing doubled, nothing live changed.

The live mailbox already receives mail. A message of the backup is appended unless the journal proves that it was
delivered before, or a live message of that folder is read and has its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from restore.errors import MailRefused, SourceUnreadable
from restore.model.facts import MailboxRestored
from restore.model.mail import INBOX, FolderAccount, FolderCreated, FolderPath, Matched
from restore.model.outcome import Done, Manual, ManualItem, Outcome, Partial, Unchanged
from restore.model.plan import RestoreMailbox
from restore.model.ports import Systems
from restore.model.text import safe
from restore.plan.mailboxes import subject
from restore.plan.question import item_id
from restore.run.mail_folder import restore_folder
from restore.run.mail_memory import settle
from restore.run.mail_step import LiveFolder, MailStep, Tally
from restore.run.mail_targets import role_of, substitute, target_folders
from restore.survey.maildir import Listing, Maildir, MaildirFolder, list_messages, read_maildir

SHOWN = 50

Part = tuple[MaildirFolder, Listing]


def restore_mailbox(key: str, work: RestoreMailbox, systems: Systems) -> Outcome:
    """Merge one Maildir++ tree into the live mailbox.

    Done or Unchanged where every message of the backup is there, Partial where some could not be read or were
    refused (each is named), Manual where only quota or a size limit stands in the way of some. Raises what the
    source, the mail server and the desk raise; whatever was stored by then is known to the next run.
    """
    source = systems.source(work.source)
    maildir = read_maildir(source, work.path)
    with closing(systems.mail(work.target).open(work.mailbox.address)) as session:
        memory = settle(session, systems.desk, key, str(work.mailbox))
        step = MailStep(
            key, str(work.mailbox), work.target, source, session, systems.desk, systems.progress(key), memory
        )
        return _outcome(step, work, maildir, *_restore(step, maildir))


def _restore(step: MailStep, maildir: Maildir) -> tuple[list[FolderAccount], list[str]]:
    inbox = LiveFolder(INBOX, True)
    inbox.look(step)
    step.memory = step.memory.of_store(inbox.uidvalidity)
    if not step.memory.knows(INBOX):
        step.record(Matched(INBOX, inbox.uidvalidity, (), (), ()))
    parts, lost = _listed(step, maildir)
    targets = _targets(step, parts)
    step.bytes = sum(message.size for _, listing in parts for message in listing.messages)
    groups: dict[FolderPath, list[Part]] = {}
    for part in parts:
        groups.setdefault(targets[part[0].folder], []).append(part)
    standing = set(step.session.folders()) | {INBOX}
    accounts = []
    for path in sorted(groups, key=_rank):
        live = LiveFolder(path, path in standing)
        account = _restore_group(step, live, groups[path], standing | groups.keys())
        if live.exists:
            standing.add(live.path)
        targets.update({folder.folder: live.path for folder, _ in groups[path]})
        accounts.append(account)
    _subscribe(step, maildir, targets, standing)
    return accounts, lost


def _listed(step: MailStep, maildir: Maildir) -> tuple[list[Part], list[str]]:
    parts, lost = [], []
    for folder in maildir.folders:
        try:
            parts.append((folder, list_messages(step.source, folder)))
        except SourceUnreadable as error:
            lost.append(f"folder {safe('/'.join(folder.folder))}: {error.message}")
    return parts, lost


def _targets(step: MailStep, parts: Sequence[Part]) -> dict[FolderPath, FolderPath]:
    known = step.memory.placed()
    placed = {}
    for folder, listing in parts:
        files = (known.get(folder.fingerprint(message)) for message in listing.messages)
        place = next((path for path in files if path is not None), None) if known else None
        if place is not None:
            placed[folder.folder] = place
    folders = [folder.folder for folder, _ in parts]
    return target_folders(folders, step.session.folders(), step.session.special_use(), placed)


def _rank(path: FolderPath) -> tuple[bool, bool, FolderPath]:
    """INBOX first, then the folders every client shows, then the others by name."""
    return path != INBOX, not role_of(path), path


def _restore_group(
    step: MailStep, live: LiveFolder, parts: Sequence[Part], taken: Iterable[FolderPath]
) -> FolderAccount:
    if live.exists:
        live.look(step)
    elif not step.memory.knows(live.path):
        refused = _make(step, live, taken)
        if refused:
            return _all_refused(live, parts, refused)
    return restore_folder(step, live, parts)


def _make(step: MailStep, live: LiveFolder, taken: Iterable[FolderPath]) -> str:
    """Create a folder, under another name where the server refuses its own; "" or the server's words."""
    wanted = live.path
    try:
        live.make(step)
        return ""
    except MailRefused as error:
        live.path = substitute(wanted, {path for path in taken if not step.memory.made(path)})
        words = error.message
    try:
        live.make(step)
    except MailRefused as error:
        live.path = wanted
        return error.message
    step.notes.say(f"folder {safe('/'.join(wanted))} is restored as {safe('/'.join(live.path))}: {words}")
    return ""


def _all_refused(live: LiveFolder, parts: Sequence[Part], words: str) -> FolderAccount:
    unreadable = [line for _, listing in parts for line in listing.unreadable]
    lines = [
        f"{safe(folder.path)}/{safe(message.name)}: {safe(words)}"
        for folder, listing in parts
        for message in listing.messages
    ]
    return Tally(len(unreadable) + len(lines), refused=lines, unreadable=unreadable).account(live.path)


def _subscribe(
    step: MailStep,
    maildir: Maildir,
    targets: dict[FolderPath, FolderPath],
    standing: set[FolderPath],
) -> None:
    """Subscribe what the backup was subscribed to, once: what the user unsubscribes later stays so."""
    wanted = {targets[folder] for folder in maildir.subscribed if folder in targets} & standing
    wanted -= step.memory.subscribed()
    for path in sorted(wanted - step.session.subscriptions()):
        step.desk.renew(step.key)
        step.session.subscribe(path)
        step.changed = True
        step.later(FolderCreated(path, subscribed=True))
    step.record()


def _outcome(
    step: MailStep,
    work: RestoreMailbox,
    maildir: Maildir,
    accounts: list[FolderAccount],
    lost: list[str],
) -> Outcome:
    notes = (*maildir.notes, *step.notes.lines())
    passed_over = (*maildir.refused, *lost)
    items = _items(step, work)
    if items:
        notes += tuple(f"not restored: {line}" for line in passed_over)
        return Manual(step.key, items, MailboxRestored(work.mailbox, tuple(accounts), step.bytes, notes))
    fact = MailboxRestored(work.mailbox, tuple(accounts), step.bytes, notes)
    missing = passed_over
    missing += tuple(line for account in accounts for line in (*account.unreadable, *account.refused))
    if missing:
        return Partial(step.key, fact, missing)
    return Done(step.key, fact) if step.changed else Unchanged(step.key, fact)


def _items(step: MailStep, work: RestoreMailbox) -> tuple[ManualItem, ...]:
    causes = (
        ("mail-over-quota", step.over_quota, "its quota is used up"),
        ("mail-too-large", step.too_large, "the server takes no messages of their size"),
    )
    return tuple(
        ManualItem(
            id=item_id(cause, subject(work.mailbox)),
            cause=cause,
            customer=safe(work.customer),
            subject=safe(subject(work.mailbox)),
            question=f"{len(lines):,} messages of {safe(work.mailbox.address)} are not restored: {why}. Raise that "
            "limit on the mail server and run again, or drop this item; all else of the mailbox is restored.",
            evidence=(*lines[:SHOWN], *((f"... and {len(lines) - SHOWN:,} more",) if lines[SHOWN:] else ())),
            contact=work.contact,
        )
        for cause, lines, why in causes
        if lines
    )
