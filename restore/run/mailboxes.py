"""A mailbox of the backup merged into the live one: nothing lost, nothing doubled, nothing live changed.

The live mailbox already receives mail. A message of the backup is appended unless the journal proves that it was
delivered before, or a live message of that folder is read and has its content.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing

from restore.errors import MailRefused
from restore.model.facts import MailboxRestored
from restore.model.mail import INBOX, AtRest, FolderAccount, FolderCreated, FolderPath, Matched
from restore.model.outcome import Done, Manual, ManualItem, Outcome, Partial, Unchanged
from restore.model.plan import RestoreMailbox
from restore.model.ports import Systems
from restore.model.text import safe
from restore.plan.mailboxes import subject
from restore.plan.question import item_id
from restore.run.mail_backup import Copies, Part, list_parts, read_copies
from restore.run.mail_folder import restore_folder
from restore.run.mail_memory import settle
from restore.run.mail_rest import at_rest, found_at_rest, listing_of
from restore.run.mail_step import LiveFolder, MailStep, Tally
from restore.run.mail_targets import role_of, substitute, target_folders

SHOWN = 50


def restore_mailbox(key: str, work: RestoreMailbox, systems: Systems) -> Outcome:
    """Merge the copies of a mailbox into the live one.

    Done or Unchanged where every message of the backup is there, Partial where some could not be read or were
    refused (each is named), Manual where only quota or a size limit stands in the way of some. Raises what the
    source, the mail server and the desk raise; whatever was stored by then is known to the next run.
    """
    with closing(read_copies(work, systems)) as tree:
        return _merge(key, work, systems, tree)


def _merge(key: str, work: RestoreMailbox, systems: Systems, tree: Copies) -> Outcome:
    parts, lost = list_parts(tree)
    listing = listing_of(work, tree, parts)
    rest = systems.desk.last(key, str(work.mailbox))
    with closing(systems.mail(work.target).open(work.mailbox.address)) as session:
        if isinstance(rest, AtRest) and rest.backup == listing and found_at_rest(session, rest):
            return _still_at_rest(key, work, systems, tree, rest)
        memory = settle(session, systems.desk, key, str(work.mailbox))
        step = MailStep(
            key,
            str(work.mailbox),
            work.target,
            tree.stores,
            session,
            systems.desk,
            systems.progress(key),
            memory,
        )
        step.full_proof = work.full_proof
        whole = not (tree.refused or lost)
        accounts = _restore(step, tree, parts, listing if whole else "")
        return _outcome(step, work, tree, accounts, lost)


def _still_at_rest(key: str, work: RestoreMailbox, systems: Systems, tree: Copies, rest: AtRest) -> Outcome:
    systems.progress(key)(rest.bytes)
    return Unchanged(key, MailboxRestored(work.mailbox, rest.accounts, rest.bytes, tree.notes))


def _restore(step: MailStep, tree: Copies, parts: Sequence[Part], listing: str) -> list[FolderAccount]:
    """`listing` stands for the parts, "" where some could not be listed."""
    inbox = LiveFolder(INBOX, True)
    inbox.look(step)
    step.memory = step.memory.of_store(inbox.uidvalidity)
    if not step.memory.knows(INBOX):
        step.record(Matched(INBOX, inbox.uidvalidity, (), (), ()))
    targets = _targets(step, parts)
    step.bytes = sum(item.message.size for part in parts for item in part.items if item.copy == 0)
    groups: dict[FolderPath, list[Part]] = {}
    for part in parts:
        groups.setdefault(targets[part.folder], []).append(part)
    standing = set(step.session.folders()) | {INBOX}
    accounts, lives = [], [inbox]
    for path in sorted(groups, key=_rank):
        live = inbox if path == INBOX else LiveFolder(path, path in standing)
        account = _restore_group(step, live, groups[path], standing | groups.keys())
        if live.exists:
            standing.add(live.path)
        targets.update({part.folder: live.path for part in groups[path]})
        accounts.append(account)
        lives.append(live)
    _subscribe(step, tree.subscribed, targets, standing)
    rest = at_rest(listing, lives, accounts, step.bytes) if listing else None
    step.record(*([rest] if rest else []))
    return accounts


def _targets(step: MailStep, parts: Sequence[Part]) -> dict[FolderPath, FolderPath]:
    known = step.memory.placed()
    placed: dict[FolderPath, FolderPath] = {}
    for part in parts if known else ():
        files = (known.get(item.file) for item in part.items)
        place = next((path for path in files if path is not None), None)
        if place is not None:
            placed.setdefault(part.folder, place)
    folders = list(dict.fromkeys(part.folder for part in parts))
    return target_folders(folders, step.session.folders(), step.session.special_use(), placed)


def _rank(path: FolderPath) -> tuple[bool, bool, FolderPath]:
    """INBOX first, then the folders every client shows, then the others by name."""
    return path != INBOX, not role_of(path), path


def _restore_group(
    step: MailStep, live: LiveFolder, parts: Sequence[Part], taken: Iterable[FolderPath]
) -> FolderAccount:
    if live.exists:
        if not live.uidvalidity:
            live.look(step)
    elif not step.memory.knows(live.path):
        refused = _make(step, live, taken)
        if refused:
            return _all_refused(live, parts, refused)
    items = [item for part in parts for item in part.items]
    return restore_folder(step, live, items, [line for part in parts for line in part.unreadable])


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
    unreadable = [line for part in parts for line in part.unreadable]
    lines = [f"{safe(item.path)}: {safe(words)}" for part in parts for item in part.items]
    return Tally(len(unreadable) + len(lines), refused=lines, unreadable=unreadable).account(live.path)


def _subscribe(
    step: MailStep,
    subscribed: Iterable[FolderPath],
    targets: dict[FolderPath, FolderPath],
    standing: set[FolderPath],
) -> None:
    """Subscribe what the backup was subscribed to, once: what the user unsubscribes later stays so."""
    wanted = {targets[folder] for folder in subscribed if folder in targets} & standing
    wanted -= step.memory.subscribed()
    for path in sorted(wanted - step.session.subscriptions()):
        step.desk.renew(step.key)
        step.session.subscribe(path)
        step.changed = True
        step.later(FolderCreated(path, subscribed=True))


def _outcome(
    step: MailStep,
    work: RestoreMailbox,
    tree: Copies,
    accounts: list[FolderAccount],
    lost: list[str],
) -> Outcome:
    notes = (*tree.notes, *step.notes.lines())
    passed_over = (*tree.refused, *lost)
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
