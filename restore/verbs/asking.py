"""Asks the coordinator under way, and becomes it where none is: the one way by which every verb that writes goes.

The wire is request.py's: one JSON object a line. An operator's request has the op "ask", the `ask` itself (run, undo,
record, keep, pause, resume, drain, limit), who asks, and the incident file as he has it. Replies: {"accepted": …} once
it is in the ledger, {"paused": true} where nothing begins yet, {"event": …} and {"counts": …} while it goes on, and at
the end {"ok": …}, {"error": …} or {"closed": true} where the coordinator is about to end and takes nothing more.
"""

from __future__ import annotations

import json
import os
import socket
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from detectors.finding import Secret
from restore import errors
from restore.errors import CoordinatorGone, RequestRefused, RestoreError, RunInProgress
from restore.incident import incident_text
from restore.ledger import codec
from restore.ledger.events import ItemEvent, read_event
from restore.ledger.queue import Queue
from restore.ledger.reading import Reading
from restore.model.incident import Incident
from restore.model.operator import Operator
from restore.model.outcome import Outcome
from restore.report.progress import Documents, Lines
from restore.request import pack, socket_path, text_of
from restore.run.pen import pen
from restore.verbs.screen import FAILURES, Screen, incident_of, operator_of
from restore.verbs.summing import summary

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.1
QUIET_SECONDS = 3.0
T = TypeVar("T")
Reply = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Pad:
    """What a person's decision is written with: the queue as it stands, and the vault (`keep` gives the id of a
    secret kept for a purpose)."""

    queue: Queue
    keep: Callable[[str, Secret], str]


def record(options: Namespace, screen: Screen, decide: Callable[[Pad], Sequence[ItemEvent]]) -> None:
    """Put what a person decided about the queue into the ledger, under his name; a coordinator under way acts on it
    at once. `decide` may be asked again where a coordinator ends meanwhile. Raises what `decide` raises, ItemUnknown,
    RunInProgress where somebody writes who takes no requests."""
    incident, operator = incident_of(options), operator_of(options)

    def write() -> None:
        with pen(incident, operator) as held:
            held.ledger.append_all(decide(Pad(held.ledger.queue, held.vault.put)))

    def ask(line: Line) -> None:
        with Reading.open(Path(incident.state)) as reading:
            queue = reading.queue()
        events = decide(Pad(queue, line.keep))
        line.settle("record", events=[codec.encode(event) for event in events])

    ask_or_become(incident, operator, screen, ask, write)


def follow(line: Line, screen: Screen, ask: str, **more: object) -> int:
    """Ask for work, show how it goes on as if it were done here, and give the exit code for that part alone."""
    ends: dict[str, Outcome] = {}
    display = Documents(screen.document) if screen.as_json else Lines(screen.say)
    said: Mapping[str, Any] = {}
    try:
        for reply in line.replies(ask, **more):
            if "accepted" in reply:
                screen.warn(
                    f"The run under way has taken it up as {reply['accepted']}; ^C lets it go on without you."
                )
            if "paused" in reply:
                screen.warn(
                    "That run is paused: nothing of this begins before somebody gives `bulkrestore resume`."
                )
            if "event" in reply:
                event = read_event(reply["event"])
                display.event(event)
                if isinstance(event, Outcome):
                    ends[event.key] = event
            said = reply.get("ok", said)
    except KeyboardInterrupt:
        screen.warn("Left: what was asked for goes on in the run under way. `bulkrestore log` shows it.")
        return FAILURES
    code = summary(screen, ends, said["questions"])
    if said["drained"]:
        screen.warn(
            "That run was drained before all of this was begun. Run the same command again for the rest."
        )
    return FAILURES if said["drained"] else code


def ask_or_become(
    incident: Incident, operator: Operator, screen: Screen, ask: Callable[[Line], T], become: Callable[[], T]
) -> T:
    """`become` does the thing as the coordinator; where another is, `ask` asks that one over its socket. One that ends
    or dies meanwhile is followed by the other way. Raises RunInProgress where the other takes no requests."""
    end = time.monotonic() + PATIENCE_SECONDS
    told = time.monotonic() + QUIET_SECONDS
    while True:
        try:
            return become()
        except RunInProgress as error:
            busy = error
        try:
            with closing(Line(socket_path(Path(incident.state)), incident, operator)) as line:
                return ask(line)
        except CoordinatorGone:
            if time.monotonic() > end:
                raise busy from None
        if time.monotonic() > told:
            screen.warn(f"Waiting: {busy.message}")
            told = end
        time.sleep(PAUSE_SECONDS)


class Line:
    """An operator's connection to the coordinator under way. Raises CoordinatorGone where nobody listens, where it
    breaks, and where the coordinator takes no requests any more."""

    def __init__(self, path: Path, incident: Incident, operator: Operator) -> None:
        self._about = {
            "operator": {"name": operator.name, "origin": operator.origin},
            "digest": incident.digest,
            "incident": incident_text(incident),
        }
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.connect(os.fsencode(path))
        except OSError as error:
            self._socket.close()
            raise CoordinatorGone(f"nobody listens at {path}: {error.strerror}") from error
        self._replies = self._socket.makefile("rb")

    def replies(self, ask: str, **more: object) -> Iterator[Reply]:
        """Ask; what is said of it until its end, which is the last: an "ok". Raises what the coordinator met."""
        try:
            self._socket.sendall(pack({"op": "ask", "ask": ask, **self._about, **more}))
            while text := self._replies.readline():
                reply: Reply = json.loads(text)
                if "error" in reply:
                    raise _raised(reply["error"])
                if "closed" in reply:
                    break
                yield reply
                if "ok" in reply:
                    return
        except OSError as error:
            raise CoordinatorGone(f"the connection to the coordinator broke: {error.strerror}") from error
        raise CoordinatorGone("the coordinator has ended before this was done")

    def settle(self, ask: str, **more: object) -> Mapping[str, Any]:
        """Ask for what is done at once; what the coordinator says of it."""
        *_, last = self.replies(ask, **more)
        said: Mapping[str, Any] = last["ok"]
        return said

    def keep(self, purpose: str, secret: Secret) -> str:
        """Keep a secret in the incident's vault; its id."""
        return str(self.settle("keep", purpose=purpose, secret=text_of(secret))["id"])

    def close(self) -> None:
        """Hang up; what was accepted goes on."""
        self._replies.close()
        self._socket.close()


def _raised(said: Mapping[str, str]) -> RestoreError:
    """The coordinator's error as ours."""
    known = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, RestoreError)]
    plain = [one for one in known if one is not RestoreError and one.__init__ is RestoreError.__init__]
    found = next((one for one in plain if one.code == said["code"]), RequestRefused)
    return found(said["message"], kept=said.get("kept", ""))
