"""What the steps of a database promise, on a server in memory, cut at every act."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from detectors.finding import Secret
from restore.errors import UndoDiffers
from restore.model.facts import DatabaseLoaded, DatabaseUndone
from restore.model.mysql import AccountName, state_digest
from restore.model.outcome import Candidate, Done, Manual, Outcome, Partial, Unchanged
from restore.model.plan import Definer
from restore.model.verifier import native_verifier
from tests.memory.cut import Cut
from tests.memory.database import MemoryDatabaseServer, MemorySchema
from tests.run.database_steps import STAGING, Steps, fact_of
from tests.systems.dumps import HEAD, OBJECTS, POSTS, dump

WHOLE = dump(POSTS, OBJECTS)
OLDER = dump(POSTS.replace(b"(3,''", b"(4,'from an older night'"), OBJECTS)


def steps(folder: Path, server: MemoryDatabaseServer | None = None, data: bytes = WHOLE) -> Steps:
    return Steps(server or MemoryDatabaseServer("db1"), folder, {b"dumps/shop.sql": data})


def seen(server: MemoryDatabaseServer) -> dict[str, object]:
    """Everything that stands on the server, as values."""
    return {
        name: (server.tables(name), server.objects(name), schema.aside)
        for name, schema in server.schemas.items()
    } | {str(name): (account.locked, account.databases) for name, account in server.accounts.items()}


def test_a_database_is_loaded_compared_and_live_with_its_objects(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    done = steps(tmp_path, server)
    switched = fact_of(done.switch(done.load()))

    assert switched.tables == server.tables("shop")
    assert switched.objects == ("function twice", "trigger stamp", "view titles")
    assert switched.kept == ""
    assert set(server.schemas) == {"shop"}
    assert not any(path.is_file() and path.stat().st_size for path in tmp_path.iterdir())


def test_objects_belong_to_a_locked_stand_in_until_the_account_is_known(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    done = steps(tmp_path, server)
    switched = fact_of(done.switch(done.load()))
    (stand_in,) = server.accounts

    assert server.accounts[stand_in].locked
    assert set(server.schemas["shop"].objects.values()) == {stand_in}
    assert str(stand_in) in switched.notes[0]


def test_objects_belong_to_the_customers_account_where_it_is_known(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    done = steps(tmp_path, server)
    wp = AccountName("wp", "localhost")
    done.office.secrets["v1"] = ("verifier", native_verifier(Secret(b"his password")))
    done.definer = Definer(wp, "v1", False, ("shop",))
    done.switch(done.load())

    assert set(server.schemas["shop"].objects.values()) == {wp}
    assert server.accounts[wp].locked


@pytest.mark.parametrize("user", ["wp", "root"])
def test_an_account_that_is_not_his_is_neither_touched_nor_made_the_definer(
    tmp_path: Path, user: str
) -> None:
    server = MemoryDatabaseServer("db1")
    done = steps(tmp_path, server)
    wanted = AccountName(user, "localhost")
    if user != "root":
        server.create_account(wanted, native_verifier(Secret(b"somebody else's")))
    before = server.account(wanted)
    done.office.secrets["v1"] = ("verifier", native_verifier(Secret(b"his password")))
    done.definer = Definer(wanted, "v1", False, ("shop",))
    done.switch(done.load())

    assert server.account(wanted) == before
    assert wanted not in server.schemas["shop"].objects.values()


def test_a_dump_that_names_another_database_than_its_file_is_a_question(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    foreign = WHOLE.replace(HEAD, HEAD + b"CREATE DATABASE `victim`;\nUSE `victim`;\n", 1)
    outcome = steps(tmp_path, server, foreign).load()

    assert isinstance(outcome, Manual)
    assert outcome.items[0].cause == "dump-refused"
    assert "victim" in outcome.items[0].evidence[0]
    assert server.schemas == {}


def test_a_damaged_dump_is_a_question_with_the_other_dumps(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    cut = Steps(server, tmp_path, {b"new.sql": HEAD + POSTS[:400], b"old/shop.sql": OLDER})
    outcome = cut.load()

    assert isinstance(outcome, Manual)
    (item,) = outcome.items
    assert (item.cause, item.customer, item.contact) == ("dump-damaged", "alice", "a@example.org")
    assert "inside " in item.evidence[0]
    assert [(one.effect, one.value) for one in item.candidates] == [("dump", "backup:old/shop.sql")]
    assert server.schemas == {}


def test_a_damaged_dump_gives_way_to_the_next_whole_one_where_the_incident_says_so(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    files = {b"new.sql": HEAD + POSTS[:400], b"cut.sql": HEAD + POSTS[:300], b"old/shop.sql": OLDER}
    steps = Steps(server, tmp_path, files, use_older=True)

    outcome = steps.load()

    assert isinstance(outcome, Partial) and len(outcome.missing) == 2
    assert [line.split(" ")[0] for line in outcome.missing] == ["backup:new.sql", "backup:cut.sql"]
    assert "restored from the dump of 2026-01-02 03:04 UTC on backup" in outcome.missing[1]
    fact_of(steps.switch(outcome))
    other = MemoryDatabaseServer("db1")
    older = Steps(other, tmp_path / "other", {b"old/shop.sql": OLDER})
    older.switch(older.load())
    assert server.tables("shop") == other.tables("shop")
    assert set(server.databases()) == set(other.databases())


def test_a_dump_that_asks_for_too_much_is_a_question_that_names_the_place(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    outcome = steps(tmp_path, server, dump(POSTS, b"USE shop;\nUSE other;\n")).load()

    assert isinstance(outcome, Manual)
    assert outcome.items[0].cause == "dump-refused"
    assert "byte " in outcome.items[0].evidence[0]
    assert server.schemas == {}


def test_a_live_database_is_a_question_with_both_sides(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    older = steps(tmp_path, server, OLDER)
    older.switch(older.load())
    digest = state_digest(server.tables("shop"))
    newer = steps(tmp_path, server)
    outcome = newer.switch(newer.load())

    assert isinstance(outcome, Manual)
    (item,) = outcome.items
    assert item.cause == "live-database-differs"
    assert item.candidates == (
        Candidate("keep the live one", "keep"),
        Candidate("set the live one aside and switch", "replace", digest),
    )
    assert "live: 1 tables, 3 rows, newest 2026-01-02 03:04:05, 3 views, triggers, …" in item.evidence
    assert (
        "table posts: live 3 rows, newest 2026-01-02 03:04:05; restored 3 rows, newest 2026-01-02 03:04:05"
        in item.evidence
    )
    assert state_digest(server.tables("shop")) == digest


def test_a_refused_object_undoes_the_move(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    older = steps(tmp_path, server, OLDER)
    older.switch(older.load())
    before = seen(server)
    newer = steps(tmp_path, server)
    loaded = newer.load()
    server.refuse_object = "stamp"
    refused = False
    try:
        newer.switch(loaded, state_digest(server.tables("shop")))
    except Exception as error:  # noqa: BLE001 - whichever it is, its name is what counts here
        refused = type(error).__name__ == "ObjectRefused"

    assert refused
    assert {name: what for name, what in seen(server).items() if name != STAGING} == before


def cut_everywhere(
    folder: Path, prepare: Callable[[MemoryDatabaseServer], None], act: Callable[[Steps], object]
) -> int:
    """Do `act` on prepared servers, each cut at another moment and then done again; all must end as one uncut."""
    uncut = MemoryDatabaseServer("db1")
    prepare(uncut)
    moments: list[str] = []
    uncut.hook = moments.append
    act(steps(folder, uncut))
    for cut_at in range(len(moments)):
        server = MemoryDatabaseServer("db1")
        prepare(server)
        left = iter(range(len(moments)))

        def hook(moment: str, left: object = left, cut_at: int = cut_at) -> None:
            if next(left) == cut_at:  # type: ignore[call-overload]
                raise Cut(moment)

        server.hook = hook
        try:
            act(steps(folder, server))
        except Cut:
            server.hook = lambda moment: None
            act(steps(folder, server))
        assert seen(server) == seen(uncut), moments[cut_at]
    return len(moments)


def load_and_switch(one: Steps) -> Outcome:
    server = one.server
    loaded = one.load()
    live = server.tables("shop")
    assert isinstance(loaded, Done) and isinstance(loaded.fact, DatabaseLoaded)
    ours = state_digest(live) == state_digest(loaded.fact.tables)
    return one.switch(loaded, DIGEST if live and not ours else None)


def with_an_older_one(server: MemoryDatabaseServer) -> None:
    loaded = server.load("br_stage_old", iter([OLDER]))
    server.schemas["shop"] = server.schemas.pop("br_stage_old")
    for one in loaded.objects:
        server.schemas["shop"].objects[one.kind, one.name] = AccountName("old", "%")


_probe = MemoryDatabaseServer("probe")
with_an_older_one(_probe)
DIGEST = state_digest(_probe.tables("shop"))


def test_a_restore_cut_at_any_act_ends_as_if_it_never_had_been(tmp_path: Path) -> None:
    assert cut_everywhere(tmp_path, lambda server: None, load_and_switch) > 20


def test_a_replacement_cut_at_any_act_ends_as_if_it_never_had_been(tmp_path: Path) -> None:
    def switch_on(one: Steps) -> Outcome:
        return one.switch(one.load(), DIGEST)

    assert cut_everywhere(tmp_path, with_an_older_one, switch_on) > 25


def test_an_undo_cut_at_any_act_ends_as_if_it_never_had_been(tmp_path: Path) -> None:
    def prepare(server: MemoryDatabaseServer) -> None:
        with_an_older_one(server)
        one = steps(tmp_path, server)
        prepare.switched = one.switch(one.load(), DIGEST)  # type: ignore[attr-defined]

    def act(one: Steps) -> Outcome:
        return one.undo(prepare.switched)  # type: ignore[attr-defined]

    assert cut_everywhere(tmp_path, prepare, act) > 6


def test_an_undo_names_where_the_restored_tables_are(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    with_an_older_one(server)
    one = steps(tmp_path, server)
    switched = one.switch(one.load(), DIGEST)
    kept = fact_of(switched).kept
    outcome = one.undo(switched)

    assert isinstance(outcome, Done) and isinstance(outcome.fact, DatabaseUndone)
    assert server.tables(outcome.fact.undone) == fact_of(switched).tables
    assert state_digest(server.tables("shop")) == DIGEST
    assert kept not in server.schemas


def test_an_undo_over_new_rows_is_refused_with_what_to_do(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    one = steps(tmp_path, server)
    switched = one.switch(one.load())
    with_an_older_one(server)
    live = server.tables("shop")

    with pytest.raises(UndoDiffers):
        one.undo(switched)

    assert server.tables("shop") == live


def test_a_second_undo_of_the_same_content_gets_a_place_of_its_own(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    one = steps(tmp_path, server)
    first = one.undo(one.switch(one.load()))
    second = one.undo(one.switch(one.load()))

    assert isinstance(first, Done) and isinstance(second, Done)
    assert first.fact != second.fact
    assert server.schemas["shop"] == MemorySchema()


def test_a_switch_that_was_done_is_unchanged(tmp_path: Path) -> None:
    server = MemoryDatabaseServer("db1")
    one = steps(tmp_path, server)
    loaded = one.load()
    done = one.switch(loaded)
    again = one.switch(loaded)

    assert isinstance(done, Done) and isinstance(again, Unchanged)
    assert fact_of(again) == fact_of(done)
