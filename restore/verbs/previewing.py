"""What teaching something would change, before it is recorded: the customers' homes are looked at with it and without.

Everything here reads alone: no ledger, no vault and no target is written to, and what the looks find of passwords is
forgotten with them. It works beside a run under way.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from detectors.finding import Secret
from restore.errors import SecretMissing
from restore.model.facts import Claim, SiteLooked
from restore.model.incident import Incident
from restore.model.mail import JournalRecord
from restore.model.outcome import Failed, ManualItem, Outcome, fact_of
from restore.model.plan import LookSite
from restore.model.survey import Decision, Narrowing, Survey
from restore.plan.bulk import BulkPlan
from restore.plan.forecast import foresee
from restore.run.apply import apply
from restore.survey.index import read_index
from restore.wiring import RealSystems


@dataclass(frozen=True, slots=True)
class Preview:
    """`claims` are the logins read by what would be taught; `settled` the questions that would no longer be asked,
    `raised` those that would be asked in their place or that contradict it; `failed` the homes that could not be
    looked at; `looked` how many were."""

    claims: tuple[Claim, ...]
    settled: tuple[ManualItem, ...]
    raised: tuple[ManualItem, ...]
    failed: tuple[Failed, ...]
    looked: int


@dataclass(slots=True)
class _Forgetful:
    """Satisfies Desk for looks: secrets are kept in this process until it ends."""

    kept: dict[tuple[str, Secret], str] = field(default_factory=dict)

    def renew(self, step: str) -> None:
        """Nobody else does these looks."""

    def journal(self, step: str, mailbox: str) -> Sequence[JournalRecord]:
        """A look has none."""
        return ()

    def last(self, step: str, mailbox: str) -> JournalRecord | None:
        """A look has none."""
        return None

    def record(self, step: str, mailbox: str, records: Sequence[JournalRecord]) -> None:
        """A look writes none."""
        raise SecretMissing("a look writes no journal")

    def put_secret(self, step: str, purpose: str, secret: Secret) -> str:
        """The same purpose and value give the same id."""
        return self.kept.setdefault((purpose, secret), secrets.token_hex(8))

    def get_secret(self, step: str, vault_id: str) -> Secret:
        """What was kept before."""
        for (_, secret), known in self.kept.items():
            if known == vault_id:
                return secret
        raise SecretMissing("a look keeps only what it found itself")


def preview(
    incident: Incident, settled: Sequence[Decision], more: Sequence[Decision], homes: Narrowing, *, rest: bool
) -> Preview:
    """Look at the homes of `homes` as they are decided now, and with `more` decided; `rest`: what of other customers'
    would be decided otherwise without a look is told too. Raises what reading the backups raises."""
    anew = {one.item.id for one in more}
    others = [one for one in settled if one.item.id not in anew]
    with closing(RealSystems(incident, _Forgetful(), lambda step: lambda amount: None)) as systems:
        index = read_index(incident, systems.source)
        surveys = [Survey(index, tuple(settled)), Survey(index, (*others, *more))]
        looks: dict[str, Outcome] = {}
        for survey in surveys:
            _look(BulkPlan(incident, survey, homes), systems, looks)
    narrowing = Narrowing() if rest else homes
    before, after = (
        {one.id: one for one in foresee(BulkPlan(incident, survey, narrowing), looks).items}
        for survey in surveys
    )
    keys = {step.key for job in BulkPlan(incident, surveys[1], homes).jobs for step in job.steps}
    outcomes = [outcome for key, outcome in looks.items() if key in keys]
    return Preview(
        tuple(_taught_claims(outcomes)),
        tuple(one for key, one in before.items() if key not in after),
        tuple(one for key, one in after.items() if key not in before),
        tuple(one for one in outcomes if isinstance(one, Failed)),
        len(outcomes),
    )


def _look(plan: BulkPlan, systems: RealSystems, looks: dict[str, Outcome]) -> None:
    for job in plan.jobs:
        for step in job.steps:
            if isinstance(step.work, LookSite) and step.key not in looks:
                looks[step.key] = apply(step, systems)


def _taught_claims(outcomes: Iterable[Outcome]) -> Iterable[Claim]:
    for outcome in outcomes:
        fact = fact_of(outcome)
        if isinstance(fact, SiteLooked):
            yield from (claim for claim in fact.claims if claim.rule is not None)


def masked(claim: Claim) -> Mapping[str, object]:
    """A claim for the screen and for machines; its password is only said to be there."""
    return {
        "customer": claim.customer,
        "config": claim.config,
        "status": claim.status,
        "host": claim.host,
        "port": claim.port,
        "socket": claim.socket,
        "database": claim.database,
        "user": claim.user,
        "password": "***" if claim.verifier_id else None,
    }
