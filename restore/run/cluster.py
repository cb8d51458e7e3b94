"""A crew of worker processes on Dask, with every connection encrypted.

Limits are the schedule's: what is begun here is sent out at once. An outcome does not come back as a task's
result but as an event, on the same ordered stream and a round trip earlier; a task's own state only tells of
workers that died and of bugs. A step whose worker died is sent out again after its lease has run out, a few
times; Dask itself never repeats one. Nothing that Dask keeps or logs (arguments, keys, events) holds a secret.

Longer than other modules because Dask is known here alone: the crew, its workers, and how both are started.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import dask
from distributed import Client, KilledWorker, LocalCluster, Nanny, Worker
from distributed.scheduler import NoValidWorkerError, Scheduler
from distributed.security import Security

from restore.errors import StepBroken, WorkerLost
from restore.model.outcome import Abandoned, Outcome
from restore.model.plan import Step
from restore.run.apply import failure
from restore.run.certificates import Certificates, issue
from restore.run.crew import STOPPED, Gate, OpenGate
from restore.run.flights import Flight, Pauses, sort_out
from restore.run.post import Factory, Post, outcome_of, progress_of
from restore.run.process import die_with, leave_interrupts, logging_into, speak_into, without_interrupts

POLL_SECONDS = 0.25
GATHER_SECONDS = 0.005  # what ends meanwhile shares a commit and a message with what ended first
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
}
LOG = logging.getLogger(__name__)
LOGGERS = (
    __name__, "distributed", "distributed.client", "distributed.gc", "tornado", "tornado.application", "asyncio"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """How many worker processes, and steps at once in each."""

    processes: int
    threads: int


def ignore(key: str, amount: int) -> None:
    """Hear of no progress."""


class DaskCrew:
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
        self._gate = gate or OpenGate()
        self._on_progress = on_progress
        self._pauses = pauses or Pauses()
        self._run = secrets.token_hex(4)
        self._tries = count()
        self._flights: dict[str, Flight] = {}
        self._waiting: list[Flight] = []
        self._inbox: SimpleQueue[tuple[str, bytes]] = SimpleQueue()
        self._next_check = 0.0
        self._draining = self._cancelled = self._cancel_told = False
        with ExitStack() as stack:
            self._cluster, self._client = _start(stack, folder, factory, size)
            self._close = stack.pop_all()
        for topic in ("outcomes", "progress"):
            self._client.subscribe_topic(topic, partial(self._hear, topic))  # type: ignore[no-untyped-call]

    @property
    def draining(self) -> bool:
        return self._draining

    def begin(self, step: Step, failures: int = 0) -> None:
        pauses = self._pauses.suspect
        pause = pauses[min(failures, len(pauses)) - 1] if failures else 0.0
        flight = Flight(step, time.monotonic() + pause, self._ticket(step.key))
        self._gate.allow((step.key,))
        self._flights[step.key] = flight
        self._waiting.append(flight)

    def _ticket(self, key: str) -> str:
        """Names one try of a step: Dask answers a name that it has seen with what it answered then."""
        return f"{self._run}:{key}:{next(self._tries)}"

    def ready(self) -> Iterator[Sequence[Outcome]]:
        while self._flights:
            outcomes = self._call_off() if self._draining else []
            self._send()
            woken = self._listen(outcomes)
            if time.monotonic() >= self._next_check:
                self._look_for_losses(outcomes)
                self._next_check = time.monotonic() + POLL_SECONDS
            if outcomes or woken:
                yield outcomes

    def drain(self) -> None:
        self._draining = True
        self.wake()

    def wake(self) -> None:
        self._inbox.put(("wake", b""))

    def cancel(self) -> None:
        self._cancelled = True
        self.drain()

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

    def _hear(self, topic: str, event: tuple[float, bytes]) -> None:
        self._inbox.put((topic, event[1]))

    def _send(self) -> None:
        due, self._waiting = sort_out(self._waiting, self._flights.values(), time.monotonic())
        if not due:
            return
        futures = self._client.map(
            _carry,
            [flight.step for flight in due],
            [flight.ticket for flight in due],
            key=[("step", flight.ticket) for flight in due],
            pure=False,
        )
        for flight, future in zip(due, futures, strict=True):
            flight.future = future

    def _call_off(self) -> list[Outcome]:
        """What was begun and not yet sent out; and, once, word to the workers."""
        if self._cancelled and not self._cancel_told:
            self._cancel_told = True
            word = partial(self._client.run, _cancel, on_error="ignore")
            threading.Thread(target=word, name="cancel", daemon=True).start()
        waiting, self._waiting = self._waiting, []
        return [self._end(Abandoned(flight.step.key, STOPPED)) for flight in waiting]

    def _listen(self, outcomes: list[Outcome]) -> bool:
        """Take in what has arrived, waiting for it if nothing else is known; True if somebody woke us."""
        woken = False
        try:
            topic, message = self._inbox.get(block=not outcomes, timeout=POLL_SECONDS)
            time.sleep(GATHER_SECONDS)
            while True:
                if topic == "outcomes":
                    self._take(*outcome_of(message), outcomes)
                elif topic == "progress":
                    self._on_progress(*progress_of(message))
                else:
                    woken = True
                topic, message = self._inbox.get_nowait()
        except Empty:
            return woken

    def _take(self, ticket: str, outcome: Outcome, outcomes: list[Outcome]) -> None:
        flight = self._flights.get(outcome.key)
        if flight is not None and flight.ticket == ticket:
            outcomes.append(self._end(outcome))

    def _end(self, outcome: Outcome) -> Outcome:
        del self._flights[outcome.key]
        self._gate.withdraw((outcome.key,))
        return outcome

    def _look_for_losses(self, outcomes: list[Outcome]) -> None:
        for flight in list(self._flights.values()):
            if flight.future is None:
                continue
            status = flight.future.status
            if status == "pending":
                continue
            if status == "error":
                error = flight.future.exception()
                if not isinstance(error, KilledWorker | NoValidWorkerError):
                    outcomes.append(self._end(self._broken(flight, error)))
                    continue
            elif status == "finished" and not flight.silent:
                flight.silent = True
                continue
            self._lose(flight, outcomes)

    def _broken(self, flight: Flight, error: BaseException | None) -> Outcome:
        """A fault of ours in one step: it must not keep all other customers waiting. The log says where it is; not
        what it said, which may be a tenant's text."""
        key = flight.step.key
        trace = traceback.extract_tb(error.__traceback__ if error else None)
        places = [f"{one.filename}:{one.lineno}" for one in trace]
        LOG.error("%s met %s at %s", key, type(error).__name__, " < ".join(reversed(places)))
        where = f" at {places[-1].rpartition('/')[2]}" if places else ""
        return failure(key, StepBroken(f"{key}: {type(error).__name__}{where}"))

    def _lose(self, flight: Flight, outcomes: list[Outcome]) -> None:
        key = flight.step.key
        self._gate.lose((key,))
        flight.losses += 1
        if flight.losses > len(self._pauses.lost) or self._draining:
            died = f"{flight.losses} worker process(es) died while they carried {key}"
            del self._flights[key]
            outcomes.append(failure(key, WorkerLost(died)))
            return
        flight.ticket = self._ticket(key)
        flight.due = time.monotonic() + self._pauses.lost[flight.losses - 1]
        flight.future, flight.silent = None, False
        self._gate.allow((key,))
        self._waiting.append(flight)


