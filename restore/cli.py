"""The verbs: what an operator types, what he reads, and the exit code."""

from __future__ import annotations

import getpass
import json
import os
import signal
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from types import FrameType

from rich.console import Console

from detectors.finding import Secret
from restore.arguments import parser
from restore.errors import (
    BadUse,
    CustomersInvalid,
    IncidentInvalid,
    ItemUnknown,
    LedgerMissing,
    RestoreError,
    RunInProgress,
)
from restore.incident import read_incident
from restore.ledger.events import Answered, Dropped, kind
from restore.ledger.queue import ItemState, QueueItem
from restore.ledger.reading import Filter, Reading
from restore.model.incident import Incident
from restore.model.mysql import DatabaseId
from restore.model.outcome import Answer, Failed, Outcome
from restore.model.plan import Plan
from restore.model.survey import Finding, Index, Narrowing
from restore.model.text import safe
from restore.plan.bulk import BulkPlan, capacity
from restore.plan.forecast import foresee
from restore.plan.looks import LookPlan
from restore.plan.undo import UndoPlan
from restore.report.plan import forecast_document, plan_lines, survey_document, survey_lines
from restore.report.progress import Display, Lines, Live
from restore.report.queue import item_lines, queue_document, queue_lines
from restore.report.status import log_document, log_lines, status_document, status_lines
from restore.run.crew import Crew
from restore.run.execute import execute
from restore.wiring import Office, Pen, office, operator_of, pen, run_is_on

