"""A mailbox that does not exist on its target yet, made before any mail goes in.

What stands in the target's user database is never altered. The password is the old server's hash, carried from the
backup to the server within one process; without one a person decides.
"""

from __future__ import annotations

import secrets
from contextlib import closing
from dataclasses import replace

from detectors.finding import Secret
from restore.errors import MailboxMissing, MailboxNotSeen, MailLoginRefused
from restore.model.facts import MailboxRestored
from restore.model.mail import INBOX, FolderCreated
from restore.model.making import MailUser, NewMailbox
from restore.model.outcome import Candidate, Done, Manual, ManualItem, Outcome, Partial, Unchanged
from restore.model.plan import RestoreMailbox, VerifyMailbox
from restore.model.ports import Systems
from restore.model.text import safe
from restore.plan.mailboxes import LOCKED, subject
from restore.plan.question import item_id
from restore.run.mailboxes import restore_mailbox
from restore.survey.pop3 import first_traces
from restore.survey.verifiers import ROUNDS, sha256_crypt

CAUSE = "mailbox-no-password"
LETTERS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# What no password hashes to (crypt(5)).
NOBODYS = Secret(b"{CRYPT}*")


def restore_known(key: str, work: RestoreMailbox, systems: Systems) -> Outcome:
    """Restore a mailbox as restore_made does, and tell whether its owner reads it by POP3."""
    outcome = restore_made(key, work, systems)
    fact = outcome.fact if isinstance(outcome, Done | Unchanged | Partial | Manual) else None
    if isinstance(outcome, Done | Unchanged | Partial | Manual) and isinstance(fact, MailboxRestored):
        places = ((work.source, work.path), *((copy.source, copy.path) for copy in work.also))
        return replace(outcome, fact=replace(fact, pop3=first_traces(systems, places)))
    return outcome


def restore_made(key: str, work: RestoreMailbox, systems: Systems) -> Outcome:
    """Restore a mailbox as restore_mailbox does; where the work says so and the target's user database has none, it is
    made first.

    Manual where it would have to be made and no password hash is known. Raises MailboxNotMade, MailboxNotSeen and
    MailUsersUnreadable besides.
    """
    if not work.make:
        return restore_mailbox(key, work, systems)
    maker = systems.maker(work.target)
    systems.desk.renew(key)
    stands = maker.stands(work.mailbox.address)
    ours = bool(systems.desk.journal(key, _journal(work)))
    if stands and not ours:
        return restore_mailbox(key, work, systems)
    user = systems.mail_users(work.mailbox.server).find(work.mailbox.address, work.customer)
    hashed, whose = _password(key, work, systems, user)
    if not stands:
        if hashed is None:
            return Manual(key, (_question(work, user),))
        if not ours:
            systems.desk.record(key, _journal(work), [FolderCreated(INBOX)])
        systems.desk.renew(key)
        maker.make(NewMailbox(work.mailbox.address, work.customer, hashed, (user.quota or 0) if user else 0))
    notes = (f"the mailbox was made in {safe(maker.where)}{whose}", *_read_back(work, systems, user))
    return _with_notes(restore_mailbox(key, work, systems), notes)


def _journal(work: RestoreMailbox) -> str:
    """Its only record tells that this restore is about to make the mailbox, which did not stand before."""
    return f"{work.mailbox} made"


def _with_notes(outcome: Outcome, notes: tuple[str, ...]) -> Outcome:
    if isinstance(outcome, Done | Unchanged | Partial | Manual) and isinstance(outcome.fact, MailboxRestored):
        return replace(outcome, fact=replace(outcome.fact, notes=(*notes, *outcome.fact.notes)))
    return outcome


def _password(
    key: str, work: RestoreMailbox, systems: Systems, user: MailUser | None
) -> tuple[Secret | None, str]:
    """The hash to make it with, and whose that is in words; what a person answered goes first."""
    if work.password_id:
        plain = systems.desk.get_secret(key, work.password_id).reveal()
        salt = "".join(secrets.choice(LETTERS) for _ in range(16)).encode()
        return Secret(
            b"{SHA256-CRYPT}$5$%s$%s" % (salt, sha256_crypt(plain, salt, ROUNDS))
        ), ", with the password answered"
    if work.locked:
        return NOBODYS, ", with a password that nobody has, as was answered"
    if user is not None and user.hash.reveal():
        scheme = user.hash.reveal().partition(b"}")[0][1:]
        return user.hash, f", with the password it had, by its hash ({safe(scheme)})"
    return None, ""


def _read_back(work: RestoreMailbox, systems: Systems, user: MailUser | None) -> tuple[str, ...]:
    """Log in to the new mailbox, and compare its quota where the server tells one."""
    try:
        with closing(systems.mail(work.target).open(work.mailbox.address)) as session:
            session.state(INBOX)
            allowed = session.quota()
    except (MailboxMissing, MailLoginRefused) as error:
        raise MailboxNotSeen(
            f"mailbox {safe(work.mailbox.address)} was made, but it cannot be opened: {error.message}"
        ) from error
    opened = "opened on the mail server"
    stated = user.quota if user else None
    if stated is None:
        told = "" if allowed is None else f", the server tells {allowed:,} bytes"
        return (opened, f"the old server states no quota{told}")
    if allowed is None:
        return (
            opened,
            f"quota {stated:,} bytes: the server tells none, so it is not checked" if stated else "no quota",
        )
    same = abs(allowed - stated) < 1 << 20 if stated else False
    verdict = "as the server tells it" if same else f"NOT what the server tells: {allowed:,} bytes"
    return (opened, f"quota {stated:,} bytes, {verdict}")


def would_be_made(work: VerifyMailbox, systems: Systems) -> str:
    """ "" where a run could make the mailbox, else why it could not."""
    user = systems.mail_users(work.mailbox.server).find(work.mailbox.address, work.customer)
    if user is not None and user.hash.reveal():
        return ""
    return f"it does not exist and would be a question: {_why(work, user)}"


def _why(work: RestoreMailbox | VerifyMailbox, user: MailUser | None) -> str:
    """Why no password is known."""
    address = safe(work.mailbox.address)
    return (
        user.locked
        if user
        else f"no user {address} was found in [old_server.mail_users] of {work.mailbox.server}"
    )


def _question(work: RestoreMailbox, user: MailUser | None) -> ManualItem:
    address = safe(work.mailbox.address)
    return ManualItem(
        id=item_id(CAUSE, subject(work.mailbox)),
        cause=CAUSE,
        customer=safe(work.customer),
        subject=safe(subject(work.mailbox)),
        question=f"The mailbox {address} does not exist on {work.target} and its password hash is not known. Answer"
        f" with --user {address} and a new password, or choose that nobody can log in yet, or make it by hand and run"
        " again.",
        evidence=(safe(_why(work, user)),),
        candidates=(Candidate("make it so that nobody can log in until he is given a password", LOCKED),),
        contact=work.contact,
    )
