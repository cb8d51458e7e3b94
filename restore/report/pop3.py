"""Whose mail programs will download all mail again, as POP3 traces and the old servers' access logs tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from restore.ledger.events import Event
from restore.ledger.reading import Record
from restore.model.facts import Fact, MailboxLooked, MailboxRestored, Pop3Seen
from restore.model.mail import MailboxId
from restore.model.outcome import Done, Manual, Outcome, Partial, Unchanged, fact_of
from restore.model.plan import Forecast, RestoreMailbox
from restore.model.text import safe

WHY = "a new server gives every message a new POP3 UIDL, so their mail programs download all of it once more"


@dataclass(frozen=True, slots=True)
class Downloader:
    """A mailbox that is read by POP3; `evidence` in words."""

    mailbox: MailboxId
    customer: str
    evidence: str


def foreseen(forecast: Forecast, seen: Mapping[str, Outcome]) -> tuple[Downloader, ...]:
    """Those of the mailboxes that a run would restore."""
    works = (step.work for one in forecast.jobs for step in one.job.steps)
    owners = {work.mailbox: work.customer for work in works if isinstance(work, RestoreMailbox)}
    return _told(owners, [fact for fact in map(fact_of, seen.values()) if fact is not None])


def restored(records: Iterable[Record]) -> tuple[Downloader, ...]:
    """Those of the mailboxes that were restored, wholly or in part."""
    owners: dict[MailboxId, str] = {}
    facts: list[Fact] = []
    for record in records:
        fact = _fact(record.event)
        if isinstance(fact, MailboxRestored):
            owners[fact.mailbox] = record.customer
        if fact is not None:
            facts.append(fact)
    return _told(owners, facts)


def _fact(event: Event) -> Fact | None:
    if isinstance(event, Manual):
        return event.fact
    return fact_of(event) if isinstance(event, Done | Unchanged | Partial) else None


def _told(owners: Mapping[MailboxId, str], facts: Iterable[Fact]) -> tuple[Downloader, ...]:
    evidence: dict[MailboxId, list[str]] = {}
    logins: dict[tuple[str, str], int] = {}
    for fact in facts:
        if isinstance(fact, MailboxLooked | MailboxRestored) and fact.pop3 and fact.mailbox in owners:
            lines = evidence.setdefault(fact.mailbox, [])
            lines += [fact.pop3] if fact.pop3 not in lines else []
        elif isinstance(fact, Pop3Seen):
            for user in fact.users:
                place = (fact.server, user.name)
                logins[place] = logins.get(place, 0) + user.logins
    for mailbox in owners:
        if count := logins.get((mailbox.server, mailbox.address.lower())):
            evidence.setdefault(mailbox, []).append(f"{count:,} POP3 logins in the access logs")
    return tuple(
        Downloader(mailbox, owners[mailbox], "; ".join(lines)) for mailbox, lines in sorted(evidence.items())
    )


def pop3_lines(found: Iterable[Downloader]) -> list[str]:
    """For people: how many customers, and who; [] where nobody is known."""
    downloaders = list(found)
    if not downloaders:
        return []
    whose = {(one.mailbox.server, one.customer) for one in downloaders}
    count = f"{len(whose):,} customer(s) read {len(downloaders):,} mailbox(es) by POP3"
    head = f"{count}: {WHY}. Tell them before they call:"
    return [
        head,
        *(
            f"  {safe(one.customer, 40)}  {safe(one.mailbox.address, 200)}: {safe(one.evidence, 200)}"
            for one in downloaders
        ),
    ]


def pop3_document(found: Iterable[Downloader]) -> list[dict[str, str]]:
    """For machines."""
    return [
        {
            "server": safe(one.mailbox.server),
            "customer": safe(one.customer),
            "mailbox": safe(one.mailbox.address),
            "evidence": safe(one.evidence),
        }
        for one in found
    ]
