"""A night cut at any moment and run again ends as if it never had been cut: nothing doubled, nothing lost."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest

from detectors.cms.joomla import JOOMLA
from detectors.cms.wordpress import WORDPRESS
from restore.model.facts import DatabaseSwitched
from restore.model.mysql import DatabaseId
from restore.model.outcome import Answer, Done
from tests.run.night import Night, PlanOf, bulk, undo

HANK, SHOP = DatabaseId("web1", "hankdb"), DatabaseId("web1", "shop")
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


class Tale:
    """What happens from one state of the night on, uncut: the state before, all its moments and its end."""

    def __init__(self, folder: Folder, before: Night, plan_of: PlanOf = bulk, *, again: bool = False) -> None:
        self._folder = folder
        self._before = before
        self._plan_of = plan_of
        self._again = again
        self.after = before.copy(folder())
        moments, self.ends = self.after.run(plan_of, again=again)
        self.moments = moments.names
        self.end = self.after.end()

    def cut(self, *cuts: int, chance: Random | None = None, disk: bool = False) -> list[str]:
        """Told once more with a process killed at each of these moments, then to its end: what ends otherwise."""
        night = self._before.copy(self._folder(), disk=disk)
        for cut_at in cuts:
            night.run(self._plan_of, cut_at=cut_at, chance=chance, again=self._again)
        return self._finish(night)

    def cut_everywhere(self) -> dict[str, list[str]]:
        """What ends otherwise, by the moment of the cut. A cut that leaves what the one before it left (after one
        act, before the next) is not run again."""
        different, last = {}, None
        for at, name in enumerate(self.moments, 1):
            night = self._before.copy(self._folder())
            night.run(self._plan_of, cut_at=at, again=self._again)
            left = night.left()
            if left != last and (found := self._finish(night)):
                different[f"{at} {name}"] = found
            last = left
        return different

    def _finish(self, night: Night) -> list[str]:
        night.run(self._plan_of, again=self._again)
        return differences(night.end(), self.end)


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
        "web1/database/hankdb": Answer("", "", "replace", hank_digest(night)),
    }


def hank_digest(night: Night) -> str:
    """What the question about hank's live database offers to set aside."""
    return next(
        choice.value
        for item in night.queue()
        for choice in item.item.candidates
        if item.item.subject == "web1/database/hankdb" and choice.effect == "replace"
    )


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
    assert len(first.moments) > 300


def test_a_second_night_without_news_changes_nothing(folder: Folder, first: Tale) -> None:
    again = Tale(folder, first.after)

    assert differences(again.end, first.end) == []


def test_a_night_cut_at_any_event_or_act_and_run_again_ends_as_if_it_had_not_been_cut(first: Tale) -> None:
    assert first.cut_everywhere() == {}


def test_it_does_so_in_whatever_order_its_steps_end(first: Tale) -> None:
    chance = Random(1)
    for _ in range(40):
        at, seed = chance.randrange(len(first.moments)), chance.randrange(1 << 30)

        assert (at, seed, first.cut(at, chance=Random(seed))) == (at, seed, [])


def test_it_does_so_when_it_is_cut_twice(first: Tale) -> None:
    chance = Random(2)
    for _ in range(40):
        cuts = [chance.randint(1, len(first.moments)), chance.randint(1, len(first.moments))]

        assert (cuts, first.cut(*cuts)) == (cuts, [])


def test_it_does_so_with_the_ledger_on_disk(first: Tale) -> None:
    for at in Random(3).sample(range(1, len(first.moments) + 1), 12):
        assert (at, first.cut(at, disk=True)) == (at, [])


def test_what_a_person_answered_is_done_though_the_run_that_does_it_is_cut_anywhere(answered: Tale) -> None:
    assert answered.after.open() == []
    assert answered.cut_everywhere() == {}
