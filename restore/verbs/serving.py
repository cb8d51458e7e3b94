"""The coordinator's side of what operators ask while a run is on: taken up between two ticks, in the thread that
coordinates, and in the ledger before it is acknowledged. The wire is described in asking.py. Longer than other modules
because every kind of request is answered here, each by a few lines."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from restore.errors import BadUse, IncidentDiffers, RequestRefused, RestoreError
from restore.ledger import codec
from restore.ledger.events import (
    Answered,
    Drained,
    Dropped,
    Event,
    LimitChanged,
    Paused,
    Requested,
    RequestEnded,
    Resumed,
)
from restore.ledger.events import Asked as AskedEvent
from restore.model.outcome import Outcome
from restore.model.plan import Job, Learned, Plan
from restore.model.survey import Narrowing
from restore.model.text import safe
from restore.plan.bulk import BulkPlan
from restore.plan.ownership import own
from restore.plan.together import Asked, Together
from restore.plan.undo import UndoPlan
from restore.plan.wanted import Wish, afresh, concerned, wish, within
from restore.request import secret_of
from restore.run.crew import Crew
from restore.run.execute import Pen
from restore.run.inlet import CLOSED, Request
from restore.run.schedule import Schedule
from restore.verbs.limits import check_limit
from restore.verbs.narrowing import check_narrowing, database_of, narrowing_from, text_said, texts_said
from restore.wiring import Office

ITEM_EVENTS = frozenset(
    {"Answered", "Asked", "Claimed", "Dropped", "Purged", "Purging", "Released", "Settled"}
)
DIFFERENCES = 40
BY_REQUEST = "asked to by a request"


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """A request that goes on."""

    id: str
    request: Request
    asked: Asked


class Attendant:
    """Takes requests up: what run.inlet.Requests states. Its `plan` is what the coordinator carries out, `pen` the way
    into the ledger by which askers hear of their own part. `covers` is what the run itself restores, None for nothing;
    `ready` says that preflight has been passed."""

    def __init__(self, here: Office, plan: Plan, covers: Narrowing | None, crew: Crew) -> None:
        self._here = here
        self._crew = crew
        self._owners = own(here.index())
        self._open: list[_Open] = []
        self._unasked: list[Asked] = []
        self._count = 0
        self._passed_preflight = covers is not None
        self.drained = False
        self.tell: Callable[[str], None] = lambda line: None
        self.plan = Together(plan, wish(covers, self._owners) if covers is not None else None)

    def take(self, schedule: Schedule) -> Learned:
        """Take up what was asked; one request that brings work at a time, the others at the next tick."""
        while (request := self._here.inlet.next()) is not None:
            try:
                learned = self._take_up(request, schedule)
            except RestoreError as error:
                request.refuse(error)
                continue
            if learned.anew:
                self._crew.wake()
                return learned
        return Learned()

    def wait(self) -> None:
        """Wait for the next one, a moment at most."""
        self._here.inlet.wait()

    def close(self) -> bool:
        """Take nothing more, unless something waits."""
        return self._here.inlet.close()

    def told(self, events: Iterable[Event]) -> None:
        """These events stand in the ledger: each asker hears of his own."""
        for event in events if self._open else ():
            for one in self._open:
                if _is_about(event, one.asked):
                    one.request.reply({"event": codec.encode(event)})

    def is_own(self, step: str) -> bool:
        """Whether a step belongs to what the run itself was started for."""
        return step in self.plan.own.steps

    def finish(self) -> None:
        """End the requests of which nothing is left."""
        for one in [one for one in self._open if not one.asked.open]:
            self._end(one, "done")
        for asked in [asked for asked in self._unasked if not asked.open]:
            self.plan.close(asked)
            self._unasked.remove(asked)

    def leave(self) -> None:
        """The run has come to its end, however: nothing more is taken, and who still waits hears so."""
        self._here.inlet.close(at_once=True)
        for one in list(self._open):
            self._end(one, "drained" if one.asked.open else "done")

    def send_away(self) -> None:
        """The run was broken off: who waits is told to go on by himself."""
        self._here.inlet.close(at_once=True)
        for one in self._open:
            one.request.reply(CLOSED)

    def _end(self, one: _Open, because: str) -> None:
        self._here.ledger.append_all([RequestEnded(one.id, because)])
        self.plan.close(one.asked)
        self._open.remove(one)
        left = self._here.questions(one.asked.items)
        one.request.reply({"ok": {"questions": left, "drained": because == "drained"}})
        self.tell(f"{one.request.asker.name}'s request {one.id} is {because}.")

    def _take_up(self, request: Request, schedule: Schedule) -> Learned:
        said = request.said
        self._check_incident(said)
        match said["ask"]:
            case "run":
                return self._run(request)
            case "undo":
                return self._undo(request)
            case "record":
                return self._record(request)
            case "keep":
                secret = secret_of(text_said(said, "secret"))
                request.reply({"ok": {"id": self._here.vault.put(text_said(said, "purpose"), secret)}})
            case "pause" | "resume" | "drain" | "limit":
                request.reply({"ok": self._steer(request, schedule)})
            case other:
                raise RequestRefused(f"the coordinator knows no request {safe(str(other))}")
        return Learned()

    def _check_incident(self, said: Mapping[str, Any]) -> None:
        if said.get("digest") == self._here.incident.digest:
            return
        ours, theirs = self._here.text.splitlines(), str(said.get("incident", "")).splitlines()
        lines = [
            safe(line, 200)
            for line in difflib.unified_diff(ours, theirs, "the run's", "yours", lineterm="", n=0)
        ]
        shown = "\n".join(f"  {line}" for line in lines[:DIFFERENCES])
        raise IncidentDiffers(f"your incident file is not the one of the run under way\n{shown}")

    def _steer(self, request: Request, schedule: Schedule) -> dict[str, object]:
        """A change of the run as such: recorded, then done."""
        said, reason = request.said, text_said(request.said, "reason")
        event: Event
        match said["ask"]:
            case "pause":
                event = Paused(reason)
            case "resume":
                event = Resumed(reason)
            case "drain":
                event = Drained(reason or BY_REQUEST)
            case _:
                resource, slots = text_said(said, "resource"), said.get("slots")
                before = check_limit(self._here.incident, schedule.limits, resource, slots)
                event = LimitChanged(resource, slots if isinstance(slots, int) else 0, before, reason)
        self._here.ledger.append_all([event], by=request.asker)
        match event:
            case Paused():
                schedule.suspend()
            case Resumed():
                schedule.resume()
            case Drained():
                self.drained = True
                self._crew.drain()
            case LimitChanged(resource=resource, slots=number):
                schedule.limit(resource, number)
        self.tell(f"{request.asker.name}: {text_said(said, 'command')}")
        return {"running": sum(one.running for one in schedule.counts.values()), "paused": schedule.paused}

    def _record(self, request: Request) -> Learned:
        """Decisions about questions, all or none; the customers they concern are planned afresh."""
        texts = request.said.get("events")
        events = [codec.decode(str(text)) for text in texts] if isinstance(texts, list) else []
        if not events or any(type(event).__name__ not in ITEM_EVENTS for event in events):
            raise RequestRefused("only what a person decided can be recorded by a request")
        known = [event for event in events if isinstance(event, Event)]
        self._here.ledger.append_all(known, by=request.asker)
        request.reply({"ok": {}})
        self.tell(f"{request.asker.name} decides about {len(known)} question(s).")
        queue = self._here.ledger.queue
        ids = [
            one.answer.item if isinstance(one, Answered) else one.item
            for one in known
            if isinstance(one, Answered | Dropped)
        ]
        index = self._here.index()
        whose = frozenset(name for one in ids for name in concerned(queue.get(one).item, index))
        narrowing = within(self.plan.covers, whose, index)
        if narrowing is None:
            return Learned()
        wanted = wish(narrowing, self._owners)
        whole = wish(afresh(wanted, self.plan.covers, index), self._owners)
        self._unasked.append(Asked(whole))
        return self._part(whole, self._unasked[-1])

    def _run(self, request: Request) -> Learned:
        said = request.said
        narrowing = narrowing_from(said.get("narrowing"))
        check_narrowing(narrowing, self._here.index())
        if said.get("again"):
            raise BadUse("--again looks at everything once more: it goes by itself, when this run has ended")
        if narrowing.kinds and len(narrowing.kinds & {"databases", "accounts"}) == 1:
            raise BadUse(
                "a run under way restores databases with their accounts: give --only for both, or for neither"
            )
        if narrowing.as_of is not None and (narrowing.databases or narrowing.nothing_named):
            raise BadUse(
                "a run under way takes --as-of for customers and mailboxes: ask for anything else when it has ended"
            )
        self._preflight()
        wanted = wish(narrowing, self._owners)
        # A database comes with its account, which waits for all of the customer's that this run restores: so does he.
        whole = wish(afresh(wanted, self.plan.covers, self._here.index()), self._owners)
        asked = Asked(whole, ahead=not narrowing.nothing_named)
        self._accept(request, asked, narrowing)
        return self._part(whole, asked)

    def _undo(self, request: Request) -> Learned:
        wanted = [database_of(name) for name in texts_said(request.said, "databases")]
        back = UndoPlan(wanted, self._here.remembered(), self._here.owners())
        names = ", ".join(safe(str(one)) for one in (*back.missing, *back.already))
        if back.missing or not back.jobs:
            raise BadUse(f"no run has switched, or an undo has put back already: {names}")
        asked = Asked(None)
        self._accept(request, asked, None)
        return self.plan.take_in(asked, back, None)

    def _accept(self, request: Request, asked: Asked, narrowing: Narrowing | None) -> None:
        self._count += 1
        name = f"r{self._here.epoch}.{self._count}"
        whose = narrowing.customers if narrowing and len(narrowing.customers) == 1 else frozenset[str]()
        customer = next(iter(whose), "").rpartition("/")[2]
        command, reason = text_said(request.said, "command"), text_said(request.said, "reason")
        self._here.ledger.append_all([Requested(name, command, reason, customer)], by=request.asker)
        self._open.append(_Open(name, request, asked))
        request.reply({"accepted": name})
        self.tell(f"{request.asker.name} asks ({name}): {command}{f' ({reason})' if reason else ''}")

    def _part(self, wanted: Wish, asked: Asked) -> Learned:
        """Work decided now, with all that is known now."""
        return self.plan.take_in(
            asked, BulkPlan(self._here.incident, self._here.survey(), wanted.narrowing), wanted
        )

    def _preflight(self) -> None:
        """Raises BadUse where preflight speaks against any restore; looked at once."""
        if self._passed_preflight:
            return
        refused = [one for one in self._here.preflight() if one.weight == "refuse"]
        if refused:
            raise BadUse("; ".join(f"{one.where}: {one.what}. {one.todo}" for one in refused))
        self._passed_preflight = True


class AttendedPen:
    """A pen by which askers hear what was recorded of their part."""

    def __init__(self, pen: Pen, attendant: Attendant) -> None:
        self._pen = pen
        self._attendant = attendant
        self.done = pen.done

    def about(self, job: Job) -> None:
        self._pen.about(job)

    def append_all(self, events: Iterable[Event]) -> None:
        recorded = list(events)
        self._pen.append_all(recorded)
        self._attendant.told(recorded)


@contextmanager
def attending(here: Office, plan: Plan, covers: Narrowing | None, crew: Crew) -> Iterator[Attendant]:
    """Take requests for as long as the context lasts. Where it is broken off, the askers are sent away: each carries on
    by himself what he asked for."""
    attendant = Attendant(here, plan, covers, crew)
    here.inlet.wake = crew.wake
    ended = False
    try:
        yield attendant
        ended = True
    finally:
        attendant.leave() if ended else attendant.send_away()


def _is_about(event: Event, asked: Asked) -> bool:
    if isinstance(event, AskedEvent):
        return event.item.id in asked.items
    return isinstance(event, Outcome) and event.key in asked.steps
