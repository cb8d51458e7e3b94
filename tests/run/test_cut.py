"""A night cut at any moment and run again ends as if it never had been cut: nothing doubled, nothing lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from detectors.cms.joomla import JOOMLA
from detectors.cms.wordpress import WORDPRESS
from restore.model.facts import DatabaseSwitched
from restore.model.mysql import AccountName, DatabaseId, TableState, state_digest
from restore.model.outcome import Answer, Done, fact_of
from tests.run.night import STAND_IN, Moments, Night, PlanOf, bulk, bulk_again, undo
from tests.run.wreck import ADDRESS, live_databases

HANK, SHOP = DatabaseId("web1", "hankdb"), DatabaseId("web1", "shop")
HANKS = state_digest(live_databases()["db1"].tables("hankdb"))
OPEN = [
    ("dump-damaged", "web1/database/erindb"),
    ("foreign-database", "web1/site/dave/public_html/wp-config.php"),
    ("live-database-differs", "web1/database/hankdb"),
    ("no-login", "web1/database/carol"),
]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Two detectors, since every site is one of theirs or nobody's; no fsync, since no machine loses its power."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("detectors.examine.DETECTORS", (WORDPRESS, JOOMLA))
        patch.setattr(os, "fsync", lambda file: None)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A new folder each time."""
    return lambda: tmp_path_factory.mktemp("night")


Folder = Callable[[], Path]
End = dict[str, object]
Objects = dict[tuple[str, str], AccountName]


class Tale:
    """What happens from one state of the night on, uncut: all its moments, how its steps ended, and its end.

    `telling` are the moments at which a kill leaves something else than one a moment before.
    """

    def __init__(self, folder: Folder, before: Night, plan_of: PlanOf = bulk, *, again: bool = False) -> None:
        self._folder = folder
        self._before = before
        self._plan_of = plan_of
        self._again = again
        self.after = before.copy(folder())
        lefts: list[object] = []
        moments = Moments(watch=lambda: lefts.append(self.after.left()))
        self.ends = self.after.run(plan_of, moments, again=again)
        self.moments = moments.names
        self.telling = [
            at for at, left in enumerate(lefts) if left not in (None, *lefts[max(0, at - 1) : at])
        ]
        self.end = self.after.end()

    def cut(self, *cuts: int, chance: Random | None = None, disk: bool = False) -> list[str]:
        """Told once more with a process killed at each of these moments, then to its end: what ends otherwise."""
        night = self._before.copy(self._folder(), disk=disk)
        for at in cuts:
            night.run(self._plan_of, Moments(at + 1), chance=chance, again=self._again)
        night.run(self._plan_of, again=self._again)
        return differences(night.end(), self.end)

    def cut_everywhere(self) -> dict[str, list[str]]:
        """What ends otherwise, by the moment of the cut."""
        different = {f"{at} {self.moments[at]}": self.cut(at) for at in self.telling}
        return {moment: found for moment, found in different.items() if found}

    def database(self, server: str, name: str) -> tuple[tuple[TableState, ...], Objects, Objects]:
        """What stands in a database in the end: tables, objects, and objects set aside."""
        schema = self.after.databases[server].schemas[name]
        return self.after.databases[server].tables(name), schema.objects, schema.aside

    def some(self, count: int, seed: int) -> list[int]:
        """Moments by chance."""
        return Random(seed).choices(range(len(self.moments)), k=count)


def differences(end: End, wanted: End) -> list[str]:
    """What of two ends is not the same, each as one line."""
    lines = []
    for what in wanted:
        left, right = end[what], wanted[what]
        if isinstance(left, dict) and isinstance(right, dict):
            names = [name for name in {**left, **right} if left.get(name) != right.get(name)]
            lines += [f"{what} {name}: {left.get(name)} not {right.get(name)}" for name in names]
        elif left != right:
            lines.append(f"{what}: {left} not {right}")
    return lines


