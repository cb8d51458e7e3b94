"""Verbs that coordinate: survey, plan, run, undo."""

from __future__ import annotations

import signal
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

from restore.errors import BadUse
from restore.ledger.events import Asked, Drained, Event, kind
from restore.model.outcome import Abandoned, Done, Failed, Manual, Outcome
from restore.model.plan import Plan
from restore.model.survey import Finding, Narrowing
from restore.model.text import safe
from restore.plan.bulk import BulkPlan, capacity
from restore.plan.forecast import foresee
from restore.plan.looks import LookPlan
from restore.plan.undo import UndoPlan
from restore.report.plan import forecast_document, plan_lines, survey_document, survey_lines
from restore.report.status import failure_lines
from restore.run.crew import Crew
from restore.run.execute import execute
from restore.verbs.narrowing import database_of, narrowing_of
from restore.verbs.screen import DONE, FAILURES, QUESTIONS, Screen, incident_of, operator_of
from restore.wiring import Office, office

DRAINED = "drained"
COUNTED = ("done", "unchanged", "partial", "failed", "abandoned", "manual")


def survey(options: Namespace, screen: Screen) -> int:
    """Look at all that the backups hold."""
    with _coordinating(options, screen) as here:
        looks = LookPlan(BulkPlan(here.incident, here.survey(), Narrowing(as_of=options.as_of)))
        _carry_out(here, looks, screen, steps=False)
        index = here.index()
        whole = _whole(here, screen)
    if screen.as_json:
        screen.document(survey_document(index, looks.seen))
    else:
        screen.say("", *survey_lines(index, looks.seen))
    return FAILURES if _failed(looks.seen) or index.failed or not whole else DONE


def plan(options: Namespace, screen: Screen) -> int:
    """The dry run."""
    with _coordinating(options, screen) as here:
        narrowing = narrowing_of(options, here.index())
        findings = here.preflight()
        looks = LookPlan(BulkPlan(here.incident, here.survey(), narrowing))
        _carry_out(here, looks, screen, steps=False)
        seen = looks.seen | {one.key: one for one in here.index().failed}
        forecast = foresee(BulkPlan(here.incident, here.survey(), narrowing), seen)
        whole = _whole(here, screen)
    if screen.as_json:
        preflight = [_finding_document(one) for one in findings]
        screen.document({**forecast_document(forecast, looks.seen), "preflight": preflight})
    else:
        screen.say("", *plan_lines(forecast, looks.seen), *_finding_lines(findings))
    if forecast.failed or _refused(findings) or not whole:
        return FAILURES
    return QUESTIONS if forecast.items else DONE


def run(options: Namespace, screen: Screen) -> int:
    """Restore."""
    with _coordinating(options, screen) as here:
        narrowing = narrowing_of(options, here.index())
        findings = here.preflight()
        if screen.as_json:
            screen.document({"preflight": [_finding_document(one) for one in findings]})
        else:
            screen.say(*_finding_lines(findings))
        for failure in here.index().failed:
            screen.warn("\n".join(failure_lines(failure.key, failure)))
        if _refused(findings) or not _agreed(options, screen, findings):
            return FAILURES
        bulk = BulkPlan(here.incident, here.survey(again=options.again), narrowing)
        asked: set[str] = set()
        ends = _carry_out(here, bulk, screen, again=options.again, asked=asked)
        ends |= {one.key: one for one in here.index().failed}
        if narrowing == Narrowing() and not _left_undone(ends):
            here.settle_moot(asked)
        left = here.questions()
        whole = _whole(here, screen)
    code = _summary(screen, ends, left)
    return code if whole else FAILURES


def undo(options: Namespace, screen: Screen) -> int:
    """Put back what stood where restored databases are now."""
    with _coordinating(options, screen) as here:
        wanted = [database_of(name) for name in options.database]
        back = UndoPlan(wanted, here.remembered(), here.owners())
        names = ", ".join(safe(str(one)) for one in (*back.missing, *back.already))
        if back.missing or not back.jobs:
            raise BadUse(f"no run has switched, or an undo has put back already: {names}")
        if back.already:
            screen.warn(f"An undo has put back already: {names}")
        ends = _carry_out(here, back, screen)
        left = here.questions()
        whole = _whole(here, screen)
    code = _summary(screen, ends, left)
    return code if whole else FAILURES