@dataclass(frozen=True, slots=True)
class _Terms:
    """What a worker is told when it is started: no secret."""

    factory: Factory
    parent: int
    log: Path


class StepWorker(Worker):
    """A worker process of ours: dies with its coordinator, ignores ^C, speaks into the log, has a Post."""

    def __init__(self, *args: Any, terms: _Terms, **options: Any) -> None:
        die_with(terms.parent)
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


def _without_pages(dask_scheduler: Scheduler) -> None:
    dask_scheduler.http_server.stop()


def _start(stack: ExitStack, folder: Path, factory: Factory, size: Size) -> tuple[LocalCluster, Client]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / "cluster.log"
    security = _security(issue(folder / "tls"))
    stack.enter_context(dask.config.set(CONFIG))
    stack.enter_context(logging_into(log, LOGGERS))
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
            terms=_Terms(factory, os.getpid(), log),
            local_directory=os.fspath(folder),
        )
        stack.callback(cluster.close)
        client = Client(cluster, security=security, set_as_default=False)  # type: ignore[no-untyped-call]
        stack.callback(client.close)
        client.run_on_scheduler(_without_pages)  # type: ignore[no-untyped-call]
    return cluster, client


def _security(files: Certificates) -> Security:
    node = {
        f"tls_{role}_{part}": os.fspath(path)
        for role in ("client", "scheduler", "worker")
        for part, path in (("cert", files.certificate), ("key", files.key))
    }
    return Security(  # type: ignore[no-untyped-call]
        tls_ca_file=os.fspath(files.authority), require_encryption=True, **node
    )
