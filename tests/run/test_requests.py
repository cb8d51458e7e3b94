"""What operators ask while a run is on: taken up at once, done ahead of all else, lost or doubled by no kill."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import Empty
from random import Random

import pytest

from detectors.cms.joomla import JOOMLA
from detectors.cms.wordpress import WORDPRESS
from restore.ledger import codec
from restore.ledger.events import Answered, Event, Paused, Requested, RunEnded, RunStarted, kind, read_event
from restore.ledger.ledger import Ledger
from restore.model.mysql import DatabaseId
from restore.model.operator import Operator
from restore.model.outcome import Answer, Outcome
from restore.model.survey import Narrowing
from restore.plan.bulk import BulkPlan, capacity
from restore.run.apply import Patience, apply
from restore.run.crew import InlineCrew
from restore.run.execute import execute
from restore.run.inlet import Inlet, Request
from restore.verbs.attending import AttendedPen, attending
from restore.verbs.narrowing import narrowing_said
from tests.memory.cut import Cut
from tests.memory.systems import GivenSystems
from tests.run.night import Moments, Night, NightCoordinator, undo
from tests.run.test_cut import HANK, HANKS, differences
from tests.run.wreck import incident, live_databases

BOB = Operator("bob", "--operator", 0, 2, "host")
AT_ONCE = Patience(tries=2, first=0.0)
Ask = Callable[["Coordinator"], Mapping[str, object] | None]


class KeptInlet(Inlet):
    """Remembers what was taken up."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[Request] = []

    def next(self) -> Request | None:
        found = super().next()
        self.requests += [found] if found else []
        return found


class Coordinator(NightCoordinator):
    """The coordinator in memory, with a way in for requests."""

    def __init__(self, ledger: Ledger, systems: GivenSystems, night: Night) -> None:
        super().__init__(ledger, systems)
        self.inlet: KeptInlet = KeptInlet()
        self.epoch, self.text = night.epoch, "[incident]\nname = 'ours'"


class Run:
    """One process with a bulk run, of which things are asked as soon as they can be: `asks` gives each request, or
    None while it cannot be asked yet. `said` are the replies to each, in order."""

    def __init__(self, night: Night, *asks: Ask, cut_at: int = 0, chance: Random | None = None) -> None:
        self.night = night
        self.ends: list[Outcome] = []
        self.events: list[Event] = []
        self.moments = Moments(cut_at)
        self.requests: list[Request] = []
        self.cut = False
        with night._ledger(self.moments) as ledger:
            try:
                self._work(ledger, deque(asks), chance)
            except Cut:
                self.cut = True

    def _work(self, ledger: Ledger, asks: deque[Ask], chance: Random | None) -> None:
        systems = self.night._watch(self.moments)
        office = Coordinator(ledger, systems, self.night)
        self.requests = office.inlet.requests
        ledger.append_all([RunStarted(incident().digest, "run")])
        crew = InlineCrew(lambda step, given: apply(step, given, AT_ONCE), systems, chance)
        plan = BulkPlan(office.incident, office.survey())
        with attending(office, plan, Narrowing(), crew, finishes=True) as attendant:

            def watch(counts: object) -> None:
                attendant.finish()
                while asks and (said := asks[0](office)) is not None:
                    asks.popleft()
                    office.inlet.ask({"digest": incident().digest, "reason": "", "command": "", **said}, BOB)

            pen = AttendedPen(office.pen(), attendant)
            for event in execute(attendant.plan, pen, crew, capacity(incident()), watch, attendant):
                self.events.append(event)
                self.ends += [event] if isinstance(event, Outcome) else []
        ledger.append_all([RunEnded("ended")])

    def said(self, number: int = 0) -> list[Mapping[str, object]]:
        """All that the asker of a request was told."""
        told = []
        replies = self.requests[number]._replies
        try:
            while True:
                told.append(replies.get_nowait())
        except Empty:
            return told

    def recorded(self) -> list[str]:
        """The kinds of all events of the ledger."""
        assert self.night.memory is not None
        return [str(one) for (one,) in self.night.memory.execute("SELECT kind FROM event ORDER BY seq")]