MISUSES = (BadUse, CustomersInvalid, IncidentInvalid, ItemUnknown, LedgerMissing, RunInProgress)
DONE, FAILURES, BAD_USE, QUESTIONS = 0, 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; the exit code is 0 done, 1 failures, 2 bad use, 3 questions left."""
    options = parser().parse_args(arguments)
    os.umask(0o077)
    try:
        return _verb(options)(options)
    except RestoreError as error:
        _complain(error, as_json=options.json)
        return BAD_USE if isinstance(error, MISUSES) else FAILURES
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - the interpreter flushes it once more at its end
        return DONE


def _verb(options: Namespace) -> Callable[[Namespace], int]:
    verbs = {
        "init": _init,
        "survey": _survey,
        "plan": _plan,
        "run": _run,
        "status": _status,
        "log": _log,
        "undo": _undo,
        "queue list": _queue_list,
        "queue show": _queue_show,
        "queue answer": _queue_answer,
        "queue drop": _queue_drop,
    }
    return verbs[f"queue {options.act}" if options.verb == "queue" else options.verb]


def _say(*lines: str) -> None:
    for line in lines:
        print(line, flush=True)


def _document(content: object) -> None:
    _say(json.dumps(content, ensure_ascii=False, default=str))


def _complain(error: RestoreError, *, as_json: bool) -> None:
    if as_json:
        _document({"error": error.code, "message": error.message, "kept": error.kept, "hint": error.hint})
    print(f"bulkrestore: {error.message} [{error.code}]", file=sys.stderr)
    if error.kept:
        print(f"  kept: {error.kept}", file=sys.stderr)
    print(f"  next: {error.hint}", file=sys.stderr)


def _incident(options: Namespace) -> Incident:
    return read_incident(options.incident or os.environ.get("BULKRESTORE_INCIDENT") or "incident.toml")


def _init(options: Namespace) -> int:
    path = Path(options.path)
    text = resources.files("restore").joinpath("example.toml").read_text(encoding="utf-8")
    try:
        with open(path, "x", encoding="utf-8") as handle:
            handle.write(text)
    except OSError as error:
        raise BadUse(f"{safe(options.path)} was not written: {error.strerror}") from error
    if options.json:
        _document({"written": str(path)})
    else:
        _say(
            f"Wrote {path}. Fill in what stands in capitals, then: bulkrestore -h, bulkrestore survey -i {path}"
        )
    return DONE


def _survey(options: Namespace) -> int:
    with _coordinating(options, "survey") as here:
        plan = BulkPlan(here.incident, here.survey())
        looks = LookPlan(plan)
        _carry_out(here, looks, _display(options))
        index = here.index()
    if options.json:
        _document(survey_document(index, looks.seen))
    else:
        _say(*survey_lines(index, looks.seen))
    return FAILURES if _failed(looks.seen) else DONE


def _plan(options: Namespace) -> int:
    with _coordinating(options, "plan") as here:
        narrowing = _narrowing(options, here.index())
        looks = LookPlan(BulkPlan(here.incident, here.survey(), narrowing))
        findings = here.preflight()
        _carry_out(here, looks, _display(options))
        forecast = foresee(BulkPlan(here.incident, here.survey(), narrowing), looks.seen)
    if options.json:
        _document({**forecast_document(forecast), "preflight": [_finding_document(one) for one in findings]})
    else:
        _say(*plan_lines(forecast, looks.seen), *_finding_lines(findings))
    if _failed(looks.seen) or any(one.weight == "refuse" for one in findings):
        return FAILURES
    return QUESTIONS if forecast.items else DONE


def _run(options: Namespace) -> int:
    with _coordinating(options, "run") as here:
        narrowing = _narrowing(options, here.index())
        findings = here.preflight()
        display = _display(options)
        if not options.json:
            _say(*_finding_lines(findings))
        if any(one.weight == "refuse" for one in findings):
            if options.json:
                _document({"preflight": [_finding_document(one) for one in findings]})
            return FAILURES
        plan = BulkPlan(here.incident, here.survey(again=options.again), narrowing)
        ends = _carry_out(here, plan, display, again=options.again)
        left = _open(here)
    return _summary(options, ends, left)


def _undo(options: Namespace) -> int:
    with _coordinating(options, "undo") as here:
        wanted = [_database(name) for name in options.database]
        plan = UndoPlan(wanted, here.remembered(), here.owners())
        if plan.missing:
            names = ", ".join(safe(str(one)) for one in plan.missing)
            raise BadUse(f"no run has switched, or an undo has put back already: {names}")
        ends = _carry_out(here, plan, _display(options))
        left = _open(here)
    return _summary(options, ends, left)


def _database(name: str) -> DatabaseId:
    server, slash, database = name.partition("/")
    if not slash or not database:
        raise BadUse(f"{safe(name)} is not SERVER/DATABASE, like web1/shop")
    return DatabaseId(server, database)


def _status(options: Namespace) -> int:
    incident = _incident(options)
    running = run_is_on(incident) is not None
    with Reading.open(Path(incident.state)) as reading:
        if options.json:
            _document(status_document(reading, running))
        else:
            _say(*status_lines(reading, running, datetime.now(UTC)))
        if reading.failures(limit=1):
            return FAILURES
        return QUESTIONS if reading.items(ItemState.OPEN) else DONE


def _log(options: Namespace) -> int:
    which = Filter(customer=options.customer, operator=options.by, limit=options.limit)
    with Reading.open(Path(_incident(options).state)) as reading:
        records = reading.events(which)
        if options.json:
            for record in records:
                _document(log_document(record))
        else:
            for line in log_lines(records):
                _say(line)
    return DONE


def _queue_list(options: Namespace) -> int:
    with Reading.open(Path(_incident(options).state)) as reading:
        items = reading.items() if options.all else reading.items(ItemState.OPEN, ItemState.ANSWERED)
    if options.json:
        _document([queue_document(item) for item in items])
    else:
        _say(*queue_lines(items))
    return DONE


def _queue_show(options: Namespace) -> int:
    with Reading.open(Path(_incident(options).state)) as reading:
        item = reading.queue().find(options.item)
        history = reading.history(item.item.id)
    if options.json:
        _document({**queue_document(item), "history": [log_document(record) for record in history]})
    else:
        _say(*item_lines(item, history))
    return DONE


def _queue_answer(options: Namespace) -> int:
    with pen(_incident(options), operator_of(options.operator)) as desk:
        item = desk.ledger.queue.find(options.item)
        answer = _answer(options, item, desk)
        desk.ledger.append_all([Answered(answer, options.reason)])
    return _settled(options, item, f"answered: {answer.effect} {safe(answer.value or answer.user)}")


def _answer(options: Namespace, item: QueueItem, desk: Pen) -> Answer:
    """The answer that the options give, its password in the vault."""
    if options.choose is not None and not options.user:
        candidates = item.item.candidates
        if options.choose > len(candidates):
            raise BadUse(
                f"{item.item.id} has {len(candidates)} answers to choose from: bulkrestore queue show {item.item.id}"
            )
        chosen = candidates[options.choose - 1]
        return Answer(item.item.id, item.item.subject, chosen.effect, chosen.value)
    if not options.user:
        raise BadUse("give --choose N, or --user NAME (and --database NAME) for an account")
    password = _password(options)
    vault_id = desk.vault.put("answered password", password)
    return Answer(
        item.item.id,
        item.item.subject,
        "login",
        user=options.user,
        database=options.database or "",
        password_id=vault_id,
    )


def _password(options: Namespace) -> Secret:
    if options.password_stdin:
        return Secret(sys.stdin.buffer.readline().removesuffix(b"\n").removesuffix(b"\r"))
    if not sys.stdin.isatty():
        raise BadUse("no terminal to ask for the password without echo: give --password-stdin")
    return Secret(getpass.getpass(f"password of {safe(options.user)}: ").encode("utf-8", "surrogateescape"))


def _queue_drop(options: Namespace) -> int:
    with pen(_incident(options), operator_of(options.operator)) as desk:
        item = desk.ledger.queue.find(options.item)
        desk.ledger.append_all([Dropped(item.item.id, options.reason)])
    return _settled(options, item, f"dropped: {safe(options.reason)}")


def _settled(options: Namespace, item: QueueItem, words: str) -> int:
    if options.json:
        _document({"id": item.item.id, "settled": words})
    else:
        _say(f"{item.item.id}  {item.item.cause}  {item.item.subject}  {words}")
    return DONE


@contextmanager
def _coordinating(options: Namespace, command: str) -> Iterator[Office]:
    with office(_incident(options), operator_of(options.operator), command) as opened:
        yield opened


def _narrowing(options: Namespace, index: Index) -> Narrowing:
    """The narrowing the options ask for; a customer nobody knows is bad use."""
    known = {customer.name for customer in index.customers}
    known |= {f"{customer.server}/{customer.name}" for customer in index.customers}
    for name in options.customer:
        if name not in known:
            raise BadUse(f"no customers file names a customer {safe(name)}")
    return Narrowing(frozenset(options.customer), frozenset(options.only))


def _display(options: Namespace) -> Display:
    if options.json:
        return Lines(lambda line: None)
    console = Console()
    return Live(console) if console.is_terminal else Lines(_say)


def _carry_out(here: Office, plan: Plan, display: Display, *, again: bool = False) -> dict[str, Outcome]:
    """Execute a plan to its end; the last outcome of every step. ^C drains, a second one cancels."""
    ends: dict[str, Outcome] = {}
    with here.crew(display.bytes) as crew, _interrupts(crew):
        try:
            for event in execute(plan, here.pen(again=again), crew, capacity(here.incident), display.counts):
                display.event(event)
                if isinstance(event, Outcome):
                    ends[event.key] = event
        finally:
            display.close()
    return ends


@contextmanager
def _interrupts(crew: Crew) -> Iterator[None]:
    """^C or SIGTERM: nothing more begins; a second one: each step stops before its next act."""

    def stop(number: int, frame: FrameType | None) -> None:
        if crew.draining:
            print("Stopping each step before its next act …", file=sys.stderr)
            crew.cancel()
        else:
            print(
                "Draining: what has begun ends, nothing more begins. ^C again stops sooner.", file=sys.stderr
            )
            crew.drain()

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _open(here: Office) -> int:
    return sum(item.state is ItemState.OPEN for item in here.ledger.queue)


def _failed(ends: Mapping[str, Outcome]) -> bool:
    return any(isinstance(one, Failed) for one in ends.values())


def _summary(options: Namespace, ends: Mapping[str, Outcome], left: int) -> int:
    """Say how it ended; failures win over questions."""
    counts = dict.fromkeys(("done", "unchanged", "partial", "failed", "abandoned", "manual"), 0)
    for outcome in ends.values():
        counts[kind(outcome)] += 1
    bad = counts["failed"] + counts["partial"] + counts["abandoned"]
    if options.json:
        _document({"steps": counts, "questions": left})
    else:
        shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "nothing to do"
        _say(f"{shown}; {left} question(s) wait for a person" + (": bulkrestore queue list" if left else ""))
    return FAILURES if bad else QUESTIONS if left else DONE


def _finding_lines(findings: tuple[Finding, ...]) -> list[str]:
    return [f"{one.weight}: {one.where}: {one.what}. {one.why} {one.todo}".rstrip() for one in findings]


def _finding_document(one: Finding) -> dict[str, str]:
    return {"weight": one.weight, "where": one.where, "what": one.what, "why": one.why, "todo": one.todo}
