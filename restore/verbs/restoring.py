"""Verbs that coordinate: survey, plan, run, undo."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping

from restore.errors import BadUse
from restore.model.outcome import Abandoned, Failed, Outcome
from restore.model.survey import Finding, Narrowing
from restore.model.text import safe
from restore.plan.bulk import BulkPlan
from restore.plan.forecast import foresee
from restore.plan.looks import LookPlan
from restore.plan.undo import UndoPlan
from restore.report.plan import forecast_document, plan_lines, survey_document, survey_lines
from restore.report.status import failure_lines
from restore.verbs.asking import Line, ask_or_become, follow
from restore.verbs.carrying import carry_out, coordinating, whole_run
from restore.verbs.clustering import note_unused
from restore.verbs.narrowing import (
    check_narrowing,
    database_of,
    narrowing_of,
    narrowing_said,
    narrowing_typed,
    narrowing_words,
)
from restore.verbs.screen import DONE, FAILURES, QUESTIONS, Screen, incident_of, operator_of
from restore.verbs.summing import summary
from restore.verbs.sweeping import sweep_after


def survey(options: Namespace, screen: Screen) -> int:
    """Look at all that the backups hold."""
    with coordinating(options, screen) as here:
        looks = LookPlan(BulkPlan(here.incident, here.survey(), Narrowing(as_of=options.as_of)))
        carry_out(here, looks, screen, steps=False)
        index = here.index()
        whole = whole_run(here, screen)
    if screen.as_json:
        screen.document(survey_document(index, looks.seen))
    else:
        screen.say("", *survey_lines(index, looks.seen))
    return FAILURES if _failed(looks.seen) or index.failed or not whole else DONE


def plan(options: Namespace, screen: Screen) -> int:
    """The dry run."""
    with coordinating(options, screen) as here:
        narrowing = narrowing_of(options, here.index())
        findings = here.preflight()
        looks = LookPlan(BulkPlan(here.incident, here.survey(), narrowing))
        carry_out(here, looks, screen, steps=False)
        seen = looks.seen | {one.key: one for one in here.index().failed}
        forecast = foresee(BulkPlan(here.incident, here.survey(), narrowing), seen)
        whole = whole_run(here, screen)
    if screen.as_json:
        preflight = [_finding_document(one) for one in findings]
        screen.document({**forecast_document(forecast, looks.seen), "preflight": preflight})
    else:
        screen.say("", *plan_lines(forecast, looks.seen), *_finding_lines(findings))
    if forecast.failed or _refused(findings) or not whole:
        return FAILURES
    return QUESTIONS if forecast.items else DONE


def run(options: Namespace, screen: Screen) -> int:
    """Restore: as the coordinator, or by asking the one under way."""
    return run_narrowed(options, screen, narrowing_typed(options), options.verb)


def run_narrowed(options: Namespace, screen: Screen, narrowing: Narrowing, verb: str) -> int:
    """Restore what is wanted; `verb` is what was typed for it."""
    incident = incident_of(options)
    command = f"{verb} {narrowing_words(narrowing)}".strip()
    asked = {"narrowing": narrowing_said(narrowing), "again": options.again, "command": command}

    def ask(line: Line) -> int:
        note_unused(options, screen)
        return follow(line, screen, "run", reason=options.reason, **asked)

    return ask_or_become(
        incident, operator_of(options), screen, ask, lambda: _run(options, screen, narrowing, command)
    )


def _run(options: Namespace, screen: Screen, narrowing: Narrowing, command: str) -> int:
    with coordinating(options, screen, command) as here:
        check_narrowing(narrowing, here.index())
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
        carried = carry_out(here, bulk, screen, again=options.again, covers=narrowing)
        ends = carried.ends | {one.key: one for one in here.index().failed}
        if not _left_undone(ends):
            here.settle_moot(carried.asked, narrowing)
        ends |= sweep_after(here, screen, narrowing, ends)
        left = here.questions(None if narrowing.nothing_named else carried.asked)
        whole = whole_run(here, screen)
    code = summary(screen, ends, left)
    return code if whole else FAILURES


def undo(options: Namespace, screen: Screen) -> int:
    """Put back what stood where restored databases are now: as the coordinator, or by asking the one under way."""
    command = " ".join(["undo", *map(safe, options.database)])

    def ask(line: Line) -> int:
        note_unused(options, screen)
        return follow(
            line, screen, "undo", databases=options.database, command=command, reason=options.reason
        )

    return ask_or_become(
        incident_of(options), operator_of(options), screen, ask, lambda: _undo(options, screen, command)
    )


def _undo(options: Namespace, screen: Screen, command: str) -> int:
    with coordinating(options, screen, command) as here:
        wanted = [database_of(name) for name in options.database]
        back = UndoPlan(wanted, here.remembered(), here.owners())
        names = ", ".join(safe(str(one)) for one in (*back.missing, *back.already))
        if back.missing or not back.jobs:
            raise BadUse(f"no run has switched, or an undo has put back already: {names}")
        if back.already:
            screen.warn(f"An undo has put back already: {names}")
        ends = carry_out(here, back, screen).ends
        left = here.questions()
        whole = whole_run(here, screen)
    code = summary(screen, ends, left)
    return code if whole else FAILURES


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


def _finding_lines(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{one.weight}: {one.where}: {one.what}. {one.why} {one.todo}".rstrip() for one in findings]


def _finding_document(one: Finding) -> dict[str, str]:
    return {"weight": one.weight, "where": one.where, "what": one.what, "why": one.why, "todo": one.todo}
