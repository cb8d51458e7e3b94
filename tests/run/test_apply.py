"""What becomes of a step's errors: tried again where that may help, told as outcomes, bugs never hidden."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from restore.errors import Cancelled, Fenced, SourceStalled, SourceUnreadable
from restore.model.outcome import Abandoned, Failed, Outcome, Scope
from restore.model.plan import Rest, Step
from restore.model.ports import Desk, Progress, Systems
from restore.run.apply import SLICE_SECONDS, Patience, apply, attempt
from restore.run.crew import STOPPED
from tests.run.plans import done

STEP = Step("a", Rest(0.01))
STALLED = SourceStalled("backup1 stopped answering", server="backup1", kept="a.part")


@dataclass
class Site:
    """A worker whose step meets `faults`, one a try; notes pauses and renewals of the lease. `fenced` and
    `cancelled` say after how many slices of pause it hears so."""

    faults: list[Exception] = field(default_factory=list)
    fenced: int = -1
    cancelled: int = -1
    slept: list[float] = field(default_factory=list)
    renewed: int = 0

    @property
    def desk(self) -> Desk:
        return cast(Desk, self)

    def renew(self, step: str) -> None:
        self.renewed += 1
        if len(self.slept) == self.fenced:
            raise Fenced("another worker has taken the step over")

    def progress(self, step: str) -> Progress:
        return self._tell

    def _tell(self, amount: int) -> None:
        if len(self.slept) == self.cancelled:
            raise Cancelled("asked to stop")

    def act(self, key: str, work: Rest, systems: Systems) -> Outcome:
        if self.faults:
            raise self.faults.pop(0)
        return done(key)


def carried(site: Site, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    monkeypatch.setattr("restore.run.apply.rest", site.act)
    patience = Patience(tries=3, first=4.0, sleep=site.slept.append, chance=lambda: 1.0)
    return apply(STEP, cast(Systems, site), patience)


def test_a_failure_that_will_not_pass_is_told_at_once_with_all_an_operator_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site([SourceUnreadable("mail/a cannot be read", kept="b.part", server="backup1")])

    assert carried(site, monkeypatch) == Failed(
        "a",
        "source-unreadable",
        Scope.STEP,
        "mail/a cannot be read",
        SourceUnreadable.hint,
        False,
        "b.part",
        "backup1",
    )
    assert site.slept == []


def test_a_failure_that_may_pass_is_tried_again_after_growing_pauses_that_hold_the_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site([STALLED, STALLED])

    assert carried(site, monkeypatch) == done("a")
    assert sum(site.slept) == 4.0 + 8.0
    assert max(site.slept) <= SLICE_SECONDS
    assert site.renewed >= len(site.slept)


def test_a_failure_that_does_not_pass_is_told_after_the_last_try(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site([STALLED] * 3)

    outcome = carried(site, monkeypatch)

    assert isinstance(outcome, Failed)
    assert (outcome.code, outcome.transient, outcome.server, site.faults) == (
        "source-stalled",
        True,
        "backup1",
        [],
    )


def test_a_step_that_was_taken_over_while_it_waited_does_not_act_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = Site([STALLED, ZeroDivisionError()], fenced=1)

    outcome = carried(site, monkeypatch)

    assert isinstance(outcome, Failed)
    assert outcome.code == "fenced"


def test_a_step_that_is_cancelled_while_it_waits_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Site([STALLED, ZeroDivisionError()], cancelled=1)

    assert carried(site, monkeypatch) == Abandoned("a", STOPPED)


def test_a_step_that_is_cancelled_while_it_acts_is_abandoned(monkeypatch: pytest.MonkeyPatch) -> None:
    assert carried(Site([Cancelled("asked to stop")]), monkeypatch) == Abandoned("a", STOPPED)


def test_systems_that_cannot_be_built_are_the_steps_failure() -> None:
    def build() -> Systems:
        raise SourceUnreadable("the incident file is gone")

    outcome = attempt(STEP, build)

    assert isinstance(outcome, Failed)
    assert outcome.message == "the incident file is gone"


def test_a_bug_passes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ZeroDivisionError):
        carried(Site([ZeroDivisionError()]), monkeypatch)
