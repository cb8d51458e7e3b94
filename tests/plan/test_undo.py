"""What an undo does, and what it has done already."""

from __future__ import annotations

from restore.model.facts import DatabaseSwitched, DatabaseUndone
from restore.model.mysql import DatabaseId
from restore.plan.undo import UndoPlan

SHOP, BLOG, OTHER = (DatabaseId("web1", name) for name in ("shop", "blog", "other"))


def switched(database: DatabaseId) -> DatabaseSwitched:
    return DatabaseSwitched(database, "db1", database.name, (), (), "")


def undone(database: DatabaseId) -> DatabaseUndone:
    return DatabaseUndone(database, "db1", database.name, "br_undone_x")


def keys(plan: UndoPlan) -> list[str]:
    return [job.key for job in plan.jobs]


def test_an_undo_that_was_cut_goes_on_with_what_it_has_not_put_back() -> None:
    plan = UndoPlan([SHOP, BLOG, OTHER], [switched(SHOP), switched(BLOG), undone(SHOP)], {})

    assert (keys(plan), plan.already, plan.missing) == (["undo/web1/blog/db1/nothing"], (SHOP,), (OTHER,))


def test_what_was_restored_again_is_undone_by_a_step_of_its_own() -> None:
    first = UndoPlan([SHOP], [switched(SHOP)], {})
    second = UndoPlan([SHOP], [undone(SHOP), switched(SHOP)], {})

    assert set(keys(first)).isdisjoint(keys(second))
    assert second.already == ()
