"""The coordinator's side of what operators ask while a run is on: taken up between two ticks, in the thread that
coordinates, and in the ledger before it is acknowledged. The wire is described in asking.py. Longer than other modules
because every kind of request is answered here, each by a few lines."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from restore.errors import BadUse, IncidentDiffers, RequestRefused, RestoreError
from restore.ledger import codec
from restore.ledger.events import (
    Answered,
    Drained,
    Dropped,
    Event,
    Requested,
    RequestEnded,
)
from restore.ledger.events import Asked as AskedEvent
from restore.model.mysql import DatabaseId
from restore.model.operator import Operator
from restore.model.outcome import Outcome
from restore.model.plan import Job, Learned, Plan
from restore.model.survey import Narrowing
from restore.model.text import safe
from restore.plan.bulk import BulkPlan
from restore.plan.next_copy import lost_with, without
from restore.plan.ownership import own
from restore.plan.together import Asked, Together
from restore.plan.undo import UndoPlan
from restore.plan.wanted import afresh, concerned, databases_of, forget, wish, within
from restore.request import secret_of
from restore.run.crew import Crew
from restore.run.inlet import CLOSED, Request
from restore.run.schedule import Schedule
from restore.verbs.limits import change, change_asked
from restore.verbs.narrowing import check_narrowing, database_of, narrowing_from, text_said, texts_said
from restore.wiring import Office

ITEM_EVENTS = frozenset(
    {"Answered", "Asked", "Claimed", "Dropped", "Purged", "Purging", "Released", "Settled"}
)
DIFFERENCES = 40


@dataclass(frozen=True, slots=True, eq=False)
class _Open:
    """A request that goes on."""

    id: str
    request: Request
    asked: Asked


class Attendant:
    """Takes requests up: what run.inlet.Requests states. Its `plan` is what the coordinator carries out, `pen` the way
    into the ledger by which askers hear of their own part. `covers` is what the run itself restores, None for nothing;
    `finishes`: what was asked of an earlier run, which was killed, is taken up first."""

    def __init__(
        self, here: Office, plan: Plan, covers: Narrowing | None, crew: Crew, *, finishes: bool = False
    ) -> None:
        self._here = here
        self._crew = crew
        self._owners = own(here.index())
        self._open: list[_Open] = []
        self._unasked: list[Asked] = []
        self._left = deque(here.ledger.open_requests() if finishes else ())
        self._count = 0
        self._passed_preflight = covers is not None
        self.drained = False
        self.tell: Callable[[str], None] = lambda line: None
        self.plan = Together(plan, wish(covers, self._owners) if covers is not None else None)

    def take(self, schedule: Schedule) -> Learned:
        """Take up what was asked; one request that brings work at a time, the others at the next tick."""
        while self._left:
            learned = self._take_up_again(*self._left.popleft())
            if learned.anew:
                return learned
        while (request := self._here.inlet.next()) is not None:
            try:
                learned = self._take_up(request, schedule)
            except RestoreError as error:
                request.refuse(error)
                continue
            if learned.anew:
                self._crew.wake()
                return learned
        return self._go_elsewhere(schedule)

    def _go_elsewhere(self, schedule: Schedule) -> Learned:
        """What a source held that was given up comes from the next copy that is stated, once nothing uses that source
        any more."""
        sources = {source.name for source in self._here.incident.sources}
        dead = frozenset(sources & schedule.given_up.keys())
        for name in sorted(dead):
            broken = () if schedule.occupied(f"source/{name}") else self.plan.broken_by(name)
            if broken:
                return self._take_elsewhere(name, dead, broken)
        return Learned()

    def _take_elsewhere(self, name: str, dead: frozenset[str], broken: Sequence[Job]) -> Learned:
        index = self._here.index()
        lost = lost_with(broken, index, self._here.incident, dead)
        narrowing = within(self.plan.covers, lost.customers, index)
        if not lost or narrowing is None:
            self.tell(f"{name} was given up, and no other copy is stated of {len(broken):,} thing(s) there.")
            return Learned()
        things = len(lost.mailboxes) + len(lost.databases) + len(lost.homes)
        self.tell(
            f"{name} was given up: {things:,} thing(s) of it are had from the next copy that is stated."
        )
        survey = self._here.survey()
        survey = replace(survey, index=without(survey.index, self._here.incident, dead, lost))
        whole = wish(afresh(wish(narrowing, self._owners), self.plan.covers, index), self._owners)
        return self.plan.take_in(self.plan.own, BulkPlan(self._here.incident, survey, whole.narrowing), whole)

    def wait(self) -> None:
        """Wait for the next one, a moment at most."""
        self._here.inlet.wait()

    def close(self) -> bool:
        """Take nothing more, unless something waits."""
        return not self._left and self._here.inlet.close()

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
            case "run" | "undo" as ask:
                learned = self._run(request) if ask == "run" else self._undo(request)
                if schedule.paused:
                    request.reply({"paused": True})
                return learned
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
        event = change_asked(request.said, self._here.incident, schedule)
        self._here.ledger.append_all([event], by=request.asker)
        if isinstance(event, Drained):
            self.drained = True
            self._crew.drain()
        else:
            change(schedule, event)
        self.tell(f"{request.asker.name}: {text_said(request.said, 'command')}")
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
        self._unasked.append(Asked(wish(afresh(wanted, self.plan.covers, index), self._owners)))
        return self._part(self._unasked[-1])

    def _run(self, request: Request) -> Learned:
        said = request.said
        narrowing = narrowing_from(said.get("narrowing"))
        again = bool(said.get("again"))
        self._check_run(narrowing)
        asked = self._asked_for(narrowing, again)
        whose = narrowing.customers if len(narrowing.customers) == 1 else frozenset[str]()
        customer = next(iter(whose), "").rpartition("/")[2]
        command, reason = text_said(said, "command"), text_said(said, "reason")
        self._accept(request, asked, Requested(self._name(), command, reason, customer, narrowing, again))
        return self._begin(asked, narrowing)

    def _check_run(self, narrowing: Narrowing) -> None:
        """Raises BadUse where this run cannot do it."""
        check_narrowing(narrowing, self._here.index())
        if narrowing.kinds and len(narrowing.kinds & {"databases", "accounts"}) == 1:
            raise BadUse(
                "a run under way restores databases with their accounts: give --only for both, or for neither"
            )
        self._preflight()

    def _asked_for(self, narrowing: Narrowing, again: bool) -> Asked:
        wanted = wish(narrowing, self._owners)
        # A database comes with its account, which waits for all of the customer's that this run restores: so does he.
        whole = wish(afresh(wanted, self.plan.covers, self._here.index()), self._owners)
        once_more = wish(replace(narrowing, as_of=None), self._owners) if again else None
        return Asked(whole, ahead=not narrowing.nothing_named, again=once_more)

    def _begin(self, asked: Asked, narrowing: Narrowing) -> Learned:
        """What was asked for, decided now. Of what is done again, nothing is known beforehand."""
        past = databases_of(narrowing, self._here.index()) if asked.again else ()
        return self._part(asked, past)

    def _undo(self, request: Request) -> Learned:
        wanted = tuple(database_of(name) for name in texts_said(request.said, "databases"))
        back = self._way_back(wanted)
        names = ", ".join(safe(str(one)) for one in (*back.missing, *back.already))
        if back.missing or not back.jobs:
            raise BadUse(f"no run has switched, or an undo has put back already: {names}")
        asked = Asked(None)
        command, reason = text_said(request.said, "command"), text_said(request.said, "reason")
        self._accept(request, asked, Requested(self._name(), command, reason, undo=wanted))
        return self.plan.take_in(asked, back, None)

    def _way_back(self, databases: Sequence[DatabaseId]) -> UndoPlan:
        return UndoPlan(databases, self._here.remembered(), self._here.owners())

    def _name(self) -> str:
        self._count += 1
        return f"r{self._here.epoch}.{self._count}"

    def _accept(self, request: Request, asked: Asked, event: Requested) -> None:
        self._here.ledger.append_all([event], by=request.asker)
        self._open.append(_Open(event.id, request, asked))
        request.reply({"accepted": event.id})
        why = f" ({event.reason})" if event.reason else ""
        self.tell(f"{request.asker.name} asks ({event.id}): {event.command}{why}")

    def _take_up_again(self, event: Requested, asker: Operator) -> Learned:
        """What a killed run was asked for: it stands in the ledger already. Where it can no longer be done, that is its
        end."""
        request = Request({}, asker, heard=False)
        try:
            if event.wants is not None:
                self._check_run(event.wants)
                asked = self._asked_for(event.wants, event.again)
                learned = self._begin(asked, event.wants)
            else:
                asked = Asked(None)
                learned = self.plan.take_in(asked, self._way_back(event.undo), None)
        except RestoreError as error:
            self._here.ledger.append_all([RequestEnded(event.id, f"not taken up again: {error.message}")])
            self.tell(
                f"{asker.name}'s request {event.id} ({event.command}) is not taken up again: {error.message}"
            )
            return Learned()
        self._open.append(_Open(event.id, request, asked))
        self.tell(f"{asker.name}'s request {event.id} of a killed run is taken up again: {event.command}")
        return learned

    def _part(self, asked: Asked, past: Collection[DatabaseId] = ()) -> Learned:
        """Work decided now, with all that is known now but what is known of these databases' `past`."""
        if asked.wish is None:
            return Learned()
        survey = forget(self._here.survey(), past)
        part = BulkPlan(self._here.incident, survey, asked.wish.narrowing)
        return self.plan.take_in(asked, part, asked.wish)

    def _preflight(self) -> None:
        """Raises BadUse where preflight speaks against any restore; looked at once."""
        if self._passed_preflight:
            return
        refused = [one for one in self._here.preflight() if one.weight == "refuse"]
        if refused:
            raise BadUse("; ".join(f"{one.where}: {one.what}. {one.todo}" for one in refused))
        self._passed_preflight = True


def _is_about(event: Event, asked: Asked) -> bool:
    if isinstance(event, AskedEvent):
        return event.item.id in asked.items
    return isinstance(event, Outcome) and event.key in asked.steps
