"""One MySQL account: made locked, granted its own databases, switched on, and proven by logging in as it.

Nothing that stands on the server is overwritten. An account of that name with the same password and no right
outside the customer's databases is what a killed step left (or as good as that): it is finished. Any other is a
question for a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from detectors.finding import Secret
from restore.errors import AccountRefused, DatabaseMissing, LoginRefused
from restore.model.facts import AccountReady, Claim
from restore.model.mysql import KEPT_PREFIX, STAGING_PREFIX, UNDONE_PREFIX, AccountName, AccountState
from restore.model.outcome import Candidate, Done, Manual, ManualItem, Outcome, Unchanged
from restore.model.plan import CreateAccount, LookSite
from restore.model.ports import DatabaseServer, Systems
from restore.model.text import safe
from restore.model.verifier import NATIVE, PLUGINS, of_plugin, verifier_digest
from restore.plan.accounts import HERE, subject
from restore.plan.question import item_id
from restore.run.takeover import take_over_objects
from restore.survey.logins import read_login
from restore.survey.verifiers import all_verifiers, verifier

LOGIN = "login"
HASH_ONLY = "hash equal, login not tried"
MARKERS = {"wordpress": "options", "joomla": "extensions"}
OURS = (STAGING_PREFIX, KEPT_PREFIX, UNDONE_PREFIX)
SYSTEM_DATABASES = frozenset({"", "mysql", "information_schema", "performance_schema", "sys"})
RESERVED_USERS = frozenset({"", "root", "mysql", "mariadb.sys", "mysql.sys", "mysql.session", "public"})
LINE = 1000


@dataclass(frozen=True, slots=True)
class _Login:
    """What the account's password is, and what the server shall keep of it. Lives in this step alone."""

    password: Secret
    plugin: str

    @property
    def verifier(self) -> Secret:
        return verifier(self.password, self.plugin)

    def is_of(self, state: AccountState) -> bool:
        """Whether an account that stands has this very password, with whichever plugin."""
        if state.plugin not in PLUGINS:
            return False
        return verifier_digest(verifier(self.password, state.plugin)) == state.verifier_digest


def create_account(key: str, work: CreateAccount, systems: Systems) -> Outcome:
    """Make an account, or finish one that a killed step left, and prove it.

    Done or Unchanged with AccountReady; Manual where the config changed since the survey, or where an account
    stands that is not what would be made. Raises DatabaseMissing, AccountRefused, LoginRefused (the account is
    locked again then, if this step unlocked it), and what the source, the desk and the server raise.
    """
    _refuse_reserved(work)
    login = _stated(key, work, systems)
    if isinstance(login, ManualItem):
        return Manual(key, (login,))
    server = systems.database(work.target)
    _require_databases(work, server)
    item = _obstacle(work, server, login)
    if item is not None:
        return Manual(key, (item,))
    made = _make(key, work, systems, server, login)
    kept = take_over_objects(key, work, systems)
    unlocked = _switch_on(key, work, systems, server)
    proof, table, notes = _prove(key, work, systems, login, unlocked)
    _read_back(work, server, login)
    ready = AccountReady(
        work.server,
        work.customer,
        work.account,
        work.target,
        work.databases,
        proof,
        table,
        _hosts_needed(work.claim),
        (*notes, *kept),
    )
    return Done(key, ready) if made or unlocked else Unchanged(key, ready)


def _refuse_reserved(work: CreateAccount) -> None:
    user, what = work.account.user, f"the account {_shown(work.account)} of customer {safe(work.customer)}"
    if user.lower() in RESERVED_USERS or user.startswith("br_"):
        raise AccountRefused(f"{what}: that name is kept for administrators or for bulkrestore itself")
    reserved = [name for name in work.databases if name.lower() in SYSTEM_DATABASES or name.startswith(OURS)]
    if reserved or not work.databases:
        names = ", ".join(safe(name) for name in reserved) or "no database"
        raise AccountRefused(f"{what} would get rights on {names}")


def _stated(key: str, work: CreateAccount, systems: Systems) -> _Login | ManualItem:
    """The password as the config states it now, or as a person answered it."""
    if work.claim is None:
        password = systems.desk.get_secret(key, work.password_id)
        if not password.reveal():
            raise AccountRefused(f"the answer for {_shown(work.account)} is an empty password")
        return _Login(password, work.plugin)
    known = systems.desk.get_secret(key, work.claim.verifier_id)
    home = LookSite(work.server, work.customer, work.source, work.home, work.domains)
    found = read_login(systems.source(work.source), home, work.claim)
    if found is None or found.password is None:
        return _changed(work, work.claim, "it states no login for this user any more")
    if of_plugin(all_verifiers(found.password), NATIVE) != of_plugin(known, NATIVE):
        return _changed(work, work.claim, "it states another password than at the survey")
    return _Login(found.password, work.plugin)


def _require_databases(work: CreateAccount, server: DatabaseServer) -> None:
    missing = sorted(set(work.databases) - server.databases())
    if missing:
        names = ", ".join(safe(name) for name in missing)
        raise DatabaseMissing(
            f"account {_shown(work.account)} of customer {safe(work.customer)} was not made:"
            f" {names} is not on {work.target} (not restored yet, or renamed)"
        )