def without_definers(end: End) -> End:
    """An end without the accounts that stand in for a customer's, and without saying whose the objects are."""
    databases, accounts, standing = (end[what] for what in ("databases", "accounts", "standing"))
    assert isinstance(databases, dict) and isinstance(accounts, dict) and isinstance(standing, dict)
    return {
        **end,
        "databases": {name: (tables, set(own), aside) for name, (tables, own, aside) in databases.items()},
        "accounts": {name: one for name, one in accounts.items() if not name[1].user.startswith(STAND_IN)},
        "standing": {
            key: replace(fact, notes=()) if isinstance(fact, DatabaseSwitched) else fact
            for key, fact in standing.items()
        },
    }


@pytest.fixture(scope="module")
def first(folder: Folder) -> Tale:
    """The first night."""
    return Tale(folder, Night(folder()))


def answers(night: Night) -> dict[str, Answer | None]:
    """What a person says to each question of the first night."""
    login = Answer(
        "", "", "login", user="carol_app", database="carol", password_id=night.password(b"of carol")
    )
    return {
        "web1/database/carol": login,
        "web1/site/dave/public_html/wp-config.php": Answer("", "", "database", "davedb"),
        "web1/database/erindb": Answer("", "", "dump", "web1/var/backups/mysql/erindb.sql.gz"),
        "web1/database/hankdb": Answer("", "", "replace", HANKS),
    }


@pytest.fixture(scope="module")
def answered(folder: Folder, first: Tale) -> Tale:
    """The second night, with every question of the first one answered."""
    night = first.after.copy(folder())
    night.settle(answers(night))
    return Tale(folder, night)


def test_the_night_restores_what_can_be_restored_and_asks_the_rest(first: Tale) -> None:
    assert first.after.open() == OPEN
    assert sorted(type(one).__name__ for one in first.ends.values() if not isinstance(one, Done)) == [
        "Failed", "Manual", "Manual", "Partial", "Partial",
    ]  # fmt: skip
    assert first.database("db1", "hankdb")[0] == live_databases()["db1"].tables("hankdb")
    assert len(first.moments) > 300


def test_a_second_night_without_news_changes_nothing(folder: Folder, first: Tale) -> None:
    again = Tale(folder, first.after)

    assert differences(again.end, first.end) == []


def test_a_night_cut_at_any_event_or_act_and_run_again_ends_as_if_it_had_not_been_cut(first: Tale) -> None:
    assert first.cut_everywhere() == {}


def test_it_does_so_in_whatever_order_its_steps_end(first: Tale) -> None:
    for seed, at in enumerate(first.some(30, 1)):
        assert (seed, at, first.cut(at, chance=Random(seed))) == (seed, at, [])


def test_it_does_so_when_it_is_cut_twice(first: Tale) -> None:
    for cuts in zip(first.some(25, 2), first.some(25, 3), strict=True):
        assert (cuts, first.cut(*cuts)) == (cuts, [])


def test_it_does_so_with_the_ledger_on_disk(first: Tale) -> None:
    for at in first.some(10, 4):
        assert (at, first.cut(at, disk=True)) == (at, [])


def test_mail_that_lands_while_no_run_is_on_stays(folder: Folder, first: Tale) -> None:
    for at in first.some(12, 6):
        night = Night(folder())
        night.run(moments=Moments(at + 1))
        night.deliver(ADDRESS, 60)
        night.run()
        late, early = first.after.copy(folder()), night.end()
        late.deliver(ADDRESS, 60)

        assert (at, differences(early, late.end())) == (at, [])


@pytest.mark.long
@pytest.mark.parametrize("part", range(20))
def test_it_does_so_when_it_is_cut_at_any_two_moments(folder: Folder, first: Tale, part: int) -> None:
    for at in first.telling[part::20]:
        night = Night(folder())
        night.run(moments=Moments(at + 1))
        rest = Tale(folder, night)

        assert (at, differences(rest.end, first.end), rest.cut_everywhere()) == (at, [], {})