@contextmanager
def _coordinating(options: Namespace, screen: Screen) -> Iterator[Office]:
    who = operator_of(options)
    with office(incident_of(options), who, options.verb, screen.warn) as opened:
        yield opened


def _carry_out(
    here: Office,
    work: Plan,
    screen: Screen,
    *,
    steps: bool = True,
    again: bool = False,
    asked: set[str] | None = None,
) -> dict[str, Outcome]:
    """Execute a plan to its end, showing its steps or not; the last outcome of every step. The ids of all questions
    that came up are added to `asked`."""
    ends: dict[str, Outcome] = {}
    display = screen.display(steps=steps)
    with here.crew(display.bytes) as crew, _interrupts(crew, screen):
        try:
            for event in execute(work, here.pen(again=again), crew, capacity(here.incident), display.counts):
                display.event(event)
                if asked is not None:
                    asked.update(_questions(event))
                if isinstance(event, Outcome):
                    ends[event.key] = event
        finally:
            display.close()
        here.because = _ended(ends)
        if crew.draining:
            here.ledger.append_all([Drained("asked to by ^C or SIGTERM")])
            here.because = DRAINED
    return ends


def _ended(ends: Mapping[str, Outcome]) -> str:
    """How a run that came to its end is remembered."""
    failed = sum(isinstance(one, Failed) for one in ends.values())
    asked = sum(isinstance(one, Manual) for one in ends.values())
    parts = ([f"{failed:,} failed"] if failed else []) + ([f"{asked:,} wait for a person"] if asked else [])
    return ", ".join(["by itself", *parts]) if parts else "all done"


def _whole(here: Office, screen: Screen) -> bool:
    """Whether all that could begin did; says what to do where the run was drained."""
    if here.because == DRAINED:
        screen.warn(
            "Stopped as asked: not everything has been begun. Run the same command again for the rest."
        )
    return here.because != DRAINED


@contextmanager
def _interrupts(crew: Crew, screen: Screen) -> Iterator[None]:
    """^C or SIGTERM: nothing more begins; a second one: each step stops before its next act."""

    def stop(number: int, frame: FrameType | None) -> None:
        if crew.draining:
            screen.warn("Stopping each step before its next act …")
            crew.cancel()
        else:
            screen.warn("Draining: what has begun ends, nothing more begins. ^C again stops sooner.")
            crew.drain()

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _questions(event: Event) -> tuple[str, ...]:
    if isinstance(event, Asked):
        return (event.item.id,)
    return tuple(item.id for item in event.items) if isinstance(event, Manual) else ()


def _left_undone(ends: Mapping[str, Outcome]) -> bool:
    return any(isinstance(one, Failed | Abandoned) for one in ends.values())


def _failed(ends: Mapping[str, Outcome]) -> bool:
    return any(isinstance(one, Failed) for one in ends.values())


def _agreed(options: Namespace, screen: Screen, findings: tuple[Finding, ...]) -> bool:
    """Whether the operator goes on in spite of what preflight would have him decide; asked on a terminal only."""
    doubts = sum(one.weight == "ask" for one in findings)
    return not doubts or options.yes or screen.agrees(f"Go on in spite of these {doubts} finding(s)?")


def _refused(findings: tuple[Finding, ...]) -> bool:
    return any(one.weight == "refuse" for one in findings)


def _summary(screen: Screen, ends: Mapping[str, Outcome], left: int) -> int:
    """Say how it ended; failures win over questions."""
    counts = dict.fromkeys(COUNTED, 0)
    for key, outcome in ends.items():
        if not (key.startswith("look/") and isinstance(outcome, Done)):
            counts[kind(outcome)] += 1
    if screen.as_json:
        screen.document({"steps": counts, "questions": left})
    else:
        shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do"
        more = ": bulkrestore queue list" if left else ""
        screen.say(f"{shown}; {left} question(s) wait for a person{more}")
    if counts["failed"] + counts["partial"] + counts["abandoned"]:
        return FAILURES
    return QUESTIONS if left else DONE


def _finding_lines(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{one.weight}: {one.where}: {one.what}. {one.why} {one.todo}".rstrip() for one in findings]


def _finding_document(one: Finding) -> dict[str, str]:
    return {"weight": one.weight, "where": one.where, "what": one.what, "why": one.why, "todo": one.todo}
