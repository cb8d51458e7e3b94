"""Candidate logins of sites of their own making: where their code opens a connection. Never acted upon by themselves.

They are offered ranked: first what a surviving hash or a login to the restored server proves, then what names a
database of the customer's, then what is wholly read. One keystroke takes one; from then on it is as good as any
config's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from restore.model.facts import Claim, LoginsVerified, LoginVerified
from restore.model.mysql import DatabaseId
from restore.model.outcome import Answer, Candidate, ManualItem
from restore.model.survey import Customer
from restore.model.text import safe
from restore.plan.question import ask, item_id
from restore.plan.settled import Settlement

CUSTOM = "custom"
EFFECT = "candidate"
PROVEN = "proven"
# What the proof begins with of one that was tried on the restored server.
LOGGED_IN = "logged in to "
MOST = 9
Verdicts = Mapping[tuple[str, str, str, str], LoginVerified]


@dataclass(frozen=True, slots=True)
class Offer:
    """A candidate with the database it would be used for; `proof` says what proves its password, "" nothing does."""

    claim: Claim
    proof: str

    @property
    def mark(self) -> str:
        """What an answer names it by: another password or database is another candidate."""
        one = self.claim
        text = f"{one.config}\0{one.user}\0{one.verifier_id}\0{one.host}"
        return f"{item_id(EFFECT, text)} {one.database}"


def is_candidate(claim: Claim) -> bool:
    """Whether a claim is where a custom site opens a connection, with a password that could be read."""
    return claim.system == CUSTOM and claim.status == "ambiguous" and bool(claim.verifier_id)


def site_subject(claim: Claim) -> str:
    """What questions about a config are about."""
    return f"{claim.server}/site/{claim.customer}/{claim.config}"


def verdicts(fact: LoginsVerified | None) -> Verdicts:
    """What became of holding each login against surviving hashes, by system, config, user and database."""
    found = fact.logins if fact else ()
    return {(one.system, one.config, one.user, one.database): one for one in found}


def offers(
    customer: Customer, claims: Sequence[Claim], proven: Verdicts, held: Collection[DatabaseId]
) -> tuple[Offer, ...]:
    """The customer's candidates, best first; one that names no database is offered for each he has a dump of. A
    candidate that names what is not his is not offered."""
    own = [name for name in customer.databases if DatabaseId(customer.server, name) in held]
    found: list[Offer] = []
    for claim in claims:
        if not is_candidate(claim):
            continue
        verdict = proven.get((claim.system, safe(claim.config, 1000), safe(claim.user), safe(claim.database)))
        if verdict is not None and verdict.verdict == "wrong":
            continue
        proof = verdict.against if verdict is not None and verdict.verdict == PROVEN else ""
        names = [claim.database] if claim.database else own
        found += [Offer(replace(claim, database=name), proof) for name in names if name in customer.databases]
    return tuple(sorted(found, key=lambda one: (not one.proof, one.claim.database not in own)))


def taken(found: Sequence[Offer], claims: Sequence[Claim], settlement: Settlement) -> Offer | None:
    """The candidate that a person chose, if it still is one."""
    answer = _answer(claims, settlement)
    return next((one for one in found if answer is not None and one.mark == answer.value), None)


def _answer(claims: Sequence[Claim], settlement: Settlement) -> Answer | None:
    subjects = dict.fromkeys(site_subject(claim) for claim in claims if is_candidate(claim))
    answers = (settlement.answer(about, EFFECT) for about in subjects)
    return next((one for one in answers if one is not None), None)


def question(
    customer: Customer, claims: Sequence[Claim], found: Sequence[Offer], settlement: Settlement
) -> ManualItem | None:
    """Which of the candidates is the site's login? None where there is none, or a person settled it."""
    mine = [claim for claim in claims if is_candidate(claim)]
    if not mine or any(settlement.given_up(site_subject(claim)) for claim in mine):
        return None
    if any(settlement.answer(site_subject(claim), "login") for claim in mine):
        return None
    best = found[0].claim if found else mine[0]
    proof = found[0].proof if found else ""
    text = f"The site opens its database in {safe(best.config)} with a login of its own making. "
    text += _proven(proof) if proof else "Is one of these its login?"
    stale = ("the candidate that was chosen is not there any more",) if _answer(mine, settlement) else ()
    return ask(
        "login-unclear",
        site_subject(best),
        text,
        customer=customer,
        evidence=(*_evidence(found, mine), *stale),
        candidates=[_candidate(one) for one in found[:MOST]],
    )


def _proven(proof: str) -> str:
    if proof.startswith(LOGGED_IN):
        return "The first candidate logs in to the restored server."
    return "A surviving hash proves the first candidate."


def _evidence(found: Sequence[Offer], claims: Sequence[Claim]) -> tuple[str, ...]:
    lines: list[str] = []
    for number, one in enumerate(found[:MOST], 1):
        lines.append(f"{number}: {one.claim.user} on {one.claim.database}: {one.proof or 'not proven'}")
    for claim in claims:
        lines += [line for line in claim.evidence if "***" in line or line.startswith("database:")]
    return tuple(dict.fromkeys(lines))


def _candidate(one: Offer) -> Candidate:
    proof = f"; proven: {one.proof}" if one.proof else ""
    label = f"{safe(one.claim.user)} for {safe(one.claim.database)}, from {safe(one.claim.config)}{proof}"
    return Candidate(label, EFFECT, one.mark)