def after(outcomes: int, said: Mapping[str, object]) -> Ask:
    """A request once so many steps of this process have ended."""
    return lambda office: said if len(_ended(office)) >= outcomes else None


def _ended(office: Coordinator) -> list[object]:
    query = "SELECT 1 FROM event WHERE epoch = ? AND kind IN ('done', 'partial', 'manual', 'failed') AND work <> ''"
    return list(office.ledger._connection.execute(query, (office.ledger._epoch,)))


def run_of(**narrowing: frozenset[str] | frozenset[DatabaseId]) -> Mapping[str, object]:
    return {"ask": "run", "command": "run", "narrowing": narrowing_said(Narrowing(**narrowing))}  # type: ignore[arg-type]


GINA = run_of(customers=frozenset({"gina"}))
FRANK = run_of(customers=frozenset({"web2/frank"}))


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """As in test_cut.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.examine.DETECTORS", (WORDPRESS, JOOMLA))
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The night of which nothing is asked."""
    return Run(Night(tmp_path_factory.mktemp("plain")))


def names(outcomes: list[Outcome], customer: str) -> list[int]:
    """The places at which the steps of a customer's things ended."""
    about = {"gina": ("web1/gina", "web1/wordpress", "web1/'gina", "gina"), "frank": ("web2/",)}[customer]
    return [at for at, one in enumerate(outcomes) if any(word in one.key for word in about)]


def test_a_customer_asked_for_is_restored_before_all_that_had_not_begun_and_the_night_ends_the_same(
    tmp_path: Path, plain: Run
) -> None:
    run = Run(Night(tmp_path), after(1, GINA))

    under_way = 1 + sum(capacity(incident()).slots.values())
    assert (
        max(names(run.ends, "gina"))
        < under_way + len(names(run.ends, "gina"))
        < max(names(plain.ends, "gina"))
    )
    assert differences(run.night.end(), plain.night.end()) == []
    assert sorted(one.key for one in run.ends) == sorted(one.key for one in plain.ends)


def test_the_asker_hears_of_his_part_alone_and_of_its_end(tmp_path: Path) -> None:
    accepted, *events, end = Run(Night(tmp_path), after(1, GINA)).said()

    heard = [read_event(str(one["event"])) for one in events]
    assert accepted == {"accepted": "r1.1"}
    assert {kind(one) for one in heard} == {"done"}
    assert len(heard) == 4  # look, load, switch, account
    assert end == {"ok": {"questions": 0, "drained": False}}


@pytest.mark.parametrize("seed", range(3))
def test_a_night_of_requests_cut_at_any_moment_loses_and_doubles_nothing(
    tmp_path_factory: pytest.TempPathFactory, plain: Run, seed: int
) -> None:
    asks = [after(seed, GINA), after(seed + 2, FRANK), after(9, GINA)]
    whole = Run(Night(tmp_path_factory.mktemp("whole")), *asks)
    for at in Random(seed).sample(range(1, len(whole.moments.names)), 18):
        run = Run(Night(tmp_path_factory.mktemp("cut")), *asks, cut_at=at, chance=Random(at))
        accepted = sum("accepted" in one for number in range(len(run.requests)) for one in run.said(number))
        assert accepted <= run.recorded().count("requested")

        after_all = Run(run.night, *(asks if at % 2 else ()))
        assert (after_all.cut, open_requests(after_all)) == (False, 0)
        assert (at, differences(run.night.end(), plain.night.end())) == (at, [])


def open_requests(run: Run) -> int:
    """How many requests of the ledger have not come to their end."""
    return run.recorded().count("requested") - run.recorded().count("request-ended")


