"""The passwords of configs held against hashes that survived: those of the backup's `mysql` dump, else live accounts.

A config's password that no surviving hash knows is not wrong; one that every surviving hash of its account contradicts
is. Candidates of sites of their own making are tried on a live account too (verify_tries.py). Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from detectors.finding import Secret
from restore.model.facts import Claim, LoginsVerified, LoginVerified
from restore.model.mysql import AccountName, AccountState
from restore.model.outcome import Done, Outcome, Partial
from restore.model.plan import VerifyLogins
from restore.model.ports import Systems
from restore.model.text import safe
from restore.model.verifier import verifier_digest
from restore.plan.candidates import is_candidate
from restore.run.verify_tries import Tries

PROVEN, WRONG, UNKNOWN = "proven", "wrong", "unknown"
Hash = tuple[str, frozenset[str], tuple[str, ...]]
"""Where it survived, its digests, the databases its account could use."""
COMPARABLE = frozenset({"mysql_native_password", "ed25519"})


def verify_logins(key: str, work: VerifyLogins, systems: Systems) -> Outcome:
    """Judge every login that one customer's configs claim.

    Done; Partial where a password is wrong: each config is named. Raises what the desk and the live servers raise.
    """
    tries = Tries(work, systems)
    logins = tuple(_judged(key, work, claim, systems, tries) for claim in work.claims)
    fact = LoginsVerified(work.server, work.customer, logins)
    wrong = tuple(f"{one.config}: the password of {one.user} is wrong: {one.against}" for one in logins
                  if one.verdict == WRONG)  # fmt: skip
    return Partial(key, fact, wrong) if wrong else Done(key, fact)


def _judged(key: str, work: VerifyLogins, claim: Claim, systems: Systems, tries: Tries) -> LoginVerified:
    systems.desk.renew(key)
    if not claim.verifier_id:
        return _login(claim, UNKNOWN, "the config states no password that can be checked")
    known = systems.desk.get_secret(key, claim.verifier_id)
    claimed = _digests(known)
    survived = [
        (
            f"{read.path}, account {safe(str(one.account))}",
            _digests(systems.desk.get_secret(key, one.verifier_id)),
            one.databases,
        )
        for read in work.read
        for one in read.survivors
        if one.account.user == claim.user and one.plugin in COMPARABLE
    ]
    if survived:
        return _held(claim, claimed, survived)
    live = list(_live(work, claim, systems))
    hashes = [_hash(target, state) for target, state in live if _is_comparable(state)]
    held = _held(claim, claimed, hashes) if hashes else None
    if work.source and is_candidate(claim) and (held is None or held.verdict == PROVEN):
        proof, said = tries.log_in(claim, known, live)
        if proof:
            return _login(claim, PROVEN, proof)
        if said and held is None:
            return _login(claim, UNKNOWN, f"tried on a live account, and refused: {said}")
    if held is not None:
        return held
    if live:
        return _login(
            claim, UNKNOWN, "no hash of this account survived, and its live account keeps none to compare"
        )
    return _login(claim, UNKNOWN, "no hash of this account survived, and no live account has its name")


def _live(work: VerifyLogins, claim: Claim, systems: Systems) -> Iterator[tuple[str, AccountState]]:
    """The accounts of the claim's user that stand, each with its target."""
    for target in work.targets:
        for host in work.hosts:
            state = systems.database(target).account(AccountName(claim.user, host))
            if state is not None:
                yield target, state


def _is_comparable(state: AccountState) -> bool:
    return state.plugin in COMPARABLE and bool(state.verifier_digest)


def _hash(target: str, state: AccountState) -> Hash:
    where = f"the live account {safe(str(state.account))} on {target}"
    return where, frozenset({state.verifier_digest}), ()


def _digests(verifiers: Secret) -> frozenset[str]:
    """One for each form in which the vault holds a password's verifier."""
    return frozenset(verifier_digest(Secret(word)) for word in verifiers.reveal().split())


def _held(claim: Claim, claimed: frozenset[str], others: Iterable[Hash]) -> LoginVerified:
    agreeing = [(where, databases) for where, digests, databases in others if digests & claimed]
    if agreeing:
        granted = tuple(dict.fromkeys(name for _, databases in agreeing for name in databases))
        return replace(_login(claim, PROVEN, f"equal to the hash in {agreeing[0][0]}"), granted=granted)
    return _login(claim, WRONG, f"it is not the one hashed in {'; '.join(where for where, _, _ in others)}")


def _login(claim: Claim, verdict: str, against: str) -> LoginVerified:
    return LoginVerified(
        safe(claim.config, 1000), claim.system, safe(claim.user), safe(claim.database), verdict, against
    )
