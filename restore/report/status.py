"""Where the restore stands, and the log of who did what when: from the ledger alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from restore.ledger.events import (
    Answered,
    Asked,
    Claimed,
    Closed,
    Closing,
    Drained,
    Dropped,
    Event,
    LimitChanged,
    Paused,
    Purged,
    Purging,
    Released,
    Requested,
    RequestEnded,
    Resumed,
    RunEnded,
    RunStarted,
    Settled,
    Started,
    Undone,
)
from restore.ledger.queue import ItemState
from restore.ledger.reading import Failure, Reading, Record, Run, Tally
from restore.model.facts import (
    AccountReady,
    DatabaseLoaded,
    DatabaseSwitched,
    DatabaseUndone,
    DumpLooked,
    DumpVerified,
    Fact,
    LoginsVerified,
    MailboxLooked,
    MailboxRestored,
    MailboxVerified,
    Pop3Seen,
    SiteLooked,
    StagingSwept,
    SurvivorsRead,
)
from restore.model.outcome import Abandoned, Done, Failed, Manual, Partial, Unchanged
from restore.model.text import safe
from restore.report.layout import size, table
from restore.report.steering import steering_document, steering_lines, steering_text

WELL = frozenset({"done", "unchanged"})
STATES = ("done", "unchanged", "partial", "failed", "abandoned", "manual", "started", "undone")


def status_lines(reading: Reading, running: bool, now: datetime) -> list[str]:
    """The run, how many steps of each kind of work stand where, failures with their hints, open questions."""
    run, tallies, failures = reading.run(), reading.tallies(), reading.failures(limit=20)
    open_items = reading.items(ItemState.OPEN)
    ending = reading.ending()
    lines = [f"Closed: {ending}."] if ending else []
    lines += [*_run_lines(run, running, now), *steering_lines(reading, running), "", *_tally_lines(tallies)]
    if failures:
        lines += ["", "Failed:"]
    for failure in failures:
        lines += failure_lines(failure.record.key, failure.failed)
    causes = Counter(item.item.cause for item in open_items)
    lines += ["", f"Manual queue: {len(open_items)} open" + _causes(causes)]
    return lines


def _run_lines(run: Run | None, running: bool, now: datetime) -> list[str]:
    if run is None:
        return ["No run has been started."]
    began = f"{safe(run.event.command)} by {run.operator}, begun {_moment(run.started)}"
    if running:
        return [f"Running: {began}"]
    if run.ended is None:
        return [f"Not running. The last run was cut: {began}; its last word was at {_moment(run.latest)}."]
    return [f"Not running. The last run: {began}, ended {_moment(run.ended)}: {safe(run.because)}"]


def _tally_lines(tallies: Sequence[Tally]) -> list[str]:
    by_work: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for tally in tallies:
        by_work[tally.work or "-"][tally.kind] += tally.steps
    shown = [state for state in STATES if any(counts[state] for counts in by_work.values())]
    if not shown:
        return ["Nothing has been done yet."]
    rows = [(work, *(f"{counts[state]:,}" for state in shown)) for work, counts in sorted(by_work.items())]
    return table(rows, ("steps", *shown))


def failure_lines(key: str, failed: Failed) -> list[str]:
    """A failure as an operator needs it: what, why, what was kept, what to do next."""
    lines = [f"  {safe(key)}: {safe(failed.message, 1000)} [{failed.code}]"]
    if failed.kept:
        lines.append(f"      kept: {safe(failed.kept)}")
    return [*lines, f"      next: {failed.hint}"]


def _causes(causes: Counter[str]) -> str:
    return "".join(f"; {count} {cause}" for cause, count in causes.most_common())


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def status_document(reading: Reading, running: bool) -> dict[str, object]:
    """Where the restore stands, for machines."""
    run = reading.run()
    return {
        "running": running,
        "closed": safe(reading.ending(), 1000),
        **steering_document(reading, running),
        "run": None
        if run is None
        else {
            "command": safe(run.event.command),
            "operator": safe(str(run.operator)),
            "started": run.started.isoformat(),
            "latest": run.latest.isoformat(),
            "ended": run.ended.isoformat() if run.ended else None,
            "because": safe(run.because),
        },
        "steps": [{"work": one.work, "state": one.kind, "steps": one.steps} for one in reading.tallies()],
        "failures": [_failure_document(one) for one in reading.failures()],
        "open_questions": len(reading.items(ItemState.OPEN)),
    }


def _failure_document(failure: Failure) -> dict[str, object]:
    failed = failure.failed
    return {
        "key": safe(failure.record.key),
        "customer": safe(failure.record.customer),
        "code": failed.code,
        "message": safe(failed.message, 1000),
        "kept": safe(failed.kept),
        "hint": failed.hint,
        "at": failure.record.at.isoformat(),
    }


def log_lines(records: Iterable[Record]) -> Iterable[str]:
    """One line an event: when, who, what, on whom, how it ended."""
    for one in records:
        who = f"{safe(one.operator.name, 30)}@{safe(one.operator.host, 30)}"
        what = safe(one.key or one.subject, 120)
        yield f"{one.seq:>7}  {one.at:%Y-%m-%d %H:%M:%S}  {who}  {one.kind}  {what}  {event_text(one.event)}".rstrip()


def log_document(one: Record) -> dict[str, object]:
    """An event for machines."""
    return {
        "seq": one.seq,
        "at": one.at.isoformat(),
        "epoch": one.epoch,
        "kind": one.kind,
        "key": safe(one.key),
        "work": one.work,
        "customer": safe(one.customer),
        "subject": safe(one.subject),
        "operator": safe(one.operator.name),
        "operator_origin": one.operator.origin,
        "uid": one.operator.uid,
        "pid": one.operator.pid,
        "host": safe(one.operator.host),
        "text": event_text(one.event),
    }


def event_text(event: Event) -> str:
    """What an event says, in words."""
    match event:
        case Done(fact=fact) | Unchanged(fact=fact):
            return fact_text(fact)
        case Partial(fact=fact, missing=missing):
            return f"{fact_text(fact)}; missing: {safe('; '.join(missing), 400)}"
        case Failed(code=code, message=message):
            return f"[{code}] {safe(message, 400)}"
        case Manual(items=items):
            return "; ".join(f"{item.cause}: {item.question}" for item in items)
        case Asked(item=item):
            return f"{item.cause}: {item.question}"
        case Answered(answer=answer, reason=reason):
            value = safe(answer.value or answer.user)
            return f"{answer.effect} {value} {safe(reason)}".strip()
        case (
            Dropped(reason=reason)
            | Drained(reason=reason)
            | Released(reason=reason)
            | Undone(reason=reason)
            | Closing(reason=reason)
            | Closed(reason=reason)
        ):
            return safe(reason)
        case RunStarted(command=text) | RunEnded(because=text) | Abandoned(because=text) | Settled(key=text):
            return safe(text)
        case Requested() | RequestEnded() | LimitChanged() | Paused() | Resumed():
            return steering_text(event)
        case Purging(target=target, what=what) | Purged(target=target, what=what):
            why = f" is dropped: {safe(event.reason)}" if isinstance(event, Purging) else " is gone"
            return f"{safe(target)}/{safe(what)}{why}"
        case Started() | Claimed():
            return ""


def fact_text(fact: Fact) -> str:
    """What a step found out or read back, in words."""
    match fact:
        case SiteLooked(claims=claims, unclear=unclear, refused=refused):
            return f"{len(claims)} logins, {len(unclear)} unreadable, {len(refused)} names not followed"
        case MailboxLooked(folders=folders, messages=messages):
            return f"{messages:,} messages in {folders} folders"
        case DumpLooked(writer=writer, complete=complete, notes=notes):
            end = "has no end" if not complete else "its end is not checked" if notes else "has its end"
            return f"{safe(writer) or 'writer unknown'}, {end}"
        case MailboxRestored(folders=folders):
            restored = sum(one.restored for one in folders)
            there = sum(one.already_there for one in folders)
            proven = sum(one.proven for one in folders)
            whole = sum(one.proven if one.hashed is None else one.hashed for one in folders)
            return (
                f"{restored:,} messages restored in all, {there:,} were there, {proven:,} compared with the server, "
                f"{whole:,} of them read back whole"
            )
        case DatabaseLoaded(tables=tables, bytes=amount):
            rows = sum(one.rows for one in tables)
            return f"{len(tables)} tables, {rows:,} rows, {size(amount)} loaded and compared"
        case DatabaseSwitched(name=name, tables=tables, kept=kept):
            before = f", what stood there is kept in {kept}" if kept else ""
            return f"{safe(name)} is live with {len(tables)} tables{before}"
        case DatabaseUndone(name=name, undone=undone):
            return f"{safe(name)} is as it was, the restored tables are in {safe(undone)}"
        case AccountReady(account=account, databases=databases, proof=proof):
            return f"{safe(str(account))} on {safe(', '.join(databases))}: {proof}"
        case _:
            return other_text(fact)


def other_text(fact: Fact) -> str:
    """What a verification saw or a sweep did, in words; "" for what is no such fact."""
    match fact:
        case Pop3Seen(users=users, files=files):
            return f"{len(users):,} users of POP3 in {files:,} access logs"
        case StagingSwept(target=target, dropped=dropped):
            return f"{len(dropped):,} unused staging databases dropped on {target}" if dropped else ""
        case MailboxVerified(messages=messages, lacking=lacking, damaged=damaged, doubtful=doubtful):
            return (
                f"{messages:,} messages read, {lacking:,} to be restored, {len(damaged):,} damaged,"
                f" {len(doubtful):,} doubtful"
            )
        case DumpVerified(code=code, damage=damage) if code:
            return f"would not come back: {safe(damage)}"
        case DumpVerified(tables=tables, rows=rows):
            return f"{tables:,} tables, {rows:,} rows loaded into a scratch server and compared"
        case LoginsVerified(logins=logins):
            proven = sum(one.verdict == "proven" for one in logins)
            wrong = sum(one.verdict == "wrong" for one in logins)
            return f"{proven:,} logins proven, {wrong:,} wrong, {len(logins) - proven - wrong:,} unknown"
        case SurvivorsRead(survivors=survivors):
            return f"{len(survivors):,} accounts with password hashes"
        case _:
            return ""
