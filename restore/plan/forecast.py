"""The dry run: the plan as it would unfold if every step that nothing speaks against came through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from heapq import heapify, heappop, heappush
from itertools import count

from restore.model.facts import DatabaseLoaded, DatabaseSwitched, DumpLooked, MailboxLooked, Nothing
from restore.model.outcome import Done, Failed, ManualItem, Outcome, Scope, fact_of
from restore.model.plan import (
    CreateAccount,
    Forecast,
    Foreseen,
    Job,
    Learned,
    LoadDatabase,
    LookDump,
    LookSite,
    ReadSurvivors,
    RestoreMailbox,
    Step,
    SwitchDatabase,
    VerifyLogins,
)
from restore.model.text import safe
from restore.plan.bulk import BulkPlan
from restore.plan.databases import candidate, path_text, subject
from restore.plan.origin import origin_of
from restore.plan.question import ask, item_id


def foresee(plan: BulkPlan, seen: Mapping[str, Outcome]) -> Forecast:
    """Let a plan unfold on what the looks saw, by step key. The plan is used up by this."""
    arrival = count()
    waiting = [(job.rank, next(arrival), job) for job in plan.jobs]
    heapify(waiting)
    items = list(plan.items)
    jobs: list[Foreseen] = []
    while waiting:
        _, _, job = heappop(waiting)
        for step in job.steps:
            entry, outcome, asked = _foresee(job, step, seen)
            jobs += [entry] if entry else []
            items += asked
            learned = plan.learn(outcome) if outcome else Learned()
            for follower in learned.jobs:
                heappush(waiting, (follower.rank, next(arrival), follower))
            items += learned.items
    failed = tuple(outcome for outcome in seen.values() if isinstance(outcome, Failed))
    return Forecast(tuple(jobs), tuple({item.id: item for item in items}.values()), failed)


def _foresee(
    job: Job, step: Step, seen: Mapping[str, Outcome]
) -> tuple[Foreseen | None, Outcome | None, list[ManualItem]]:
    look = seen.get(f"look-{step.key}") or seen.get(step.key)
    doubt = f"the look failed: {look.message}" if isinstance(look, Failed) else ""
    work = step.work
    if isinstance(work, LookSite):
        return None, look, []
    if isinstance(work, RestoreMailbox):
        fact = fact_of(look)
        size = fact.bytes if isinstance(fact, MailboxLooked) else 0
        what = f"mailbox {work.mailbox.address}: {_counts(look, work.origin)}"
        for number, copy in enumerate(work.also, 1):
            further = seen.get(f"look-{step.key}/{number}")
            what += f"; {_counts(further, origin_of(copy))}"
            doubt = doubt or (f"the look failed: {further.message}" if isinstance(further, Failed) else "")
        what += "; made first, if it does not exist" if work.make else ""
        return Foreseen(job, what, work.target, size, doubt), None, []
    if isinstance(work, LoadDatabase):
        return _foresee_load(job, step, work, look)
    if isinstance(work, SwitchDatabase):
        return None, Done(step.key, DatabaseSwitched(work.database, work.target, work.name, (), (), "")), []
    if isinstance(work, CreateAccount):
        what = f"account {work.account} on {', '.join(work.databases)} ({work.rung})"
        return Foreseen(job, what, work.target, 0, doubt), None, []
    if isinstance(work, ReadSurvivors | VerifyLogins | LookDump):
        # Not done in a dry run: what hangs on it is shown as if nothing were proven.
        return None, look or Done(step.key, Nothing()), []
    return None, None, []


def _counts(look: Outcome | None, origin: str) -> str:
    """What a copy of a mailbox holds, and where that lies."""
    fact = fact_of(look)
    held = f"{fact.messages:,} messages in {fact.folders} folders" if isinstance(fact, MailboxLooked) else "?"
    return f"{held} {origin}".rstrip()


def _goes_on(work: LoadDatabase) -> bool:
    """Whether a damaged dump is no question: another takes its place, or what can be read of it goes live."""
    return work.partial or bool(work.use_older and work.others)


def _foresee_load(
    job: Job, step: Step, work: LoadDatabase, look: Outcome | None
) -> tuple[Foreseen, Outcome | None, list[ManualItem]]:
    fact = fact_of(look)
    name = work.dump.database.name
    if isinstance(fact, DumpLooked) and not fact.complete and not _goes_on(work):
        text = f"The dump of the database {name} has no end. Which other backup is to be used?"
        about = subject(work.dump.database)
        others = [candidate(dump) for dump in work.others]
        item = replace(
            ask("dump-damaged", about, text, evidence=fact.notes, candidates=others),
            id=item_id("dump-damaged", about, path_text(work.dump)),
            customer=safe(work.customer),
            contact=work.contact,
        )
        entry = Foreseen(job, f"database {name}", work.target, job.bytes, "the dump has no end: a question")
        return entry, Failed(step.key, "dump-damaged", Scope.JOB, text, ""), [item]
    loaded = DatabaseLoaded(work.dump.database, work.target, work.staging, (), (), (), "", "", job.bytes)
    doubt = "; ".join(fact.notes) if isinstance(fact, DumpLooked) else "the dump was not looked at"
    return Foreseen(job, f"database {name}", work.target, job.bytes, doubt), Done(step.key, loaded), []
