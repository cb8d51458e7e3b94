"""One step done: by the handler of its work, tried again where that may help, its errors made outcomes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from restore.errors import Cancelled, MailBusy, RestoreError, SourceBusy
from restore.model.facts import Nothing
from restore.model.outcome import Abandoned, Done, Failed, Manual, Outcome
from restore.model.plan import (
    CreateAccount,
    LoadDatabase,
    LookDump,
    LookMailbox,
    LookSite,
    ReadPop3Logs,
    ReadSurvivors,
    Rest,
    RestoreMailbox,
    Step,
    SweepStaging,
    SwitchDatabase,
    UndoSwitch,
    VerifyDump,
    VerifyLogins,
    VerifyMailbox,
    Work,
)
from restore.model.ports import Systems
from restore.run.accounts import create_account
from restore.run.crew import STOPPED
from restore.run.database_switch import switch_database, undo_switch
from restore.run.databases import load_database
from restore.run.mailbox_creation import restore_known
from restore.run.refusals import refusal
from restore.run.sweep import sweep_staging
from restore.run.verify_dumps import read_survivors, verify_dump
from restore.run.verify_logins import verify_logins
from restore.run.verify_mailboxes import verify_mailbox
from restore.survey.databases import look_dump
from restore.survey.mailboxes import look_mailbox
from restore.survey.pop3 import read_pop3_logs
from restore.survey.sites import look_site

SLICE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a transient failure is tried again: pauses in seconds, doubled each time, half of it by chance."""

    tries: int = 4
    first: float = 2.0
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def pause(self, failures: int) -> float:
        """Seconds to wait after so many failures."""
        return self.first * 2.0 ** (failures - 1) * (0.5 + self.chance() / 2)


PATIENCE = Patience()


def apply(step: Step, systems: Systems, patience: Patience = PATIENCE) -> Outcome:
    """Do a step. Every RestoreError ends as an outcome; anything else is a bug and passes through: the
    cluster ends that step alone as StepBroken."""
    return attempt(step, lambda: systems, patience)


def attempt(step: Step, systems: Callable[[], Systems], patience: Patience = PATIENCE) -> Outcome:
    """As `apply`, for systems that may fail to be built."""
    failures = 0
    while True:
        try:
            if failures:
                _wait(step.key, systems(), patience.pause(failures), patience.sleep)
            return _handle(step.key, step.work, systems())
        except Cancelled:
            return Abandoned(step.key, STOPPED)
        except RestoreError as error:
            failures += 1
            # A smothered server is helped by fewer steps at once, which the coordinator alone can see to.
            if not error.transient or failures >= patience.tries or isinstance(error, SourceBusy | MailBusy):
                item = refusal(step.work, error)
                return Manual(step.key, (item,)) if item else failure(step.key, error)


def failure(key: str, error: RestoreError) -> Failed:
    """An error as the outcome of a step."""
    return Failed(
        key, error.code, error.scope, error.message, error.hint, error.transient, error.kept, error.server
    )


def rest(key: str, work: Rest, systems: Systems) -> Outcome:
    """Do nothing for as long as it says."""
    until = time.monotonic() + work.seconds
    while (left := until - time.monotonic()) > 0:
        systems.progress(key)(0)
        time.sleep(min(left, 0.05))
    return Done(key, Nothing())


def _wait(key: str, systems: Systems, seconds: float, sleep: Callable[[float], None]) -> None:
    """Let time pass, holding the lease and hearing when the run is asked to stop."""
    while seconds > 0:
        systems.desk.renew(key)
        systems.progress(key)(0)
        sleep(min(seconds, SLICE_SECONDS))
        seconds -= SLICE_SECONDS
    systems.desk.renew(key)


def _handle(key: str, work: Work, systems: Systems) -> Outcome:
    match work:
        case LookSite():
            outcome = look_site(key, work, systems)
        case LookMailbox():
            outcome = look_mailbox(key, work, systems)
        case LookDump():
            outcome = look_dump(key, work, systems)
        case RestoreMailbox():
            outcome = restore_known(key, work, systems)
        case LoadDatabase():
            outcome = load_database(key, work, systems)
        case SwitchDatabase():
            outcome = switch_database(key, work, systems)
        case UndoSwitch():
            outcome = undo_switch(key, work, systems)
        case CreateAccount():
            outcome = create_account(key, work, systems)
        case SweepStaging():
            outcome = sweep_staging(key, work, systems)
        case VerifyMailbox() | VerifyDump() | ReadSurvivors() | ReadPop3Logs() | VerifyLogins():
            outcome = _try_out(key, work, systems)
        case Rest():
            outcome = rest(key, work, systems)
        case _:
            assert_never(work)
    return outcome


def _try_out(
    key: str,
    work: VerifyMailbox | VerifyDump | ReadSurvivors | ReadPop3Logs | VerifyLogins,
    systems: Systems,
) -> Outcome:
    match work:
        case VerifyMailbox():
            return verify_mailbox(key, work, systems)
        case VerifyDump():
            return verify_dump(key, work, systems)
        case ReadSurvivors():
            return read_survivors(key, work, systems)
        case ReadPop3Logs():
            return read_pop3_logs(key, work, systems)
        case VerifyLogins():
            return verify_logins(key, work, systems)
