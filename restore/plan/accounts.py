"""Which claims become accounts: exact, on a database the customer owns, and contradicted by nobody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from restore.model.facts import Claim, SiteLooked
from restore.model.incident import DatabaseTarget, OldServer
from restore.model.mysql import AccountName, DatabaseId
from restore.model.outcome import Candidate, ManualItem
from restore.model.plan import CreateAccount, Definer, Job, Step
from restore.model.survey import Customer
from restore.model.text import safe
from restore.plan import candidates, databases
from restore.plan.candidates import Verdicts, site_subject
from restore.plan.ownership import ANSWERED, Owners
from restore.plan.question import ask
from restore.plan.settled import Settlement

IGNORED = frozenset({"backup-copy", "placeholder", "none"})
HERE = frozenset({"", "localhost", "127.0.0.1", "::1"})
NO_LOGIN = "no-login"


@dataclass(frozen=True, slots=True)
class Login:
    """A login that will be made: a user, what he may use, and on what that rests."""

    customer: Customer
    user: str
    databases: tuple[DatabaseId, ...]
    claim: Claim | None
    rung: str
    password_id: str = ""


def subject(server: str, user: str) -> str:
    """What questions about an account are about."""
    return f"{server}/account/{user}"


def decide_logins(
    customer: Customer,
    looked: SiteLooked | None,
    owners: Owners,
    held: Collection[DatabaseId],
    settlement: Settlement,
    proven: Verdicts | None = None,
) -> tuple[tuple[Login, ...], tuple[ManualItem, ...]]:
    """The logins that one customer's sites prove or a person stated, and questions for what is in doubt.

    A database without any login is asked about only when no config of the customer is in question: settling
    that one usually settles both. `proven` is what surviving hashes say of each login.
    """
    items: list[ManualItem] = []
    claims = looked.claims if looked else ()
    logins: list[Login] = list(_answered(customer, claims, settlement))
    good: defaultdict[str, list[tuple[Claim, str]]] = defaultdict(list)
    offered = candidates.offers(customer, claims, proven or {}, held)
    chosen_one = candidates.taken(offered, claims, settlement)
    if chosen_one is not None:
        good[chosen_one.claim.user].append((chosen_one.claim, ANSWERED))
    for claim in claims:
        if candidates.is_candidate(claim):
            continue
        accepted, rung, item = _check(customer, claim, owners, held, settlement)
        if item is not None:
            items.append(item)
        elif accepted is not None:
            good[accepted.user].append((accepted, rung))
    for user, accepted_claims in good.items():
        chosen, item = _one_password(customer, user, accepted_claims, settlement)
        if item is not None:
            items.append(item)
        elif chosen:
            names = dict.fromkeys(DatabaseId(customer.server, claim.database) for claim, _ in chosen)
            logins.append(Login(customer, user, tuple(names), chosen[0][0], chosen[0][1]))
    covered = {database for login in logins for database in login.databases}
    if chosen_one is None and not {one for one in _own(customer) if one in held} <= covered:
        asked = candidates.question(customer, claims, offered, settlement)
        items += [asked] if asked is not None else []
    if not items:
        items += _without_login(customer, looked, covered, held, settlement)
    # Every answer that fits was used above: what is still asked has none.
    return tuple(logins), tuple(item for item in items if not settlement.dropped(item))


def _answered(customer: Customer, claims: Iterable[Claim], settlement: Settlement) -> Iterator[Login]:
    """The logins that a person stated, asked about a database or about a config, of databases that are his."""
    asked = {databases.subject(DatabaseId(customer.server, name)): name for name in customer.databases}
    asked |= {site_subject(claim): "" for claim in claims}
    for about, name in asked.items():
        answer = settlement.answer(about, "login")
        chosen = (answer.database or name) if answer else ""
        if answer and chosen in customer.databases:
            database = DatabaseId(customer.server, chosen)
            yield Login(customer, answer.user, (database,), None, ANSWERED, answer.password_id)


def _unfit(customer: Customer, about: str, name: str, settlement: Settlement) -> tuple[str, ...]:
    """Why a login that a person stated (of the database `name` if he named none) cannot be used, as evidence; ()
    where none was stated or it can."""
    answer = settlement.answer(about, "login")
    if answer is None or (answer.database or name) in customer.databases:
        return ()
    return (f"answered with the database {answer.database or '(none)'}, which is none of this customer's",)


def _check(
    customer: Customer,
    claim: Claim,
    owners: Owners,
    held: Collection[DatabaseId],
    settlement: Settlement,
) -> tuple[Claim | None, str, ManualItem | None]:
    """The claim as it may be acted upon with the rung it rests on, or a question, or neither."""
    about = site_subject(claim)
    if claim.status in IGNORED or settlement.given_up(about):
        return None, "", None
    answer = settlement.answer(about, "database")
    if answer is not None:
        return replace(claim, database=answer.value), ANSWERED, None
    unfit = _unfit(customer, about, "", settlement)
    if settlement.answer(about, "login") is not None and not unfit:
        return None, "", None
    if claim.status != "exact" or not claim.verifier_id:
        text = f"The login in {safe(claim.config)} cannot be told for certain ({claim.status})."
        own_names = _own_candidates(customer) if claim.verifier_id else ()
        item = ask(
            "login-unclear",
            about,
            text,
            customer=customer,
            evidence=(*claim.evidence, *unfit),
            candidates=own_names,
        )
        return None, "", item
    found = owners.database(DatabaseId(claim.server, claim.database))
    mine = [owner for owner in found if owner.customer == customer]
    if mine and len(found) == 1:
        return claim, mine[0].rung, None
    return None, "", _foreign(customer, claim, unfit, bool(found), held)


def _foreign(
    customer: Customer, claim: Claim, unfit: Sequence[str], owned: bool, held: Collection[DatabaseId]
) -> ManualItem:
    """A config that names a database which is not, or not only, this customer's: never a grant."""
    name = safe(claim.database)
    if owned:
        cause, text = (
            "foreign-database",
            f"{safe(claim.config)} names the database {name}, which another customer owns.",
        )
    elif DatabaseId(claim.server, claim.database) in held:
        cause, text = (
            "unowned-database",
            f"{safe(claim.config)} names the database {name}, which nobody owns.",
        )
    else:
        cause, text = (
            "unknown-database",
            f"{safe(claim.config)} names the database {name}, which no backup holds.",
        )
    return ask(
        cause,
        site_subject(claim),
        text,
        customer=customer,
        evidence=(*claim.evidence, *unfit),
        candidates=_own_candidates(customer),
    )


