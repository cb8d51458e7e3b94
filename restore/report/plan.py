"""The dry run on paper: what would be done, in what order, what is in doubt, what goes to a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from restore.model.facts import DumpLooked, MailboxLooked, SiteLooked
from restore.model.outcome import Failed, ManualItem, Outcome, fact_of
from restore.model.plan import CreateAccount, Forecast
from restore.model.survey import Index
from restore.model.text import safe
from restore.report.layout import size, table
from restore.report.pop3 import foreseen, pop3_document, pop3_lines
from restore.report.queue import item_document
from restore.report.status import failure_lines

SCOPE = (
    "bulkrestore restores mailboxes, databases and accounts. It does not restore docroots, forwarders, aliases,"
    " sieve scripts or quotas; what it saw of these is listed. A database with its account proven is"
    ' "database ready", not "site up".'
)
HERE = frozenset({"", "localhost", "127.0.0.1", "::1"})


def survey_lines(index: Index, seen: Mapping[str, Outcome]) -> list[str]:
    """What the backups hold."""
    sites, mailboxes, dumps = _sites(seen), _mailboxes(seen), _dumps(seen)
    messages = sum(one.messages for one in mailboxes)
    lines = [
        f"{len(index.customers):,} customers, {len(index.mailboxes):,} mailboxes, {len(index.dumps):,} dumps",
        f"mail: {messages:,} messages, {size(sum(one.bytes for one in mailboxes))} in {len(mailboxes):,} mailboxes",
        f"dumps: {size(sum(one.bytes for one in dumps))}, {sum(not one.complete for one in dumps)} without an end",
        f"sites: {sum(len(one.claims) for one in sites)} logins found,"
        f" {sum(len(one.unclear) for one in sites)} that cannot be read",
    ]
    for failed in index.failed:
        lines += ["", *failure_lines(failed.key, failed)]
    for title, notes in _notes(index, sites, mailboxes, dumps, seen):
        if notes:
            lines += ["", f"{title}:", *(f"  {note}" for note in notes)]
    return [*lines, "", SCOPE]


def _notes(
    index: Index,
    sites: Sequence[SiteLooked],
    mailboxes: Sequence[MailboxLooked],
    dumps: Sequence[DumpLooked],
    seen: Mapping[str, Outcome],
) -> list[tuple[str, list[str]]]:
    return [
        ("Not followed", [f"{safe(one.customer)}: {line}" for one in sites for line in one.refused]),
        (
            "Logins that cannot be read",
            [f"{safe(one.customer)}: {' '.join(u)}" for one in sites for u in one.unclear],
        ),
        ("Mailboxes", [f"{safe(one.mailbox.address)}: {note}" for one in mailboxes for note in one.notes]),
        ("Read by POP3", [f"{safe(one.mailbox.address)}: {safe(one.pop3)}" for one in mailboxes if one.pop3]),
        ("Dumps", [f"{safe(str(one.database))}: {note}" for one in dumps for note in one.notes]),
        ("Database host names that must resolve to a new server", host_names(seen)),
        ("Seen and not restored", [f"{safe(one.customer)}: {line}" for one in sites for line in one.seen]),
        ("Met and not used", list(index.notes)),
        (
            "Looks that failed",
            [f"{one.key}: {one.message}" for one in seen.values() if isinstance(one, Failed)],
        ),
    ]


def host_names(seen: Mapping[str, Outcome]) -> list[str]:
    """Every database host name in a config that is not the site's own machine, with who uses it."""
    found: dict[str, list[str]] = {}
    for site in _sites(seen):
        for claim in site.claims:
            if claim.host not in HERE:
                found.setdefault(safe(claim.host), []).append(
                    f"{safe(claim.customer)} ({safe(claim.config)})"
                )
    return [f"{host}: {', '.join(users)}" for host, users in sorted(found.items())]


