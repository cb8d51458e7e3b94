"""Workers on other hosts than the coordinator's: what a run gives them, and how they build their systems.

A worker elsewhere needs no incident file. The incident as it was read comes with the run; it holds no secret. The
passwords and the files that it names (SSH key, known hosts, authorities) come from the coordinator's TLS desk and stay
in the worker's memory. What is fetched lies in the worker's own scratch space and goes with the run.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import tempfile
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import TypeVar

from detectors.finding import Secret
from restore.errors import BadUse, ClusterUnreachable, SecretMissing
from restore.incident import secret
from restore.model.incident import DatabaseTarget, Incident, MakeCommand, PasswdFile, SecretRef, UserTable
from restore.model.ports import Progress
from restore.model.text import safe
from restore.request import secret_of, text_of
from restore.run.certificates import Certificates
from restore.run.crew import Crew
from restore.run.desk_tls import Equipment, TlsDesk, all_home, open_tls
from restore.run.desk_tls_client import DeskAddress, TlsDeskClient
from restore.run.post import Factory
from restore.run.remote_cluster import Joining, RemoteCrew, Station
from restore.run.strays import elsewhere_path
from restore.wiring import CLUSTER, Office, RealSystems

COMMAND = "command"
FILES = ("key", "known_hosts", "ca")
"""The fields of sources and targets that name a file of the coordinator's host."""

Progresses = Callable[[str], Progress]
Spec = TypeVar("Spec")


@dataclass(frozen=True, slots=True)
class Cluster:
    """What an operator states: the scheduler (tls://HOST:PORT), the coordinator's certificates, and where the desk
    listens ("", 0: the address from which the scheduler is reached, any port)."""

    scheduler: str
    files: Certificates
    desk_host: str = ""
    desk_port: int = 0


def place_of(scheduler: str) -> tuple[str, int]:
    """Host and port of tls://HOST:PORT. Raises BadUse."""
    parts = urllib.parse.urlsplit(scheduler)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if parts.scheme != "tls" or not host or not port or parts.path:
        raise BadUse(f"a scheduler is given as tls://HOST:PORT; found {safe(scheduler, 100)}")
    return host, port


def cautions(incident: Incident) -> list[str]:
    """What every worker's host must have of its own for this incident. Raises BadUse for what can be done on this
    host alone."""
    wanted = [
        f"the backup {one.name} at {safe(one.path)}" for one in incident.sources if one.kind == "folder"
    ]
    wanted += [
        f"the database {one.name} at {safe(one.socket)}" for one in incident.database_targets if one.socket
    ]
    for mail in incident.mail_targets:
        match mail.create:
            case PasswdFile():
                raise BadUse(
                    f"mail server {mail.name}: mailboxes are made in {safe(mail.create.path)} on this host, which"
                    " workers elsewhere cannot write: run without --scheduler, or let a table or a command make them"
                )
            case MakeCommand():
                wanted.append(f"{safe(mail.create.make[0])}, which makes the mailboxes of {mail.name}")
            case UserTable(server=DatabaseTarget(socket=there)) if there:
                wanted.append(f"the user table of {mail.name} at {safe(there)}")
        if mail.credential.kind == COMMAND:
            wanted.append(f"the command that gives the tokens of {mail.name}")
    return [f"every worker's host must have {one}" for one in wanted]


def equipment(incident: Incident) -> Equipment:
    """The passwords and files that sources and targets name. The vault's key is not among them. Raises
    SecretMissing."""
    given: dict[str, str] = {}

    def keep(reference: SecretRef) -> SecretRef:
        if reference.kind == "command":
            return reference
        if reference.kind != COMMAND:
            given[_name(reference)] = text_of(secret(reference))
        return reference

    def read(path: str) -> str:
        try:
            given[path] = Path(path).read_bytes().decode("latin-1")
        except OSError as error:
            raise SecretMissing(f"{safe(path)} cannot be read: {error.strerror}") from error
        return path

    _servers_with(incident, keep, read)
    return given


def _name(reference: SecretRef) -> str:
    return f"{reference.kind}:{reference.value}"


