"""What carries steps to Dask's workers and their outcomes back, whoever started the cluster.

Limits are the schedule's: what is begun here is sent out at once. An outcome does not come back as a task's
result but as an event, on the same ordered stream and a round trip earlier; a task's own state only tells of
workers that died and of bugs. A step whose worker died is sent out again after its lease has run out, a few
times; Dask itself never repeats one. Nothing that Dask keeps or logs (arguments, keys, events) holds a secret.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from queue import Empty, SimpleQueue

from distributed import Client, KilledWorker
from distributed.scheduler import NoValidWorkerError

from restore.errors import StepBroken, WorkerLost
from restore.model.outcome import Abandoned, Outcome
from restore.model.plan import Step
from restore.run.apply import failure
from restore.run.crew import STOPPED, Gate, OpenGate
from restore.run.flights import Flight, Pauses, sort_out
from restore.run.post import outcome_of, progress_of

POLL_SECONDS = 0.25
GATHER_SECONDS = 0.005  # what ends meanwhile shares a commit and a message with what ended first
LOG = logging.getLogger(__name__)


def ignore(key: str, amount: int) -> None:
    """Hear of no progress."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is run in a worker: `carry` does a step under a ticket, `cancel` lets all its steps stop. `suffix` ends the
    topics under which it tells outcomes and progress."""

    carry: Callable[[Step, str], None]
    cancel: Callable[[], None]
    suffix: str = ""


class Carrier:
    """See crew.Crew; what is left to a crew of its kind is to start (`_go`) and to close. `on_progress` is told, in the
    thread that runs `ready`, how many more bytes of a step are done."""

    def __init__(
        self, gate: Gate | None, on_progress: Callable[[str, int], None], pauses: Pauses | None
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

    def _go(self, client: Client, errand: Errand) -> None:
        """Carry steps by this client from now on."""
        self._client, self._errand = client, errand
        for topic in ("outcomes", "progress"):
            client.subscribe_topic(topic + errand.suffix, partial(self._hear, topic))  # type: ignore[no-untyped-call]

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

    def _hear(self, topic: str, event: tuple[float, bytes]) -> None:
        self._inbox.put((topic, event[1]))

    def _send(self) -> None:
        due, self._waiting = sort_out(self._waiting, self._flights.values(), time.monotonic())
        if not due:
            return
        futures = self._client.map(
            self._errand.carry,
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
            word = partial(self._client.run, self._errand.cancel, on_error="ignore")
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
