"""How long a full run would take, at the rates that a verification measured; and what that does not cover."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from restore.ledger.reading import Mark, Record
from restore.model.facts import DumpVerified, Fact, MailboxRestored, MailboxVerified
from restore.model.outcome import Done, Partial
from restore.report.layout import size, span


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that a run would take at least, as likely, and at the slowest rate seen; `basis` says in lines what they
    rest on and what is not in them."""

    least: float
    likely: float
    most: float
    basis: tuple[str, ...]


def estimate(
    facts: Iterable[Fact], slots: Mapping[str, int], known: Mapping[str, int], rate: float | None = None
) -> Estimate | None:
    """`slots` by Resource as the plan states them; `known` how many mailboxes ("mail") and dumps ("load") there are
    in all. `rate`: bytes a second at which earlier runs restored mail into one mailbox, None where none did. None
    where nothing was measured."""
    mails = [fact for fact in facts if isinstance(fact, MailboxVerified)]
    dumps = [fact for fact in facts if isinstance(fact, DumpVerified) and not fact.code]
    if not mails and not dumps:
        return None
    workers = max(1, slots.get("worker", 1))
    mail, mail_spread = _mail_seconds(mails, known.get("mail", len(mails)), rate)
    load, load_spread = _load_seconds(dumps, known.get("load", len(dumps)))
    lanes = [
        mail / _lane(slots, "mail/", workers),
        load / _lane(slots, "database/", workers),
        (mail + load) / workers,
    ]
    likely = max(lanes)
    spread = max(mail_spread, load_spread)
    return Estimate(
        likely / spread, likely, likely * spread, tuple(_basis(mails, dumps, known, rate, workers))
    )


def _lane(slots: Mapping[str, int], beginning: str, workers: int) -> int:
    return max(1, min(workers, sum(count for name, count in slots.items() if name.startswith(beginning))))


def _scaled(seconds: float, tried: int, known: int) -> float:
    return seconds * known / tried if tried else 0.0


def _mail_seconds(mails: list[MailboxVerified], known: int, rate: float | None) -> tuple[float, float]:
    """Reading as measured; appending at the rate of earlier runs."""
    reading = sum(fact.seconds for fact in mails)
    read, wanted = sum(fact.read_bytes for fact in mails), sum(fact.bytes for fact in mails)
    if read and wanted > read:
        reading *= wanted / read
    appending = sum(fact.lacking_bytes for fact in mails) / rate if rate else 0.0
    return _scaled(reading + appending, len(mails), known), _spread(
        [_per(f.seconds, f.read_bytes) for f in mails]
    )


def _load_seconds(dumps: list[DumpVerified], known: int) -> tuple[float, float]:
    seconds = sum(fact.seconds + fact.load_seconds for fact in dumps)
    return _scaled(seconds, len(dumps), known), _spread(
        [_per(fact.load_seconds, fact.bytes) for fact in dumps]
    )


def _per(seconds: float, amount: int) -> float | None:
    """Seconds a byte; what is too small to measure tells nothing."""
    return seconds / amount if amount >= 1 << 20 else None


def _spread(rates: Iterable[float | None]) -> float:
    """How far the slower quarter lies above the middle, at least 1.25."""
    known = sorted(rate for rate in rates if rate is not None)
    if len(known) < 4:
        return 2.0
    return max(1.25, known[len(known) * 3 // 4] / known[len(known) // 2])


def _basis(
    mails: list[MailboxVerified],
    dumps: list[DumpVerified],
    known: Mapping[str, int],
    rate: float | None,
    workers: int,
) -> Iterable[str]:
    if mails:
        yield (
            f"mail: {size(sum(fact.read_bytes for fact in mails))} of {len(mails):,} of"
            f" {known.get('mail', len(mails)):,} mailboxes read and compared in"
            f" {span(sum(fact.seconds for fact in mails))} of work"
        )
        yield (
            f"appending: at {size(rate)}/s into each mailbox, as earlier runs did"
            if rate
            else "appending to the live mail server is NOT in it: no run has restored mail yet, and a verification"
            " writes nothing"
        )
    if dumps:
        yield (
            f"databases: {size(sum(fact.bytes for fact in dumps))} of SQL of {len(dumps):,} of"
            f" {known.get('load', len(dumps)):,} dumps loaded into scratch servers of the workers in"
            f" {span(sum(fact.load_seconds for fact in dumps))} of work; the targets may be faster or slower"
        )
    yield f"{workers} steps at once; looks at sites, switch-ons and accounts are not in it"


def mail_rate(records: Iterable[Record], marks: Iterable[Mark]) -> float | None:
    """Bytes a second at which earlier runs brought mail into one mailbox, from the ledger; None where none did."""
    sizes = {
        record.key: fact.bytes
        for record in records
        if isinstance(record.event, Done | Partial) and isinstance(fact := record.event.fact, MailboxRestored)
    }
    began: dict[str, datetime] = {}
    seconds, amount = 0.0, 0
    for mark in marks:
        if mark.kind == "started":
            began[mark.key] = mark.at
        elif mark.key in sizes and mark.key in began:
            seconds += (mark.at - began.pop(mark.key)).total_seconds()
            amount += sizes.pop(mark.key)
    return amount / seconds if seconds > 0 and amount else None
