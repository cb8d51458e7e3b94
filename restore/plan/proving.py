"""Logins held against hashes that survived, before they are decided upon: the step of it, and who waits for whom.

A dump of a lost server's `mysql` database is read first; where none survived, live accounts on the targets are looked
at. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from restore.model.facts import LoginsVerified, SiteLooked, SurvivorsRead
from restore.model.incident import DatabaseTarget, OldServer
from restore.model.mysql import DumpFile
from restore.model.outcome import Outcome, fact_of
from restore.model.plan import Job, ReadSurvivors, Step, VerifyLogins
from restore.plan.candidates import is_candidate

Whose = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Home:
    """Where a customer's configs are read once more, and the databases that are his own."""

    source: str
    path: bytes
    domains: tuple[str, ...]
    own: tuple[str, ...]


class Proving:
    """Which customers' logins are being held against hashes, and what came of it."""

    def __init__(
        self,
        servers: Mapping[str, OldServer],
        targets: Mapping[str, DatabaseTarget],
        survivors: Sequence[DumpFile],
    ) -> None:
        self._servers = servers
        self._targets = targets
        self.jobs = tuple(map(_read_job, survivors))
        self._unread = {job.key: dump.database.server for job, dump in zip(self.jobs, survivors, strict=True)}
        self._read: list[SurvivorsRead] = []
        self._steps: dict[str, Whose] = {}
        self._homes: dict[Whose, Home] = {}
        self._waiting: list[SiteLooked] = []
        self.proven: dict[Whose, LoginsVerified | None] = {}

    def begin(self, looked: SiteLooked, home: Home, *, all_claims: bool) -> tuple[bool, tuple[Job, ...]]:
        """Whether this customer's decision waits for a proof, and the job of it if it can begin. `all_claims`: not
        only those that are candidates."""
        self._homes[looked.server, looked.customer] = home
        if not any(is_candidate(claim) or (all_claims and claim.verifier_id) for claim in looked.claims):
            return False, ()
        if looked.server in self._unread.values():
            self._waiting.append(looked)
            return True, ()
        return True, (self._job(looked),)

    def learn(self, outcome: Outcome) -> tuple[tuple[Job, ...], tuple[Whose, ...]]:
        """The jobs that can begin now, and the customers whose proof has come, if the outcome is one of ours."""
        fact = fact_of(outcome)
        if outcome.key in self._unread:
            del self._unread[outcome.key]
            self._read += [fact] if isinstance(fact, SurvivorsRead) else []
            unread = set(self._unread.values())
            ready = [one for one in self._waiting if one.server not in unread]
            self._waiting = [one for one in self._waiting if one.server in unread]
            return tuple(map(self._job, ready)), ()
        whose = self._steps.pop(outcome.key, None)
        if whose is None:
            return (), ()
        self.proven[whose] = fact if isinstance(fact, LoginsVerified) else None
        return (), (whose,)

    def _job(self, looked: SiteLooked) -> Job:
        server = self._servers[looked.server]
        hosts = {host for name in server.databases_to for host in self._targets[name].account_hosts}
        key = f"prove/{looked.server}/{looked.customer}"
        self._steps[key] = (looked.server, looked.customer)
        work = VerifyLogins(
            looked.server,
            looked.customer,
            tuple(claim for claim in looked.claims if claim.verifier_id),
            tuple(read for read in self._read if read.server == looked.server),
            server.databases_to,
            tuple(sorted(hosts)),
        )
        needs = (*(f"database/{name}" for name in server.databases_to), "worker")
        if any(map(is_candidate, looked.claims)):
            home = self._homes[looked.server, looked.customer]
            work = replace(work, source=home.source, home=home.path, domains=home.domains, own=home.own)
            needs = (f"source/{home.source}", *needs)
        return Job(key, "look", looked.customer, (Step(key, work, needs),), rank=(1, 1))


def _read_job(dump: DumpFile) -> Job:
    stamp = dump.fingerprint
    key = f"survivors/{dump.database.server}"
    work = ReadSurvivors(dump.database.server, dump)
    return Job(
        key,
        "look",
        "",
        (Step(key, work, (f"source/{stamp.source}", "worker")),),
        rank=(0, 9),
        bytes=stamp.size,
    )