def _servers_with(
    incident: Incident, secrets: Callable[[SecretRef], SecretRef], files: Callable[[str], str]
) -> Incident:
    """The incident with each secret and each file's path of its servers as these say."""

    def each(spec: Spec) -> Spec:
        if not is_dataclass(spec) or isinstance(spec, type):
            return spec
        changed: dict[str, object] = {}
        for one in fields(spec):
            value = getattr(spec, one.name)
            if isinstance(value, SecretRef):
                changed[one.name] = secrets(value) if value.kind else value
            elif one.name in FILES and isinstance(value, str):
                changed[one.name] = files(value) if value else value
            else:
                changed[one.name] = each(value)
        return replace(spec, **changed)

    return replace(
        incident,
        sources=tuple(map(each, incident.sources)),
        mail_targets=tuple(map(each, incident.mail_targets)),
        database_targets=tuple(map(each, incident.database_targets)),
    )


@contextmanager
def crew_elsewhere(cluster: Cluster, here: Office, moved: Callable[[str, int], None]) -> Iterator[Crew]:
    """An operator's workers for this incident; `moved` is told which step moved how many bytes. Raises
    ClusterUnreachable, DeskUnheard, SecretMissing."""
    given = equipment(here.incident)
    host = cluster.desk_host or towards(cluster.scheduler)
    desk = TlsDesk(host, cluster.desk_port, cluster.files, lambda: given)
    unsettled = elsewhere_path(here.desk.path, here.epoch).exists()
    with open_tls(here.desk, here.epoch, desk) as port:
        address = DeskAddress(host, port, here.epoch, here.desk.leases.seconds)
        factory = Factory(f"{__name__}:build_systems", here.incident)
        joining = Joining(cluster.scheduler, cluster.files, _site(here.incident), address, factory)
        settled = True
        try:
            crew = RemoteCrew(joining, Path(here.incident.state) / CLUSTER, here.desk, moved)
            settled = False
            try:
                yield crew
            finally:
                crew.close()
                settled = crew.settled
        finally:
            if settled and not unsettled:
                all_home(here.desk, here.epoch)


def _site(incident: Incident) -> str:
    """Names the state folder on its host."""
    return hashlib.sha256(f"{socket.gethostname()}:{incident.state}".encode()).hexdigest()[:12]


def towards(scheduler: str) -> str:
    """The address of this host from which that scheduler is reached; nothing is sent. Raises ClusterUnreachable."""
    host, port = place_of(scheduler)
    try:
        family, kind, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except OSError as error:
        raise ClusterUnreachable(f"there is no way to {scheduler}: {error.strerror}") from error


class Handed:
    """What the coordinator gave, opened: `incident` names files of its host where they are to be had here. They lie in
    this process's memory (memfd_create(2)), under links in `folder` that keep their names, and never on this disk."""

    def __init__(self, incident: Incident, given: Equipment, folder: Path) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="given-", dir=folder))
        self._given = given
        self._handles: list[int] = []
        self.incident = _servers_with(incident, lambda reference: reference, self._file)

    def secret(self, reference: SecretRef) -> Secret:
        """The secret that a reference names; raises SecretMissing."""
        return secret_of(self._find(_name(reference)))

    def close(self) -> None:
        """Forget the files."""
        for handle in self._handles:
            os.close(handle)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _find(self, name: str) -> str:
        if name not in self._given:
            raise SecretMissing(f"the coordinator gave no {safe(name)}")
        return self._given[name]

    def _file(self, original: str) -> str:
        content = self._find(original).encode("latin-1")
        handle = os.memfd_create("given", os.MFD_CLOEXEC)
        self._handles.append(handle)
        with open(handle, "wb", closefd=False) as file:
            file.write(content)
        link = self._folder / f"{len(self._handles)}-{Path(original).name}"
        link.symlink_to(f"/proc/{os.getpid()}/fd/{handle}")
        return str(link)


class ElsewhereSystems(RealSystems):
    """As RealSystems, with what the desk gave."""

    def __init__(self, handed: Handed, desk: TlsDeskClient, progress: Progresses, folder: Path) -> None:
        super().__init__(handed.incident, desk, progress, folder, handed.secret)
        self._client, self._handed = desk, handed

    def close(self) -> None:
        super().close()
        self._client.close()
        self._handed.close()


def build_systems(station: object, progress: Progresses) -> ElsewhereSystems:
    """A worker's systems; called by name in the worker's own process. Raises CoordinatorGone, Fenced."""
    if not isinstance(station, Station) or not isinstance(station.argument, Incident):
        raise TypeError(station)
    desk = TlsDeskClient(station.desk, station.files)
    handed = Handed(station.argument, desk.equipment(), station.folder)
    return ElsewhereSystems(handed, desk, progress, station.folder)
