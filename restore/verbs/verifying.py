"""The verb `verify`: the plan's work tried out on the backups, nothing changed on any target."""

from __future__ import annotations

import shutil
from argparse import Namespace
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from restore.ledger.events import subject
from restore.ledger.reading import Reading
from restore.model.facts import (
    DumpLooked,
    DumpVerified,
    LoginsVerified,
    MailboxLooked,
    MailboxVerified,
    SurvivorsRead,
)
from restore.model.outcome import Done, Failed, Outcome, fact_of
from restore.model.plan import VerifyDump, VerifyMailbox
from restore.plan.bulk import BulkPlan, capacity
from restore.plan.forecast import foresee
from restore.plan.verify import Sample, Trial, VerifyPlan
from restore.report.estimate import estimate, mail_rate
from restore.report.expected import expected
from restore.report.hope import Expected
from restore.report.verification import Verification, verification_document, verification_lines
from restore.verbs.carrying import carry_out, coordinating, whole_run
from restore.verbs.narrowing import narrowing_of
from restore.verbs.screen import DONE, FAILURES, QUESTIONS, Screen
from restore.wiring import Office

ROOM = 2
JUDGED = frozenset({"dump-damaged", "dump-refused"})


def verify(options: Namespace, screen: Screen) -> int:
    """Try out what a run would restore."""
    with coordinating(options, screen) as here:
        here.sweep_scratch()
        narrowing = narrowing_of(options, here.index())
        bulk = BulkPlan(here.incident, here.survey(again=options.full), narrowing)
        trial = Trial(_sample(options.sample), options.full, _room_to_keep(here))
        trying = VerifyPlan(here.incident, bulk, here.survivors(), trial)
        try:
            carry_out(here, trying, screen, again=options.full)
        finally:
            here.sweep_scratch()
        forecast = foresee(
            BulkPlan(here.incident, here.survey(again=True), narrowing), _as_looks(trying.seen)
        )
        unread = here.index().failed
        complete = whole_run(here, screen)
        rate = _rate(here)
    found = Verification(
        tuple(_things(trying)),
        tuple(item for item in forecast.items if item.cause not in JUDGED),
        (*unread, *_failed_looks(trying)),
        trying.known,
        trying.chosen,
        estimate(
            [fact for one in trying.seen.values() if (fact := fact_of(one)) is not None],
            capacity(here.incident).slots,
            trying.known,
            rate,
        ),
    )
    if screen.as_json:
        screen.document(verification_document(found))
    else:
        screen.say("", *verification_lines(found))
    if found.short or not complete:
        return FAILURES
    return QUESTIONS if found.items else DONE


def _sample(typed: float | None) -> Sample:
    """A number as typed, or a share as its negative (see arguments.py)."""
    if typed is None:
        return Sample()
    return Sample(share=-typed) if typed < 0 else Sample(number=int(typed))


def _room_to_keep(here: Office) -> bool:
    """Whether all fetched dumps may stay in staging for the run: they take less than half of what is free."""
    need = sum(dump.size for dump in here.index().dumps)
    return need * ROOM < shutil.disk_usage(here.incident.state).free


def _things(trying: VerifyPlan) -> Iterator[Expected]:
    for key, outcome in trying.seen.items():
        work = trying.work[key]
        about = subject(work)
        customer = work.customer if isinstance(work, VerifyMailbox | VerifyDump) else ""
        for one in expected(about.partition("/")[0], customer, about, outcome):
            yield replace(one, customer=one.customer or _customer(trying, key))


def _customer(trying: VerifyPlan, key: str) -> str:
    return str(getattr(trying.work[key], "customer", ""))


def _failed_looks(trying: VerifyPlan) -> Iterator[Failed]:
    """Failures of steps that are about no mailbox and no dump; those are told with their things."""
    for key, outcome in trying.seen.items():
        if isinstance(outcome, Failed) and not isinstance(trying.work[key], VerifyMailbox | VerifyDump):
            yield outcome


def _as_looks(seen: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """What was verified as the dry run's looks, from which the rest of the plan unfolds."""
    looks: dict[str, Outcome] = {}
    for key, outcome in seen.items():
        fact = fact_of(outcome)
        look = f"look-{key.removeprefix('verify/')}"
        if isinstance(fact, MailboxVerified):
            looks[look] = Done(look, MailboxLooked(fact.mailbox, fact.folders, fact.messages, fact.bytes))
        elif isinstance(fact, DumpVerified):
            looks[look] = Done(look, DumpLooked(fact.database, "", "", not fact.code, fact.fingerprint.size))
        elif isinstance(fact, SurvivorsRead):
            looks[f"survivors/{fact.server}"] = replace(outcome, key=f"survivors/{fact.server}")
        elif isinstance(fact, LoginsVerified):
            proof = f"prove/{fact.server}/{fact.customer}"
            looks[proof] = replace(outcome, key=proof)
        elif not key.startswith("verify/"):
            looks[key] = outcome
    return looks


def _rate(here: Office) -> float | None:
    with Reading.open(Path(here.incident.state)) as reading:
        return mail_rate(reading.standing(), reading.marks("started", "done", "partial"))
