"""A candidate login tried on the restored server, as an account that stands there: nothing is made or changed.

Tried is only what may be this customer's: an account that exists and can log in, a database of his. The password is
read again from the config and goes nowhere else. A login that is refused ends the tries on that account, as servers
lock accounts out after several.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from detectors.finding import Secret
from restore.errors import LoginRefused
from restore.model.facts import Claim
from restore.model.mysql import AccountState
from restore.model.plan import LookSite, VerifyLogins
from restore.model.ports import Systems
from restore.model.text import safe
from restore.plan.candidates import LOGGED_IN
from restore.survey.logins import read_login
from restore.survey.verifiers import all_verifiers

MOST = 5
PAUSE_SECONDS = 0.5


@dataclass(slots=True)
class Tries:
    """The tries of one customer's step: at most MOST, PAUSE_SECONDS apart. `refused` are accounts that turned one
    away."""

    work: VerifyLogins
    systems: Systems
    made: int = 0
    refused: set[tuple[str, str]] = field(default_factory=set)

    def log_in(
        self, claim: Claim, known: Secret, live: Sequence[tuple[str, AccountState]]
    ) -> tuple[str, str]:
        """What proves the claim ("" where nothing does), and what a server that refused it said. `known` are the
        verifiers that the survey kept of its password, `live` the accounts of its user, by target. Raises what the
        source and the servers raise."""
        names = [claim.database] if claim.database else list(self.work.own)
        password = self._password(claim, known) if live and set(names) & set(self.work.own) else None
        if password is None:
            return "", ""
        said = ""
        for target, state in live:
            for name in (one for one in names if one in self.work.own and one in state.databases):
                if self._spent(target, state):
                    return "", said
                try:
                    table = self.systems.database(target).login(state.account, password, name, "")
                except LoginRefused as error:
                    self.refused.add((target, str(state.account)))
                    said = error.message
                    continue
                if table is not None:
                    read = f" and read a row of {safe(table)}" if table else ""
                    return f"{LOGGED_IN}{target} as {safe(str(state.account))}{read}", ""
        return "", said

    def _spent(self, target: str, state: AccountState) -> bool:
        """Whether no further try is to be made there; else the pause before it."""
        if state.locked or self.made >= MOST or (target, str(state.account)) in self.refused:
            return True
        if self.made:
            time.sleep(PAUSE_SECONDS)
        self.made += 1
        return False

    def _password(self, claim: Claim, known: Secret) -> Secret | None:
        """The password as the config states it now, None where that is not what the survey saw."""
        work = self.work
        home = LookSite(work.server, work.customer, work.source, work.home, work.domains)
        found = read_login(self.systems.source(work.source), home, claim)
        if found is None or found.password is None:
            return None
        return found.password if all_verifiers(found.password).reveal() == known.reveal() else None
