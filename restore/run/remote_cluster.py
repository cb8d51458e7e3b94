"""A crew on a Dask cluster that an operator started, its workers on any hosts (cluster_nodes.py starts them so).

Every worker is given a place for each run that joins: its Post, a way to the coordinator's TLS desk, a folder of its
own in the worker's scratch space, and a presence (presence.py) by which it is dead before its lease ends without it.
Only plain data goes through Dask; what is secret the worker asks the desk for.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dask
from distributed import Client, Worker, WorkerPlugin
from distributed.scheduler import Scheduler

from restore.errors import ClusterGone, ClusterUnreachable, CoordinatorGone, Fenced
from restore.model.outcome import Failed, Outcome
from restore.model.plan import Step
from restore.run.carrier import Carrier, Errand, ignore
from restore.run.certificates import Certificates
from restore.run.cluster import CONFIG, LOGGERS, security_of, without_pages
from restore.run.crew import Gate
from restore.run.desk_tls_client import DeskAddress, TlsDeskClient
from restore.run.flights import Flight, Pauses
from restore.run.post import Factory, Post, outcome_of
from restore.run.presence import SHARE, Presence
from restore.run.process import logging_into, without_interrupts

JOIN_SECONDS = 30.0
BEATS_MISSED = 4
TRIES = 3
PAUSE_SECONDS = 2.0
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Joining:
    """What a run brings to a cluster: where the scheduler listens (tls://HOST:PORT), the coordinator's certificates,
    the desk's address, the `site` that all runs of one state folder share, and who builds a worker's systems: a
    Factory whose function is called with a Station."""

    scheduler: str
    files: Certificates
    site: str
    desk: DeskAddress
    factory: Factory


@dataclass(frozen=True, slots=True)
class Station:
    """What a worker's systems are built of: the factory's own argument, the desk, this worker's certificates, and a
    folder (0700) that goes with the run."""

    argument: object
    desk: DeskAddress
    files: Certificates
    folder: Path


@dataclass(frozen=True, slots=True)
class _Place:
    """One run's in a worker process."""

    station: Station
    post: Post
    presence: Presence

    def leave(self) -> None:
        """Give all back; a step under way ends with the process."""
        if self.presence.busy:
            _end("its run left while a step was under way")
        self.presence.close()
        self.post.close()
        shutil.rmtree(self.station.folder, ignore_errors=True)


_PLACES: dict[str, _Place] = {}


class StepPlugin(WorkerPlugin):
    """Makes the run's place in each worker that is there, and in each that comes."""

    def __init__(self, run: str, joining: Joining) -> None:
        self.name = f"bulkrestore-{joining.site}"
        self._run, self._site = run, joining.site
        self._desk, self._factory = joining.desk, joining.factory

    def setup(self, worker: Worker) -> None:
        worker.http_server.stop()
        folder = Path(worker.local_directory) / self.name
        folder.mkdir(mode=0o700, exist_ok=True)
        station = Station(self._factory.argument, self._desk, _files(worker), folder)
        client = TlsDeskClient(self._desk, station.files, self._desk.lease * SHARE / BEATS_MISSED)
        post = Post(Factory(self._factory.name, station), partial(_tell, worker, self._run))
        _PLACES[self._site] = _Place(station, post, Presence(client.present, self._desk.lease))

    def teardown(self, worker: Worker) -> None:
        """The run has ended, or its successor begins, or the worker does."""
        place = _PLACES.pop(self._site, None)
        if place is not None:
            place.leave()


def _files(worker: Worker) -> Certificates:
    said: Any = worker.security
    return Certificates(Path(said.tls_ca_file), Path(said.tls_worker_cert), Path(said.tls_worker_key))


def _tell(worker: Worker, run: str, topic: str, message: bytes) -> None:
    if topic == "outcomes":
        outcome = outcome_of(message)[1]
        if isinstance(outcome, Failed) and outcome.code == CoordinatorGone.code:
            _end(outcome.message)
    worker.log_event(f"{topic} {run}", message)


def _end(why: str) -> None:
    """Be lost: what this worker carries is given to others when its lease has ended."""
    LOG.error("this worker ends itself: %s", why)
    os.kill(os.getpid(), signal.SIGKILL)


def _carry(site: str, step: Step, ticket: str) -> None:
    place = _PLACES.get(site)
    if place is None:
        _end("it has no place for this run: see above why it could not be made")
        return
    with place.presence.carrying(step.key):
        place.post.carry(step, ticket)


def _cancel(site: str) -> None:
    if site in _PLACES:
        _PLACES[site].post.cancel()


def _try_desk(site: str) -> str:
    """Why this worker does not reach the coordinator; "" where it does."""
    station = _PLACES[site].station
    desk = TlsDeskClient(station.desk, station.files, JOIN_SECONDS / 2)
    try:
        desk.equipment()
    except (CoordinatorGone, Fenced) as error:
        return error.message
    finally:
        desk.close()
    return ""


def _harden(dask_scheduler: Scheduler) -> None:
    """Dask itself never repeats a step, and shows no page."""
    dask_scheduler.allowed_failures = 0
    without_pages(dask_scheduler)


class RemoteCrew(Carrier):
    """Workers that an operator started; see crew.Crew. `folder` takes the log. Raises ClusterUnreachable where they
    cannot be joined, or one of them does not reach the desk; ClusterGone, from `ready`, where the scheduler is lost."""

    def __init__(
        self,
        joining: Joining,
        folder: Path,
        gate: Gate | None = None,
        on_progress: Callable[[str, int], None] = ignore,
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(gate, on_progress, pauses)
        self._joining = joining
        self._plugin = StepPlugin(self._run, joining)
        self._strays = False
        with ExitStack() as stack:
            client = self._join(stack, folder)
            self._close = stack.pop_all()
        site = joining.site
        self._go(client, Errand(partial(_carry, site), partial(_cancel, site), f" {self._run}"))

    @property
    def settled(self) -> bool:
        """Whether every step that a worker took on was seen to end."""
        return not self._flights and not self._strays

    def close(self) -> None:
        self._close.close()

    def _join(self, stack: ExitStack, folder: Path) -> Client:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        stack.enter_context(dask.config.set(CONFIG))
        stack.enter_context(logging_into(folder / "cluster.log", (__name__, *LOGGERS)))
        where = self._joining.scheduler
        try:
            with without_interrupts():
                client = Client(  # type: ignore[no-untyped-call]
                    where,
                    security=security_of(self._joining.files),
                    set_as_default=False,
                    timeout=JOIN_SECONDS,
                )
                stack.callback(client.close)
                client.run_on_scheduler(_harden)  # type: ignore[no-untyped-call]
                client.wait_for_workers(1, timeout=JOIN_SECONDS)
                stack.callback(self._leave, client)
                refused = self._settle_in(client)
        except (OSError, TimeoutError, ImportError) as error:
            words = str(error) or "no worker has joined it"
            raise ClusterUnreachable(f"the cluster at {where} cannot be used: {words}") from error
        for worker, why in refused.items():
            if why:
                raise ClusterUnreachable(f"the worker {worker} does not reach this coordinator: {why}")
        return client

    def _settle_in(self, client: Client) -> Mapping[str, str]:
        """Make a place in each worker; which of them do not reach the desk, and why. One that dies meanwhile (of an
        earlier run's step, say) breaks this off, and it is done again."""
        for left in reversed(range(TRIES)):
            try:
                client.register_plugin(self._plugin)
                refused: Mapping[str, str] = client.run(partial(_try_desk, self._joining.site))
            except OSError:
                if not left:
                    raise
                time.sleep(PAUSE_SECONDS)
            else:
                break
        return refused

    def _leave(self, client: Client) -> None:
        """Take the run's places away. A worker that is met with a step under way ends: the answer may fail."""
        if client.status == "running":
            with suppress(OSError, TimeoutError, ValueError):
                client.unregister_worker_plugin(self._plugin.name)  # type: ignore[no-untyped-call]

    def _look_for_losses(self, outcomes: list[Outcome]) -> None:
        if self._client.status != "running":
            self._strays = True
            raise ClusterGone(f"the scheduler at {self._joining.scheduler} is not to be reached any more")
        super()._look_for_losses(outcomes)

    def _lose(self, flight: Flight, outcomes: list[Outcome]) -> None:
        self._strays = True
        super()._lose(flight, outcomes)
