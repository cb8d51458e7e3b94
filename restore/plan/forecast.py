"""The dry run: the plan as it would unfold if every step that nothing speaks against came through."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from restore.model.facts import DatabaseLoaded, DatabaseSwitched, DumpLooked, MailboxLooked
from restore.model.outcome import Done, Failed, ManualItem, Outcome, Scope
from restore.model.plan import (
    CreateAccount,
    Forecast,
    Foreseen,
    Job,
    LoadDatabase,
    LookSite,
    RestoreMailbox,
    Step,
    SwitchDatabase,
)
from restore.plan.bulk import BulkPlan
from restore.plan.databases import subject
from restore.plan.question import ask


def foresee(plan: BulkPlan, seen: Mapping[str, Outcome]) -> Forecast:
    """Let a plan unfold on what the looks saw, by step key. The plan is used up by this."""
    waiting = deque(sorted(plan.jobs, key=lambda job: job.rank))
    items = list(plan.items)
    jobs: list[Foreseen] = []
    while waiting:
        job = waiting.popleft()
        for step in job.steps:
            entry, outcome, asked = _foresee(job, step, seen)
            jobs += [entry] if entry else []
            items += asked
            learned = plan.learn(outcome) if outcome else None
            if learned:
                waiting.extend(learned.jobs)
                items += learned.items
    jobs.sort(key=lambda one: one.job.rank)
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
        fact = look.fact if isinstance(look, Done) else None
        size = fact.bytes if isinstance(fact, MailboxLooked) else 0
        count = (
            f"{fact.messages:,} messages in {fact.folders} folders"
            if isinstance(fact, MailboxLooked)
            else "?"
        )
        return Foreseen(job, f"mailbox {work.mailbox.address}: {count}", work.target, size, doubt), None, []
    if isinstance(work, LoadDatabase):
        return _foresee_load(job, step, work, look)
    if isinstance(work, SwitchDatabase):
        return None, Done(step.key, DatabaseSwitched(work.database, work.target, work.name, (), (), "")), []
    if isinstance(work, CreateAccount):
        what = f"account {work.account} on {', '.join(work.databases)} ({work.rung})"
        return Foreseen(job, what, work.target, 0, doubt), None, []
    return None, None, []


def _foresee_load(
    job: Job, step: Step, work: LoadDatabase, look: Outcome | None
) -> tuple[Foreseen, Outcome | None, list[ManualItem]]:
    fact = look.fact if isinstance(look, Done) else None
    name = work.dump.database.name
    if isinstance(fact, DumpLooked) and not fact.complete:
        text = f"The dump of the database {name} has no end. Which other backup is to be used?"
        item = ask("dump-damaged", subject(work.dump.database), text, evidence=fact.notes)
        entry = Foreseen(job, f"database {name}", work.target, job.bytes, "the dump has no end: a question")
        return entry, Failed(step.key, "dump-damaged", Scope.JOB, text, ""), [item]
    loaded = DatabaseLoaded(work.dump.database, work.target, work.staging, (), (), (), "", "", job.bytes)
    doubt = "; ".join(fact.notes) if isinstance(fact, DumpLooked) else "the dump was not looked at"
    return Foreseen(job, f"database {name}", work.target, job.bytes, doubt), Done(step.key, loaded), []