def plan_lines(forecast: Forecast, seen: Mapping[str, Outcome]) -> list[str]:
    """What a run would do, in order."""
    rows = [
        (f"{number:,}", one.job.kind, safe(one.job.customer, 40), one.where, size(one.size) if one.size else "",
         safe(one.what, 120) + (f"  [{safe(one.doubt, 160)}]" if one.doubt else ""))
        for number, one in enumerate(forecast.jobs, 1)
    ]  # fmt: skip
    kinds = Counter(one.job.kind for one in forecast.jobs)
    total = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items()) or "nothing"
    lines = [
        f"A run would do, in this order ({total}):",
        *table(rows, ("#", "kind", "customer", "target", "size", "")),
    ]
    lines += ["", *items_lines(forecast.items)]
    if forecast.failed:
        lines += [
            "",
            "Looks that failed:",
            *(f"  {one.key}: {one.message} {one.hint}" for one in forecast.failed),
        ]
    if told := pop3_lines(foreseen(forecast, seen)):
        lines += ["", *told]
    hosts = host_names(seen)
    if hosts:
        lines += [
            "",
            "Database host names that must resolve to a new server:",
            *(f"  {line}" for line in hosts),
        ]
    seen_lines = [f"  {safe(one.customer)}: {line}" for one in _sites(seen) for line in one.seen]
    if seen_lines:
        lines += ["", "Seen and not restored:", *seen_lines]
    return [*lines, "", SCOPE]


def items_lines(items: Sequence[ManualItem]) -> list[str]:
    """Questions for a person, one a line with its evidence below."""
    if not items:
        return ["No question for a person."]
    lines = [f"{len(items)} question(s) for a person:"]
    for item in items:
        lines.append(f"  {item.id}  {item.cause}  {item.customer}  {item.subject}")
        lines.append(f"      {item.question}")
        lines += [f"      - {line}" for line in item.evidence]
    return lines


def forecast_document(forecast: Forecast, seen: Mapping[str, Outcome]) -> dict[str, object]:
    """The dry run for machines."""
    return {
        "hosts_to_resolve": host_names(seen),
        "pop3": pop3_document(foreseen(forecast, seen)),
        "seen_and_not_restored": [
            f"{safe(one.customer)}: {line}" for one in _sites(seen) for line in one.seen
        ],
        "jobs": [
            {
                "key": one.job.key,
                "kind": one.job.kind,
                "customer": safe(one.job.customer),
                "target": one.where,
                "what": safe(one.what),
                "bytes": one.size,
                "doubt": safe(one.doubt),
                "rung": next((s.work.rung for s in one.job.steps if isinstance(s.work, CreateAccount)), ""),
            }
            for one in forecast.jobs
        ],
        "questions": [item_document(item) for item in forecast.items],
        "failed": [
            {"key": one.key, "code": one.code, "message": one.message, "hint": one.hint}
            for one in forecast.failed
        ],
        "scope": SCOPE,
    }


def survey_document(index: Index, seen: Mapping[str, Outcome]) -> dict[str, object]:
    """What the backups hold, for machines."""
    sites, mailboxes, dumps = _sites(seen), _mailboxes(seen), _dumps(seen)
    return {
        "customers": len(index.customers),
        "mailboxes": [
            {"mailbox": safe(str(one.mailbox)), "folders": one.folders, "messages": one.messages, "bytes": one.bytes}
            for one in mailboxes
        ],
        "dumps": [
            {"database": safe(str(one.database)), "writer": one.writer, "complete": one.complete, "bytes": one.bytes,
             "notes": list(one.notes)}
            for one in dumps
        ],
        "logins": [
            {"customer": safe(claim.customer), "system": claim.system, "config": safe(claim.config),
             "status": claim.status, "host": safe(claim.host), "database": safe(claim.database),
             "user": safe(claim.user), "evidence": list(claim.evidence)}
            for one in sites
            for claim in one.claims
        ],
        "notes": {title: notes for title, notes in _notes(index, sites, mailboxes, dumps, seen) if notes},
        "scope": SCOPE,
    }  # fmt: skip


def _sites(seen: Mapping[str, Outcome]) -> list[SiteLooked]:
    facts = map(fact_of, seen.values())
    return [fact for fact in facts if isinstance(fact, SiteLooked)]


def _mailboxes(seen: Mapping[str, Outcome]) -> list[MailboxLooked]:
    facts = map(fact_of, seen.values())
    return [fact for fact in facts if isinstance(fact, MailboxLooked)]


def _dumps(seen: Mapping[str, Outcome]) -> list[DumpLooked]:
    facts = map(fact_of, seen.values())
    return [fact for fact in facts if isinstance(fact, DumpLooked)]