def cut_after(folder: Path, wanted: str, *asks: Ask) -> Run:
    """A run that is killed as soon as such an event is recorded."""
    whole = Run(Night(folder / "whole"), *asks)
    at = whole.moments.names.index(next(one for one in whole.moments.names if wanted in one))
    return Run(Night(folder / "cut"), *asks, cut_at=at + 3)


def test_what_was_asked_is_done_first_by_the_next_run_though_run_and_asker_were_killed(
    tmp_path: Path, plain: Run
) -> None:
    run = cut_after(tmp_path, "before recording requested", after(1, GINA))
    assert (run.cut, open_requests(run)) == (True, 1)

    rest = Run(run.night)

    assert open_requests(rest) == 0
    assert max(names(rest.ends, "gina")) < max(names(plain.ends, "gina"))
    assert differences(rest.night.end(), plain.night.end()) == []


def test_an_undo_that_was_asked_for_outlives_the_run(tmp_path: Path) -> None:
    night = Run(Night(tmp_path / "first")).night
    undo = {"ask": "undo", "command": "undo web1/shop", "databases": ["web1/shop"]}
    whole = Run(night.copy(tmp_path / "whole"), after(0, undo))
    at = next(at for at, one in enumerate(whole.moments.names) if "requested" in one)
    run = Run(night.copy(tmp_path / "cut"), after(0, undo), cut_at=at + 2)
    assert run.cut and run.night.databases["db1"].tables("shop") != ()

    assert open_requests(Run(run.night)) == 0
    assert run.night.databases["db1"].tables("shop") == ()


def test_what_can_no_longer_be_done_of_it_is_said_and_the_run_goes_on(tmp_path: Path, plain: Run) -> None:
    night = Night(tmp_path)
    with night._ledger(Moments()) as ledger:
        ledger.append_all([Requested("r1.1", "run --customer gone", wants=Narrowing(frozenset({"gone"})))])
    run = Run(night)

    assert open_requests(run) == 0
    assert differences(run.night.end(), plain.night.end()) == []


def test_again_does_once_more_what_stands_done_and_what_was_undone_of_that_alone(tmp_path: Path) -> None:
    night = Run(Night(tmp_path)).night
    night.run(undo(DatabaseId("web1", "shop"), DatabaseId("web1", "wordpress")))
    again = {**run_of(databases=frozenset({DatabaseId("web1", "wordpress")})), "again": True}

    run = Run(night, after(0, again))

    switched = {one.key.split("/")[2] for one in run.ends if one.key.startswith("switch/")}
    assert ("wordpress" in switched, "shop" in switched) == (True, False)
    assert night.databases["db1"].tables("wordpress") != () and night.databases["db1"].tables("shop") == ()


def answer(office: Coordinator) -> Mapping[str, object] | None:
    """The live database of hank is set aside, as soon as that is asked."""
    for one in office.ledger.queue:
        if one.item.subject == f"web1/database/{HANK.name}":
            event = Answered(Answer(one.item.id, one.item.subject, "replace", HANKS), "he says so")
            return {"ask": "record", "events": [codec.encode(event)]}
    return None


def test_an_answer_unblocks_the_customer_in_the_run_that_is_on(tmp_path: Path) -> None:
    run = Run(Night(tmp_path), answer)

    assert run.night.databases["db1"].tables(HANK.name) != live_databases()["db1"].tables(HANK.name)
    assert ("live-database-differs", "web1/database/hankdb") not in run.night.open()
    assert run.said() == [{"ok": {}}]


def test_an_undo_asked_for_in_a_later_run_puts_back_what_stood_there(tmp_path: Path) -> None:
    night = Run(Night(tmp_path)).night
    shop = DatabaseId("web1", "shop")
    restored = night.databases["db1"].tables("shop")
    run = Run(night, after(0, {"ask": "undo", "command": "undo web1/shop", "databases": [str(shop)]}))

    assert restored and night.databases["db1"].tables("shop") == ()
    assert run.said()[-1] == {"ok": {"questions": 0, "drained": False}}