def _obstacle(work: CreateAccount, server: DatabaseServer, login: _Login) -> ManualItem | None:
    """What stands in the way: an account of that name that differs, or of that user at another host."""
    state = server.account(work.account)
    if state is not None:
        reasons = _differences(work, state, login)
        return _differs(work, state, reasons) if reasons else None
    for host in server.hosts_of(work.account.user):
        other = server.account(AccountName(work.account.user, host))
        if other is not None and not login.is_of(other):
            return _differs(
                work, other, ["its password is another, and one of the two would take the other's logins"]
            )
    return None


def _differences(work: CreateAccount, state: AccountState, login: _Login) -> list[str]:
    beyond = sorted(set(state.databases) - set(work.databases) - set(work.own))
    reasons = []
    if not login.is_of(state):
        reasons.append(f"its password is another than the customer's config states ({safe(state.plugin)})")
    if beyond:
        reasons.append(f"it has rights on {', '.join(safe(name) for name in beyond)} too")
    if state.global_rights:
        reasons.append("it has rights on all databases")
    return reasons


def _make(key: str, work: CreateAccount, systems: Systems, server: DatabaseServer, login: _Login) -> bool:
    """Create what is not there, grant what is missing; whether anything was done."""
    state = server.account(work.account)
    if state is None:
        systems.desk.renew(key)
        server.create_account(work.account, login.verifier)
    granted = state.databases if state else ()
    missing = [name for name in work.databases if name not in granted]
    for name in missing:
        systems.desk.renew(key)
        server.grant(work.account, name)
    return state is None or bool(missing)


def _switch_on(key: str, work: CreateAccount, systems: Systems, server: DatabaseServer) -> bool:
    state = server.account(work.account)
    if state is None or not state.locked:
        return False
    systems.desk.renew(key)
    server.unlock(work.account)
    return True


def _prove(
    key: str, work: CreateAccount, systems: Systems, login: _Login, unlocked: bool
) -> tuple[str, str, tuple[str, ...]]:
    """Log in for each database: the proof, the table read in the first, and notes."""
    server = systems.database(work.target)
    tables: list[str] = []
    notes: list[str] = []
    try:
        for name in work.databases:
            table = _log_in(work, server, login, name, notes)
            if table is None:
                return HASH_ONLY, "", (f"no worker's address is {_shown(work.account)}'s host", *notes)
            tables.append(table)
    except LoginRefused as refused:
        kept = f"the account {_shown(work.account)} stands on {work.target}"
        if unlocked:
            systems.desk.renew(key)
            server.lock(work.account)
            kept += ", locked again"
        raise LoginRefused(refused.message, kept=kept, server=work.target) from refused
    return LOGIN, tables[0], tuple(notes)


def _log_in(
    work: CreateAccount, server: DatabaseServer, login: _Login, database: str, notes: list[str]
) -> str | None:
    """Read the system's marker table; where there is none, any table, and say so."""
    marker = MARKERS.get(work.claim.system, "") if work.claim and work.claim.database == database else ""
    if marker and work.claim:
        table = work.claim.prefix + marker
        try:
            return server.login(work.account, login.password, database, table)
        except LoginRefused:
            read = server.login(work.account, login.password, database, "")
            notes.append(f"{safe(database)} has no table {safe(table)}: the config's prefix may be wrong")
            return read
    return server.login(work.account, login.password, database, "")


def _read_back(work: CreateAccount, server: DatabaseServer, login: _Login) -> None:
    state = server.account(work.account)
    if state is None or state.locked or set(work.databases) - set(state.databases):
        raise AccountRefused(
            f"account {_shown(work.account)} on {work.target} is not what was made:"
            " somebody else is changing accounts there now"
        )
    reasons = _differences(work, state, login)
    if reasons:
        raise AccountRefused(f"account {_shown(work.account)} on {work.target}: {'; '.join(reasons)}")


def _hosts_needed(claim: Claim | None) -> tuple[str, ...]:
    """The host name the site will look its database up by, unless it means its own machine."""
    return () if claim is None or claim.host.lower() in HERE else (safe(claim.host),)


def _changed(work: CreateAccount, claim: Claim, reason: str) -> ManualItem:
    return _item(
        work,
        "config-changed",
        f"{safe(claim.config)} changed in the backup while the restore ran: {reason}. Run again to look afresh.",
        claim.evidence,
    )


def _differs(work: CreateAccount, state: AccountState, reasons: Sequence[str]) -> ManualItem:
    seen = repr(
        (str(state.account), work.target, state.verifier_digest, state.databases, state.global_rights)
    )
    evidence = [f"{_shown(state.account)} on {work.target}: {reason}" for reason in reasons] + [
        f"the restore would make {_shown(work.account)} with rights on {', '.join(map(safe, work.databases))}"
    ]
    return _item(
        work,
        "account-differs",
        f"{work.target} has an account {_shown(state.account)} already, and it is not this customer's as his"
        " config states it. It was not touched. Drop or rename it by hand and run again, or leave it.",
        evidence,
        (Candidate("leave the live account as it is", "keep"),),
        seen,
    )


def _item(
    work: CreateAccount,
    cause: str,
    question: str,
    evidence: Sequence[str],
    candidates: tuple[Candidate, ...] = (),
    seen: str = "",
) -> ManualItem:
    about = subject(work.server, work.account.user)
    return ManualItem(
        id=item_id(cause, about, seen),
        cause=cause,
        customer=safe(work.customer),
        subject=safe(about),
        question=question,
        evidence=tuple(safe(line, LINE) for line in evidence),
        candidates=candidates,
        contact=safe(work.contact),
    )


def _shown(account: AccountName) -> str:
    return safe(str(account))
