"""Builds the real objects from an Incident; the only module that knows them all."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from detectors.finding import Secret
from restore.errors import IncidentInvalid, MailboxNotMade, RestoreError
from restore.incident import incident_text, read_incident, secret
from restore.incident.secrets import password_of, token
from restore.ledger.events import IN_PART, STANDING, RunEnded, RunStarted, Settled
from restore.ledger.journal import Journals
from restore.ledger.queue import COMPLAINT, ItemState
from restore.model.facts import Fact, Nothing
from restore.model.incident import Incident, MailTarget, SecretRef, SourceSpec
from restore.model.mysql import DatabaseId, DumpFile
from restore.model.operator import Operator
from restore.model.outcome import Done, Outcome
from restore.model.ports import (
    DatabaseServer,
    Desk,
    Dumps,
    MailboxMaker,
    MailReader,
    MailServer,
    MailUsers,
    Progress,
    Scratch,
    Source,
    Staging,
)
from restore.model.stores import IMAP, Store
from restore.model.survey import Finding, Index, Narrowing, Survey
from restore.model.text import safe
from restore.plan.bulk import BulkPlan, capacity
from restore.plan.ours import LOAD, SWITCH, Traces
from restore.plan.ownership import own
from restore.plan.sweep import SweepPlan
from restore.plan.wanted import forget
from restore.request import DeskClient
from restore.run.apply import Patience, apply
from restore.run.cluster import DaskCrew, Size
from restore.run.crew import Crew, InlineCrew
from restore.run.desk import DeskServer
from restore.run.execute import execute
from restore.run.inlet import Inlet
from restore.run.leases import Leases
from restore.run.pen import Pen, Remembering, pen
from restore.run.post import Factory
from restore.survey.index import index_keys, read_index
from restore.survey.preflight import check
from restore.survey.survivors import find_survivors
from restore.systems.dbox_source import DboxReader
from restore.systems.folder import FolderSource
from restore.systems.imap import ImapServer
from restore.systems.imap_source import NoFiles, OldImapServer
from restore.systems.mail_users import OldMailUsers
from restore.systems.mailbox_makers import open_maker
from restore.systems.mysql import MysqlServer
from restore.systems.scratch import ScratchServer
from restore.systems.scratch_server import sweep
from restore.systems.sftp import SftpSource
from restore.systems.sftp_connect import SftpAddress
from restore.systems.staged_dumps import StagedDumps
from restore.systems.staging import StagingFolder

STAGING = "staging"
INDEXES = "indexes"
SCRATCH = "scratch"
DBOX = "dbox"
CLUSTER = "cluster"
ONCE = Patience(tries=1)
NO_LONGER_ASKED = "a run of all that it is about did not ask it again"


@dataclass(frozen=True, slots=True)
class Workplace:
    """What a worker must know to build its systems: plain data, no secret."""

    incident: str
    digest: str
    epoch: int
    socket: str


class RealSystems:
    """Satisfies restore.model.ports.Systems with one connection of each kind, made at its first use."""

    def __init__(
        self,
        incident: Incident,
        desk: Desk,
        progress: Callable[[str], Progress],
        folder: Path | None = None,
        reveal: Callable[[SecretRef], Secret] = secret,
    ) -> None:
        """`folder` takes what is fetched and scratch servers: the state folder, unless stated."""
        self._incident = incident
        self._desk = desk
        self._progress = progress
        self._reveal = reveal
        self._sources: dict[str, Source] = {}
        self._mail: dict[str, MailServer] = {}
        self._old_mail: dict[str, OldImapServer] = {}
        self._databases: dict[str, DatabaseServer] = {}
        self._users: dict[str, MailUsers] = {}
        self._folder = folder = folder or Path(incident.state)
        self._staging = StagingFolder(folder / STAGING)
        self._dumps = StagedDumps(self._staging, folder / INDEXES, recompress=incident.recompress)
        self._scratch = ScratchServer(folder / SCRATCH)

    @property
    def desk(self) -> Desk:
        return self._desk

    @property
    def staging(self) -> Staging:
        return self._staging

    @property
    def dumps(self) -> Dumps:
        return self._dumps

    @property
    def scratch(self) -> Scratch:
        return self._scratch

    def source(self, name: str) -> Source:
        if name not in self._sources:
            spec = next(one for one in self._incident.sources if one.name == name)
            self._sources[name] = open_source(spec, self._incident.workers)
        return self._sources[name]

    def mail(self, name: str) -> MailServer:
        if name not in self._mail:
            target = next(one for one in self._incident.mail_targets if one.name == name)
            self._mail[name] = ImapServer(
                target,
                self._mail_secret(target),
                target.bytes_per_second / min(target.connections, self._incident.workers),
            )
        return self._mail[name]

    def mail_reader(self, source: str, address: str, path: bytes, store: Store) -> MailReader:
        if store.format != IMAP:
            return DboxReader(self.source(source), path, store.format, self._folder / DBOX)
        if source not in self._old_mail:
            spec = next(one for one in self._incident.sources if one.name == source)
            password = self._reveal(spec.master_password)
            self._old_mail[source] = OldImapServer(spec, password, _share(spec, self._incident.workers))
        return self._old_mail[source].read(address)

    def database(self, name: str) -> DatabaseServer:
        if name not in self._databases:
            target = next(one for one in self._incident.database_targets if one.name == name)
            self._databases[name] = MysqlServer(target, self._reveal(target.admin_password))
        return self._databases[name]

    def _mail_secret(self, target: MailTarget) -> Secret | Callable[[str], Secret]:
        """What logs in to a mail server: one secret, or what gives that of each address."""
        credential = target.credential
        if target.login == "master":
            return self._reveal(target.master_password)
        if target.login == "users":
            passwords = self._reveal(credential)
            return lambda address: password_of(passwords, address)
        return lambda address: (
            token(credential, address) if credential.kind == "command" else self._reveal(credential)
        )

    def mail_users(self, server: str) -> MailUsers:
        if server not in self._users:
            spec = next(one for one in self._incident.old_servers if one.name == server)
            self._users[server] = OldMailUsers(spec, self.source)
        return self._users[server]

    def maker(self, target: str) -> MailboxMaker:
        stated = next(one.create for one in self._incident.mail_targets if one.name == target)
        if stated is None:
            raise MailboxNotMade(
                f"mail server {target}: the incident file does not say how mailboxes are made"
            )
        return open_maker(stated, self._reveal)

    def progress(self, step: str) -> Progress:
        return self._progress(step)

    def close(self) -> None:
        """Give every connection back."""
        for source in self._sources.values():
            source.close()
        for database in self._databases.values():
            database.close()
        self._scratch.close()


def _share(spec: SourceSpec, workers: int) -> float:
    return spec.bytes_per_second / min(spec.copies, workers)


def open_source(spec: SourceSpec, workers: int) -> Source:
    """A backup as the incident file states it. A worker's share of its bandwidth is that of one slot, so that
    all together never pass the cap."""
    share = _share(spec, workers)
    if spec.kind == "folder":
        return FolderSource(spec.name, spec.path, share)
    if spec.kind == "imap":
        return NoFiles(spec.name)
    address = SftpAddress(spec.host, spec.port, spec.user, spec.key, spec.known_hosts, spec.timeout)
    return SftpSource(spec.name, spec.path, address, share)


def build_systems(place: object, progress: Callable[[str], Progress]) -> RealSystems:
    """A worker's systems; called by name in the worker's own process. Raises IncidentInvalid where the incident
    file is no longer the one this run was started with."""
    if not isinstance(place, Workplace):
        raise TypeError(place)
    os.umask(0o077)
    incident = read_incident(place.incident)
    if incident.digest != place.digest:
        raise IncidentInvalid(place.incident, ("changed since this run was started: drain it and run again",))
    return RealSystems(incident, DeskClient(Path(place.socket), place.epoch), progress)


@contextmanager
def database_servers(incident: Incident) -> Iterator[Mapping[str, DatabaseServer]]:
    """Every database target by its name, connected to at its first use."""
    servers = {one.name: MysqlServer(one, secret(one.admin_password)) for one in incident.database_targets}
    try:
        yield servers
    finally:
        for server in servers.values():
            server.close()


class Office:
    """The coordinator at work: reads the backups' index, remembers, and sends steps to its crew."""

    _survivors: tuple[DumpFile, ...] | None = None

    def __init__(self, incident: Incident, held: Pen, desk: DeskServer, inlet: Inlet) -> None:
        self.incident = incident
        self.inlet = inlet
        self.epoch, self.vault = held.epoch, held.vault
        self.text = incident_text(incident)
        self.ledger = held.ledger
        self._held = held
        self.desk = desk
        client = DeskClient(desk.path, held.epoch)
        self._systems = RealSystems(incident, client, lambda step: lambda amount: None)
        self._index: Index | None = None
        self.because = "cut"
        self.hire: Callable[[Office, Callable[[str, int], None]], AbstractContextManager[Crew]] | None = None
        """Makes a crew of workers that an operator started, in place of our own."""

    def index(self) -> Index:
        """The global index, read once; the ledger keeps which old server could be read."""
        if self._index is None:
            self._index = read_index(self.incident, self._systems.source, self._systems.dumps.databases)
            unread = {one.key: one for one in self._index.failed}
            keys = index_keys(self.incident)
            dropped = sorted(self.ledger.step_keys("index/", "failed").difference(keys))
            events = [unread.get(key) or Done(key, Nothing()) for key in keys]
            events += [Done(key, Nothing("no longer in the incident file")) for key in dropped]
            self.ledger.append_all(events)
        return self._index

    def remembered(self) -> tuple[Fact, ...]:
        """What stands done with databases, and what was seen of their dumps, as the ledger knows it, oldest first."""
        return self.ledger.facts(("load/", "switch/", "undo/", "verify/load/"))

    def owners(self) -> Mapping[DatabaseId, str]:
        """Whose each database is."""
        return {key: owners[0].customer.name for key, owners in own(self.index()).databases.items() if owners}

    def survey(self, *, again: bool = False) -> Survey:
        """All that a plan is decided from. With `again`, what was undone may be done again, and no dump is
        judged by an earlier look."""
        found = Survey(self.index(), self.ledger.decisions(), self.remembered(), self.survivors())
        return forget(found) if again else found

    def sweep(self, without: Collection[str] = ()) -> tuple[Outcome, ...]:
        """After a whole run, with no worker left: drop the staging databases nothing needs, here, on all targets but
        these."""
        crew = InlineCrew(lambda step, systems: apply(step, systems, ONCE), self._systems)
        events = execute(self.sweep_plan(without), self.pen(), crew, capacity(self.incident))
        return tuple(event for event in events if isinstance(event, Outcome))

    def sweep_plan(self, without: Collection[str] = ()) -> SweepPlan:
        """Which staging databases are needed is told by the run that would begin now."""
        steps = self.ledger.step_keys
        standing = steps(LOAD, *STANDING, IN_PART) | steps(SWITCH, *STANDING, IN_PART)
        targets = [one.name for one in self.incident.database_targets if one.name not in without]
        planned = BulkPlan(self.incident, self.survey()).jobs
        return SweepPlan(planned, targets, Traces(steps(LOAD)), standing)

    def preflight(self) -> tuple[Finding, ...]:
        """What speaks against a run, or should be known before it."""
        return check(self.incident, self.index(), self._systems)

    def survivors(self) -> tuple[DumpFile, ...]:
        """Dumps that hold the lost servers' password hashes, looked for once."""
        if self._survivors is None:
            self._survivors = find_survivors(self.incident, self.index(), self._systems.source)
        return self._survivors

    def sweep_scratch(self) -> None:
        """End scratch servers that a killed verification left, and remove what they held."""
        sweep(Path(self.incident.state) / SCRATCH)

    def pen(self, *, again: bool = False) -> Remembering:
        """The executor's way into the ledger."""
        return Remembering(self.ledger, again=again)

    @contextmanager
    def crew(self, moved: Callable[[str, int], None]) -> Iterator[Crew]:
        """Workers for this incident; `moved` is told which step moved how many bytes."""
        if self.hire is not None:
            with self.hire(self, moved) as hired:
                yield hired
            return
        incident = self.incident
        place = Workplace(incident.path, incident.digest, self._held.epoch, str(self.desk.path))
        factory = Factory("restore.wiring:build_systems", place)
        processes = min(incident.workers, os.cpu_count() or 1)
        size = Size(processes, -(-incident.workers // processes))
        folder = Path(incident.state) / CLUSTER
        with closing(DaskCrew(folder, factory, size, self.desk, moved)) as crew:
            yield crew

    def questions(self, of: Collection[str] | None = None) -> int:
        """How many questions wait for a person; of those with these ids, where any are given."""
        opened = (item.item.id for item in self.ledger.queue if item.state is ItemState.OPEN)
        return sum(of is None or item in of for item in opened)

    def settle_moot(self, asked: Collection[str], narrowing: Narrowing) -> None:
        """Close the open questions that a run, in which nothing failed, has not asked again: of all, or of the
        customers whose every thing it was narrowed to."""
        if replace(narrowing, customers=frozenset()) != Narrowing():
            return
        whose = {(one.server, safe(one.name)) for one in self.index().customers if narrowing.wants(one)}
        moot = [
            Settled(one.item.id, NO_LONGER_ASKED)
            for one in self.ledger.queue
            if one.state is ItemState.OPEN
            and one.item.cause != COMPLAINT
            and one.item.id not in asked
            and (not narrowing.customers or (one.item.subject.partition("/")[0], one.item.customer) in whose)
        ]
        self.ledger.append_all(moot)

    def close(self) -> None:
        """Give every connection back."""
        self._systems.close()


@contextmanager
def office(
    incident: Incident, operator: Operator, command: str, notify: Callable[[str], None]
) -> Iterator[Office]:
    """Coordinate an incident; `notify` is told what the operator has to wait for. Raises RunInProgress where another
    command coordinates it."""
    state = Path(incident.state)
    with pen(incident, operator) as held:
        held.ledger.append_all([RunStarted(incident.digest, command, incident.lost)])
        inlet = Inlet()
        desk_server = DeskServer(state, held.epoch, Leases(held.epoch), held.vault, Journals(state), notify)
        desk_server.inlet = inlet
        with desk_server as desk:
            opened = Office(incident, held, desk, inlet)
            try:
                yield opened
            except RestoreError as error:
                opened.because = error.code
                raise
            finally:
                inlet.close(at_once=True)
                opened.close()
                held.ledger.append_all([RunEnded(opened.because)])