def test_a_pause_holds_everything_until_somebody_resumes(tmp_path: Path, plain: Run) -> None:
    def resume(office: Coordinator) -> Mapping[str, object] | None:
        return {"ask": "resume"} if any(kind(one) == "paused" for one in run_events(office)) else None

    run = Run(Night(tmp_path), after(2, {"ask": "pause"}), resume)

    paused = run.recorded().index("paused")
    between = run.recorded()[paused : run.recorded().index("resumed")]
    assert "started" not in between
    assert differences(run.night.end(), plain.night.end()) == []


def run_events(office: Coordinator) -> list[Event]:
    rows = office.ledger._connection.execute("SELECT body FROM event").fetchall()
    return [read_event(body) for (body,) in rows]


def test_who_asks_a_paused_run_hears_that_nothing_begins_yet(tmp_path: Path) -> None:
    def upon(event: str, said: Mapping[str, object]) -> Ask:
        return lambda office: said if event in map(kind, run_events(office)) else None

    run = Run(
        Night(tmp_path),
        after(1, {"ask": "pause"}),
        upon("paused", GINA),
        upon("requested", {"ask": "resume"}),
    )

    assert run.said(1)[:2] == [{"accepted": "r1.1"}, {"paused": True}]
    assert [list(one) for one in run.said(0)] == [["ok"]]


def test_a_drained_run_tells_the_asker_and_the_next_one_does_the_rest(tmp_path: Path, plain: Run) -> None:
    run = Run(Night(tmp_path), after(1, GINA), after(1, {"ask": "drain"}))

    assert run.said()[-1] == {"ok": {"questions": 0, "drained": True}}
    assert len(run.ends) < len(plain.ends)
    assert differences(Run(run.night).night.end(), plain.night.end()) == []


def test_who_asked_for_a_change_when_and_why_stands_in_the_ledger(tmp_path: Path) -> None:
    said = {"ask": "limit", "resource": "mail/mail1", "slots": 1, "reason": "its disk is slow"}
    run = Run(
        Night(tmp_path),
        after(1, said),
        after(1, {"ask": "pause", "reason": "lunch"}),
        after(1, {"ask": "resume"}),
    )

    assert run.night.memory is not None
    rows = run.night.memory.execute(
        "SELECT operator, pid, body FROM event WHERE kind IN ('limit-changed', 'paused') ORDER BY seq"
    ).fetchall()
    assert [(name, pid) for name, pid, _ in rows] == [("bob", 2), ("bob", 2)]
    assert "its disk is slow" in rows[0][2]
    assert read_event(rows[1][2]) == Paused("lunch")


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ({**GINA, "digest": "00", "incident": "[incident]\nname = 'his'"}, "incident-differs", "+name = 'his'"),
        (run_of(customers=frozenset({"nobody"})), "bad-use", "nobody"),
        (run_of(kinds=frozenset({"accounts"})), "bad-use", "--only"),
        ({"ask": "limit", "resource": "mail/mail1", "slots": 0}, "bad-use", "1 or more"),
        ({"ask": "limit", "resource": "mail/other", "slots": 1}, "bad-use", "database/db1"),
        ({"ask": "undo", "databases": ["web1/shop"]}, "bad-use", "web1/shop"),
        ({"ask": "record", "events": [codec.encode(RunEnded("now"))]}, "request-refused", "decided"),
        ({"ask": "format"}, "request-refused", "format"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_in_words_and_changes_nothing(
    tmp_path: Path, plain: Run, said: Mapping[str, object], code: str, words: str
) -> None:
    run = Run(Night(tmp_path), after(0, said))

    (refused,) = run.said()
    error = refused["error"]
    assert isinstance(error, dict)
    assert (error["code"], words in error["message"]) == (code, True), error
    assert [one for one in run.events if isinstance(one, Requested)] == []
    assert differences(run.night.end(), plain.night.end()) == []
