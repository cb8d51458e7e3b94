"""The bulk plan's work tried out: what a run would restore is read, parsed, loaded elsewhere; nothing is changed."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from restore.model.facts import Claim, SiteLooked, SurvivorsRead
from restore.model.incident import Incident
from restore.model.mysql import DumpFile
from restore.model.outcome import ManualItem, Outcome, fact_of
from restore.model.plan import (
    Job,
    Learned,
    LoadDatabase,
    LookSite,
    ReadSurvivors,
    RestoreMailbox,
    Step,
    VerifyDump,
    VerifyLogins,
    VerifyMailbox,
    Work,
)
from restore.plan.bulk import BulkPlan

LOADS = "verify/load/"


@dataclass(frozen=True, slots=True)
class Sample:
    """How many of the mailboxes and of the dumps are tried out: a share (0 to 1] of each, or a number of each."""

    share: float = 1.0
    number: int = 0

    def of(self, known: int) -> int:
        """How many of so many, rounded up."""
        return min(known, self.number) if self.number else math.ceil(known * self.share)


@dataclass(frozen=True, slots=True)
class Trial:
    """What is asked of a verification: `full` trusts no fingerprint, `keep` leaves fetched dumps in staging."""

    sample: Sample = Sample()
    full: bool = False
    keep: bool = True


class VerifyPlan:
    """Tries out the mailboxes and dumps that `bulk` would restore, looks at all its sites, and holds their logins
    against what survived in `survivors`; keeps what was seen, and of what work, by step key. `known` and `chosen`
    count the mailboxes and dumps there are, and those tried out, by kind ("mail", "load")."""

    def __init__(
        self, incident: Incident, bulk: BulkPlan, survivors: Iterable[DumpFile], trial: Trial | None = None
    ) -> None:
        self._incident = incident
        self._trial = trial or Trial()
        self.items: Sequence[ManualItem] = ()
        self.seen: dict[str, Outcome] = {}
        self.work: dict[str, Work] = {}
        self.known: dict[str, int] = {}
        self.chosen: dict[str, int] = {}
        jobs = tuple(bulk.jobs)
        self._sites = {
            step.key: step.work for job in jobs for step in job.steps if isinstance(step.work, LookSite)
        }
        self._hashes = {job.key: job for job in map(_survivors_job, survivors if self._sites else ())}
        self._waiting: dict[str, SiteLooked] = {}
        looks = tuple(job for job in jobs if any(step.key in self._sites for step in job.steps))
        mail = self._sampled("mail", tuple(_tried(jobs, self._mail)))
        loads = self._sampled("load", tuple(_tried(jobs, self._load)))
        self.jobs: Sequence[Job] = (*self._hashes.values(), *looks, *mail, *loads)
        self._note(self.jobs)

    def learn(self, outcome: Outcome) -> Learned:
        """Keep what was seen; a customer's logins are judged once his home was looked at and all hashes were read."""
        self.seen[outcome.key] = outcome
        fact = fact_of(outcome)
        if outcome.key in self._sites and isinstance(fact, SiteLooked):
            self._waiting[outcome.key] = fact
        if any(key not in self.seen for key in self._hashes):
            return Learned()
        ready, self._waiting = self._waiting, {}
        jobs = tuple(self._logins(self._sites[key], fact) for key, fact in ready.items() if fact.claims)
        self._note(jobs)
        return Learned(jobs)

    def _note(self, jobs: Iterable[Job]) -> None:
        self.work.update({step.key: step.work for job in jobs for step in job.steps})

    def _sampled(self, kind: str, jobs: tuple[Job, ...]) -> tuple[Job, ...]:
        """Chosen by a hash of their names and the incident: by chance, and the same each time."""
        chosen = sorted(jobs, key=lambda job: _lot(self._incident.digest, job.key))[
            : self._trial.sample.of(len(jobs))
        ]
        self.known[kind], self.chosen[kind] = len(jobs), len(chosen)
        keys = {job.key for job in chosen}
        return tuple(job for job in jobs if job.key in keys)

    def _mail(self, step: Step) -> Step | None:
        work = step.work
        if not isinstance(work, RestoreMailbox):
            return None
        tried = VerifyMailbox(
            work.mailbox,
            work.customer,
            work.source,
            work.path,
            work.target,
            self._trial.full,
            work.also,
            work.store,
            make=work.make,
        )
        return Step(f"verify/{step.key}", tried, step.needs)

    def _load(self, step: Step) -> Step | None:
        work = step.work
        if not isinstance(work, LoadDatabase):
            return None
        tried = VerifyDump(work.dump, work.customer, work.target, self._trial.keep, work.partial)
        return Step(f"verify/{step.key}", tried, (f"source/{work.dump.fingerprint.source}", "worker"))

    def _logins(self, site: LookSite, fact: SiteLooked) -> Job:
        server = next(one for one in self._incident.old_servers if one.name == site.server)
        targets = {one.name: one for one in self._incident.database_targets}
        hosts = {host for name in server.databases_to for host in targets[name].account_hosts}
        key = f"verify/logins/{site.server}/{site.customer}"
        work = VerifyLogins(
            site.server,
            site.customer,
            tuple(_plain(fact.claims)),
            tuple(self._read(site.server)),
            server.databases_to,
            tuple(sorted(hosts)),
        )
        needs = (*(f"database/{name}" for name in server.databases_to), "worker")
        return Job(key, "verify", site.customer, (Step(key, work, needs),), rank=(1, 1))

    def _read(self, server: str) -> Iterator[SurvivorsRead]:
        for key in self._hashes:
            fact = fact_of(self.seen.get(key))
            if isinstance(fact, SurvivorsRead) and fact.server == server:
                yield fact


def _plain(claims: Iterable[Claim]) -> Iterator[Claim]:
    """Each login that a config states once, whatever table prefixes it has."""
    seen = set()
    for claim in claims:
        mark = (claim.system, claim.config, claim.user, claim.database, claim.verifier_id)
        if mark not in seen:
            seen.add(mark)
            yield claim


def _tried(jobs: Iterable[Job], trial: Callable[[Step], Step | None]) -> Iterator[Job]:
    """The jobs whose steps can be tried out, as such."""
    for job in jobs:
        steps = tuple(tried for tried in map(trial, job.steps) if tried is not None)
        if steps:
            yield Job(f"verify/{job.key}", "verify", job.customer, steps, rank=job.rank, bytes=job.bytes)


def _survivors_job(dump: DumpFile) -> Job:
    stamp = dump.fingerprint
    key = f"verify/hashes/{dump.database.server}/{_lot(stamp.source, repr(stamp.path))[:12]}"
    step = Step(key, ReadSurvivors(dump.database.server, dump), (f"source/{stamp.source}", "worker"))
    return Job(key, "verify", "", (step,), rank=(0,), bytes=stamp.size)


def _lot(seed: str, key: str) -> str:
    return hashlib.sha256(f"{seed}\0{key}".encode("utf-8", "surrogateescape")).hexdigest()
