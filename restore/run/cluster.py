"""A crew of worker processes on this host, on a Dask cluster of its own, with every connection encrypted: its workers,
and how both are started. What it carries, and how, is in carrier.py."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, Nanny, Worker
from distributed.scheduler import Scheduler
from distributed.security import Security
from distributed.utils import get_mp_context

from restore.model.plan import Step
from restore.run.carrier import Carrier, Errand, ignore
from restore.run.certificates import Certificates, issue
from restore.run.crew import Gate
from restore.run.flights import Pauses
from restore.run.nursery import BORN_BY, open_nursery
from restore.run.post import Factory, Post
from restore.run.process import die_with, leave_interrupts, logging_into, speak_into, without_interrupts
from restore.run.semaphores import sweep_semaphores

CONFIG = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": "60s",
    "distributed.scheduler.no-workers-timeout": "2 minutes",
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.admin.low-level-log-length": 100,
    "distributed.admin.log-length": 100,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.comm.require-encryption": True,
    "distributed.worker.multiprocessing-method": "forkserver",
}
LOGGERS = (
    __name__,
    "restore.run.carrier",
    "distributed",
    "distributed.client",
    "distributed.gc",
    "tornado",
    "tornado.application",
    "asyncio",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How many worker processes, and steps at once in each."""

    processes: int
    threads: int


class DaskCrew(Carrier):
    """A LocalCluster of our own; see crew.Crew. `folder` takes its certificates, scratch space and log, and
    `on_progress` is told, in the thread that runs `ready`, how many more bytes of a step are done."""

    def __init__(
        self,
        folder: Path,
        factory: Factory,
        size: Size,
        gate: Gate | None = None,
        on_progress: Callable[[str, int], None] = ignore,
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(gate, on_progress, pauses)
        with ExitStack() as stack:
            self._cluster, self._client = _start(stack, folder, factory, size)
            self._close = stack.pop_all()
        self._go(self._client, Errand(_carry, _cancel))

    def close(self) -> None:
        for nanny in self._cluster.workers.values():
            nanny.auto_restart = False
            if self._flights and nanny.pid is not None:
                os.kill(nanny.pid, signal.SIGKILL)
        self._close.close()

    @property
    def address(self) -> str:
        """Where the scheduler listens."""
        return str(self._cluster.scheduler_address)

    def workers(self) -> tuple[int, ...]:
        """The process ids of the workers that run now."""
        return tuple(nanny.pid for nanny in self._cluster.workers.values() if nanny.pid is not None)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a worker is told when it is started: no secret."""

    factory: Factory
    log: Path


class StepWorker(Worker):
    """A worker process of ours: dies with its coordinator, ignores ^C, speaks into the log, has a Post."""

    def __init__(self, *args: Any, terms: _Terms, **options: Any) -> None:
        die_with(BORN_BY)
        leave_interrupts()
        speak_into(terms.log)
        logging.getLogger("distributed").setLevel(logging.WARNING)
        super().__init__(*args, **options)
        self.post = Post(terms.factory, self.log_event)
        _HERE.append(self.post)

    def start_http_server(self, *args: Any, **options: Any) -> None:
        super().start_http_server(*args, **options)  # type: ignore[no-untyped-call]
        self.http_server.stop()

    async def close(self, *args: Any, **options: Any) -> Any:
        ended = await super().close(*args, **options)
        self.post.close()
        return ended


_HERE: list[Post] = []


class StepNanny(Nanny):
    """Starts a StepWorker, again whenever it dies."""

    def __init__(self, *args: Any, terms: _Terms, **options: Any) -> None:
        options["worker_class"] = partial(StepWorker, terms=terms)
        super().__init__(*args, **options)


def _carry(step: Step, ticket: str) -> None:
    _HERE[-1].carry(step, ticket)


def _cancel() -> None:
    _HERE[-1].cancel()


def without_pages(dask_scheduler: Scheduler) -> None:
    """Close the scheduler's own page."""
    dask_scheduler.http_server.stop()


def _start(stack: ExitStack, folder: Path, factory: Factory, size: Size) -> tuple[LocalCluster, Client]:
    sweep_semaphores()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / "cluster.log"
    security = security_of(issue(folder / "tls"))
    stack.enter_context(dask.config.set(CONFIG))
    stack.enter_context(logging_into(log, LOGGERS))
    get_mp_context()  # type: ignore[no-untyped-call] # its own choice of imports comes first, and ours is made after it
    open_nursery()
    with without_interrupts():
        cluster = LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=size.processes,
            threads_per_worker=size.threads,
            host="127.0.0.1",
            protocol="tls://",
            security=security,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            silence_logs=False,
            worker_class=StepNanny,
            terms=_Terms(factory, log),
            local_directory=os.fspath(folder),
        )
        stack.callback(cluster.close)
        client = Client(cluster, security=security, set_as_default=False)  # type: ignore[no-untyped-call]
        stack.callback(client.close)
        client.run_on_scheduler(without_pages)  # type: ignore[no-untyped-call]
    return cluster, client


def security_of(files: Certificates) -> Security:
    """Dask's form of certificates: both ends of every connection show theirs."""
    node = {
        f"tls_{role}_{part}": os.fspath(path)
        for role in ("client", "scheduler", "worker")
        for part, path in (("cert", files.certificate), ("key", files.key))
    }
    return Security(  # type: ignore[no-untyped-call]
        tls_ca_file=os.fspath(files.authority), require_encryption=True, **node
    )