def test_what_a_person_answered_is_done_though_the_run_that_does_it_is_cut_anywhere(answered: Tale) -> None:
    assert answered.after.open() == []
    assert answered.cut_everywhere() == {}


def test_answers_given_between_a_cut_run_and_the_next_one_end_the_same(
    folder: Folder, first: Tale, answered: Tale
) -> None:
    """But for whom views and triggers are made: his own account where his login is known by then, else a stand-in."""
    wanted = without_definers(answered.end)
    for at in first.some(12, 5):
        night = Night(folder())
        night.run(moments=Moments(at + 1))
        night.settle(answers(night))
        night.run()
        night.settle(answers(night))
        night.run()

        assert (at, differences(without_definers(night.end()), wanted)) == (at, [])


def test_answers_given_after_a_night_without_news_was_cut_end_the_same(
    folder: Folder, first: Tale, answered: Tale
) -> None:
    """Such as another dump, while the damaged one was read once more."""
    for at in Tale(folder, first.after).telling:
        night = first.after.copy(folder())
        night.run(moments=Moments(at + 1))
        night.settle(answers(night))
        night.run()

        assert (at, differences(night.end(), answered.end)) == (at, [])


def test_what_a_person_agreed_to_set_aside_is_kept_and_named(answered: Tale) -> None:
    switched = [fact for fact in map(fact_of, answered.ends.values()) if isinstance(fact, DatabaseSwitched)]
    kept = {fact.database: fact.kept for fact in switched}[HANK]
    tables, objects, aside = answered.database("db1", kept)

    assert [(one.name, one.rows, one.newest) for one in tables] == [("orders", 2, "2026-01-03 10:00:00")]
    assert (objects, list(aside)) == ({}, [("trigger", "count")])


def test_what_changed_since_a_person_agreed_to_set_it_aside_is_asked_about_again(
    folder: Folder, first: Tale
) -> None:
    night = first.after.copy(folder())
    night.settle(answers(night))
    night.databases["db1"].schemas["hankdb"].tables["orders"].rows.append(b"3,'a new order'")
    changed = Tale(folder, night)

    assert changed.after.open() == [("live-database-differs", "web1/database/hankdb")]
    assert [one.rows for one in changed.database("db1", "hankdb")[0]] == [3]
    assert changed.cut_everywhere() == {}


def test_what_a_person_dropped_is_left_alone_though_the_run_is_cut_anywhere(
    folder: Folder, first: Tale
) -> None:
    night = first.after.copy(folder())
    night.settle(dict.fromkeys(subject for _, subject in OPEN))
    dropped = Tale(folder, night)

    assert dropped.after.open() == [("no-login", "web1/database/davedb")]
    assert dropped.cut_everywhere() == {}


def test_an_undo_cut_anywhere_and_run_again_puts_back_what_stood_there(
    folder: Folder, answered: Tale
) -> None:
    undone = Tale(folder, answered.after, undo(HANK, SHOP))
    tables, objects, _ = undone.database("db1", "hankdb")

    assert ([one.name for one in tables], list(objects)) == (["orders"], [("trigger", "count")])
    assert undone.database("db1", "shop") == ((), {}, {})
    assert undone.cut_everywhere() == {}


def test_what_was_undone_is_restored_again_only_when_asked_and_can_be_undone_again(
    folder: Folder, answered: Tale
) -> None:
    undone = Tale(folder, answered.after, undo(SHOP))
    left_alone = Tale(folder, undone.after)
    restored = Tale(folder, undone.after, bulk_again, again=True)
    undone_again = Tale(folder, restored.after, undo(SHOP))

    assert differences(left_alone.end, undone.end) == []
    assert restored.database("db1", "shop") == answered.database("db1", "shop")
    assert undone_again.database("db1", "shop") == ((), {}, {})
    assert [restored.cut(at) for at in restored.some(20, 7)] == [[]] * 20
    assert undone_again.cut_everywhere() == {}