def _own(customer: Customer) -> Iterator[DatabaseId]:
    return (DatabaseId(customer.server, name) for name in customer.databases)


def _own_candidates(customer: Customer) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(f"it means the customer's own database {safe(name)}", "database", name)
        for name in customer.databases
    )


def _one_password(
    customer: Customer,
    user: str,
    claims: list[tuple[Claim, str]],
    settlement: Settlement,
) -> tuple[list[tuple[Claim, str]], ManualItem | None]:
    about = subject(customer.server, user)
    verifiers = {claim.verifier_id for claim, _ in claims}
    if len(verifiers) == 1:
        return claims, None
    answer = settlement.answer(about, "config")
    if answer is not None:
        right = {claim.verifier_id for claim, _ in claims if claim.config == answer.value}
        if right:
            return [(claim, rung) for claim, rung in claims if claim.verifier_id in right], None
    lines = [f"{claim.config} states one password for {user}" for claim, _ in claims]
    lines += [f"answered with {answer.value}, which states none of them any more"] if answer else []
    choices = [Candidate(f"the one in {safe(claim.config)}", "config", claim.config) for claim, _ in claims]
    text = f"Two configs state different passwords for the account {safe(user)}."
    return [], ask(
        "two-passwords",
        about,
        text,
        customer=customer,
        evidence=lines,
        candidates=choices,
    )


def _without_login(
    customer: Customer,
    looked: SiteLooked | None,
    covered: set[DatabaseId],
    held: Collection[DatabaseId],
    settlement: Settlement,
) -> Iterator[ManualItem]:
    lines = []
    if looked is None:
        lines.append("the customer's home could not be looked at in this run")
    else:
        lines += [" ".join(one) for one in looked.unclear]
        lines += [f"{claim.config}: {claim.status} ({claim.system})" for claim in looked.claims]
        lines += [f"not followed: {line}" for line in looked.refused[:20]]
    for name in customer.databases:
        database = DatabaseId(customer.server, name)
        about = databases.subject(database)
        unfit = _unfit(customer, about, name, settlement)
        settled = settlement.given_up(about) or (settlement.answer(about, "login") and not unfit)
        if database in held and database not in covered and not settled:
            text = f"Which login does the site of the database {safe(name)} use? No config proves one."
            yield ask(
                NO_LOGIN,
                about,
                text,
                customer=customer,
                evidence=[*(lines or ["no config was found"]), *unfit],
            )


def account_jobs(
    login: Login,
    live: Collection[DatabaseId],
    server: OldServer,
    targets: Mapping[str, DatabaseTarget],
    placed: Mapping[DatabaseId, str],
) -> tuple[Job, ...]:
    """One job for each target and host on which this login's databases are live; `placed` says where the
    customer's databases go."""
    by_target: defaultdict[str, list[str]] = defaultdict(list)
    for database in login.databases:
        if database in live:
            by_target[placed[database]].append(database.name)
    jobs = []
    for target, names in by_target.items():
        for host in targets[target].account_hosts:
            account = AccountName(login.user, host)
            key = f"account/{server.name}/{account}/{target}/{','.join(sorted(names))}"
            work = CreateAccount(
                server.name,
                login.customer.name,
                account,
                target,
                tuple(sorted(names)),
                login.claim,
                server.source,
                home_path(server, login.customer),
                login.customer.domains,
                login.rung,
                safe(login.customer.reach),
                login.password_id,
                tuple(
                    name
                    for name in login.customer.databases
                    if placed.get(DatabaseId(server.name, name)) == target
                ),
                targets[target].account_plugin,
            )
            needs = (f"source/{server.source}", f"database/{target}", "worker")
            jobs.append(
                Job(
                    key,
                    "account",
                    login.customer.name,
                    (Step(key, work, needs),),
                    rank=(1, 2),
                )
            )
    return tuple(jobs)


def home_path(server: OldServer, customer: Customer) -> bytes:
    """Where a customer's home stands in the source."""
    parts = [part.strip("/") for part in (server.path, customer.home)]
    return "/".join(part for part in parts if part).encode("utf-8", "surrogateescape")


def definer(logins: Iterable[Login], database: DatabaseId, target: DatabaseTarget) -> Definer | None:
    """The account a database's triggers, views, routines and events are made for, where one is known."""
    for login in logins:
        if database in login.databases:
            account = AccountName(login.user, target.account_hosts[0])
            names = tuple(sorted(one.name for one in login.databases))
            if login.claim is None:
                return Definer(account, login.password_id, True, names, target.account_plugin)
            return Definer(account, login.claim.verifier_id, False, names, target.account_plugin)
    return None
