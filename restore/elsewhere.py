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
from restore.model.incident import Incident, SecretRef
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

FILES = ("key", "known_hosts", "ca")
"""The fields of sources and targets that name a file of the coordinator's host."""

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
    """What every worker's host must have of its own for this incident."""
    folders = [one for one in incident.sources if one.kind == "folder"]
    sockets = [one for one in incident.database_targets if one.socket]
    return [
        *(f"every worker's host must have the backup {one.name} at {safe(one.path)}" for one in folders),
        *(f"every worker's host must have the database {one.name} at {safe(one.socket)}" for one in sockets),
    ]


def equipment(incident: Incident) -> Equipment:
    """The passwords and files that sources and targets name. The vault's key is not among them. Raises
    SecretMissing."""
    given: dict[str, str] = {}

    def keep(reference: SecretRef) -> SecretRef:
        if reference.kind == "command":
            return reference
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


class ElsewhereSystems(RealSystems):
    """As RealSystems, with what the desk gave."""

    def __init__(self, station: Station, desk: TlsDeskClient, progress: Callable[[str], Progress]) -> None:
        assert isinstance(station.argument, Incident)  # noqa: S101 - crew_elsewhere gave it
        given = desk.equipment()
        self._client = desk
        self._handed = _Handed(station.folder, given)
        incident = _servers_with(station.argument, lambda reference: reference, self._handed.path)
        super().__init__(incident, desk, progress, station.folder, lambda one: _secret(given, one))

    def close(self) -> None:
        super().close()
        self._client.close()
        self._handed.close()


def _secret(given: Equipment, reference: SecretRef) -> Secret:
    if _name(reference) not in given:
        raise SecretMissing(f"the coordinator gave no {safe(_name(reference))}")
    return secret_of(given[_name(reference)])


class _Handed:
    """Files of the coordinator's host, in this process's memory (memfd_create(2)), under links that keep their names:
    what they hold never lies on this host's disk."""

    def __init__(self, folder: Path, given: Equipment) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="given-", dir=folder))
        self._given = given
        self._handles: list[int] = []

    def path(self, original: str) -> str:
        """Where that file is to be had here."""
        if original not in self._given:
            raise SecretMissing(f"the coordinator gave no {safe(original)}")
        handle = os.memfd_create("given", os.MFD_CLOEXEC)
        self._handles.append(handle)
        with open(handle, "wb", closefd=False) as file:
            file.write(self._given[original].encode("latin-1"))
        link = self._folder / f"{len(self._handles)}-{Path(original).name}"
        link.symlink_to(f"/proc/{os.getpid()}/fd/{handle}")
        return str(link)

    def close(self) -> None:
        """Forget them."""
        for handle in self._handles:
            os.close(handle)
        shutil.rmtree(self._folder, ignore_errors=True)


def build_systems(station: object, progress: Callable[[str], Progress]) -> ElsewhereSystems:
    """A worker's systems; called by name in the worker's own process. Raises CoordinatorGone, Fenced."""
    if not isinstance(station, Station):
        raise TypeError(station)
    return ElsewhereSystems(station, TlsDeskClient(station.desk, station.files), progress)
