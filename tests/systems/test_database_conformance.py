"""Every database server, in memory or a real MariaDB by socket or by TLS, keeps the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from detectors.finding import Secret
from fixtures.servers.mariadb import PrivateMariadb
from restore.errors import (
    DatabaseRefused,
    DumpDamaged,
    DumpRefused,
    LiveDiffers,
    LoginRefused,
    StagingDiffers,
)
from restore.model.incident import DatabaseTarget, SecretRef
from restore.model.mysql import AccountName, Loaded, Move, state_digest
from restore.model.ports import DatabaseServer
from restore.model.verifier import native_verifier
from restore.systems.mysql import MysqlServer
from tests.memory.database import MemoryDatabaseServer
from tests.systems.dumps import HEAD, OBJECTS, POSTS, chunks, dump

STAGING = "br_stage_conformance"
OWNER = AccountName("o_wner", "localhost")


def real(server: PrivateMariadb) -> MysqlServer:
    """Our side of a private server: by TLS where it listens, else by its socket."""
    reference = SecretRef("env", "unused")
    target = DatabaseTarget(
        "db1",
        server.admin_user,
        reference,
        socket="" if server.tcp else str(server.socket),
        host=server.host if server.tcp else "",
        port=server.port or 3306,
        ca=str(server.ca) if server.ca else "",
    )
    return MysqlServer(target, Secret(server.admin_password.encode()))


@pytest.fixture(scope="module", params=["memory", "socket", "tls"])
def kept(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    with ExitStack() as stack:
        if request.param == "memory":
            yield MemoryDatabaseServer("db1")
            return
        tls = request.param == "tls"
        server = real(stack.enter_context(PrivateMariadb(tcp=tls, tls=tls)))
        stack.callback(server.close)
        yield server


@pytest.fixture
def server(kept: DatabaseServer) -> DatabaseServer:
    """The server, emptied of what an earlier test left."""
    wipe(kept)
    return kept


def wipe(server: DatabaseServer) -> None:
    if isinstance(server, MemoryDatabaseServer):
        server.schemas.clear()
        server.accounts.clear()
        return
    assert isinstance(server, MysqlServer)
    for name in server.databases() - {"mysql", "sys", "information_schema", "performance_schema"}:
        server._admin.run(b"DROP DATABASE `" + name.encode() + b"`")
    for account in (OWNER, AccountName("o_wner", "10.9.8.7")):
        server.drop_account(account)


def load(server: DatabaseServer, data: bytes, staging: str = STAGING) -> Loaded:
    return server.load(staging, chunks(data))


def move_of(loaded: Loaded, staging: str = STAGING, agreed: str | None = None) -> Move:
    return Move(
        staging, "shop", "br_kept_conformance", loaded.tables, loaded.charset, loaded.collation, agreed
    )


def test_a_loaded_dump_holds_what_its_stream_stated(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS, OBJECTS))

    assert [(one.name, one.rows, one.newest[:10]) for one in loaded.tables] == [("posts", 3, "2026-01-02")]
    assert server.tables(STAGING) == loaded.tables
    assert sorted(f"{one.kind} {one.name}" for one in loaded.objects) == [
        "function twice",
        "trigger stamp",
        "view titles",
    ]
    assert server.objects(STAGING) == ()
    assert loaded.bytes == len(dump(POSTS, OBJECTS))


def test_loading_again_starts_anew(server: DatabaseServer) -> None:
    first = load(server, dump(POSTS))
    second = load(server, dump(POSTS))

    assert first.tables == second.tables == server.tables(STAGING)


@pytest.mark.parametrize("cut", [0.35, 0.6, 0.75, 0.9, 0.97])
def test_a_dump_cut_anywhere_is_damaged(server: DatabaseServer, cut: float) -> None:
    data = dump(POSTS)
    with pytest.raises(DumpDamaged, match="byte"):
        load(server, data[: int(len(data) * cut)])


def test_a_dump_cut_right_behind_a_statement_is_damaged(server: DatabaseServer) -> None:
    with pytest.raises(DumpDamaged, match="without its last line"):
        load(server, HEAD + POSTS)


@pytest.mark.parametrize("data", [b"", b"\n", b"-- nothing but a comment\n", b"system date\n"])
def test_an_empty_file_is_no_dump_of_an_empty_database(server: DatabaseServer, data: bytes) -> None:
    with pytest.raises(DumpDamaged, match="is empty"):
        load(server, data)

    assert load(server, dump()).tables == ()


def test_a_phpmyadmin_export_ends_with_its_commit(server: DatabaseServer) -> None:
    export = b"-- phpMyAdmin SQL Dump\nSTART TRANSACTION;\n" + POSTS

    assert [one.rows for one in load(server, export + b"COMMIT;\n").tables] == [3]
    with pytest.raises(DumpDamaged, match="without the COMMIT"):
        load(server, export)


def test_a_dump_of_two_databases_is_refused(server: DatabaseServer) -> None:
    with pytest.raises(DumpRefused, match="second database"):
        load(server, dump(b"USE `shop`;\n", POSTS, b"USE `victim`;\n", POSTS))


def test_the_databases_own_character_set_is_the_dumps(server: DatabaseServer) -> None:
    made = b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `shop` /*!40100 CHARACTER SET latin1 COLLATE latin1_bin */;"
    loaded = load(server, dump(made, b"\nUSE `shop`;\n", POSTS))

    assert (loaded.charset, loaded.collation) == ("latin1", "latin1_bin")


def test_the_database_a_dump_names_itself_is_told(server: DatabaseServer) -> None:
    assert load(server, dump(POSTS)).stated == ""
    assert load(server, dump(b"USE `other`;\n", POSTS)).stated == "other"


def test_the_switch_makes_a_database_live_and_leaves_no_staging(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS))
    server.switch(move_of(loaded))

    assert server.tables("shop") == loaded.tables
    assert server.databases() & {STAGING, "br_kept_conformance"} == set()


def test_a_switch_done_already_is_done(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS))
    server.switch(move_of(loaded))
    server.switch(move_of(loaded))
    load(server, dump(POSTS))
    server.switch(move_of(loaded))

    assert server.tables("shop") == loaded.tables
    assert STAGING not in server.databases()


def owner(server: DatabaseServer) -> None:
    """The account that the objects are for."""
    server.create_account(OWNER, native_verifier(Secret(b"owner")))
    server.grant(OWNER, "shop")


OTHER = POSTS.replace(b"(3,''", b"(4,'written yesterday'")


def live_other(server: DatabaseServer) -> str:
    """Let another content be live; its digest."""
    other = load(server, dump(OTHER), "br_stage_other")
    server.switch(move_of(other, "br_stage_other"))
    return state_digest(other.tables)


def test_a_live_database_is_never_swapped_unasked(server: DatabaseServer) -> None:
    digest = live_other(server)
    loaded = load(server, dump(POSTS))
    with pytest.raises(LiveDiffers) as caught:
        server.switch(move_of(loaded))

    assert state_digest(caught.value.live) == digest
    assert caught.value.ours == loaded.tables
    assert state_digest(server.tables("shop")) == digest
    assert server.tables(STAGING) == loaded.tables


def test_what_a_person_agreed_to_set_aside_is_kept(server: DatabaseServer) -> None:
    digest = live_other(server)
    loaded = load(server, dump(POSTS))
    server.switch(move_of(loaded, agreed=digest))

    assert server.tables("shop") == loaded.tables
    assert state_digest(server.tables("br_kept_conformance")) == digest


def test_an_agreement_about_another_state_counts_nothing(server: DatabaseServer) -> None:
    digest = live_other(server)
    loaded = load(server, dump(POSTS))
    with pytest.raises(LiveDiffers):
        server.switch(move_of(loaded, agreed="0" * 64))

    assert state_digest(server.tables("shop")) == digest
    assert "br_kept_conformance" not in server.databases()


def test_a_switch_without_its_staging_says_so(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS))
    server.drop_staging(STAGING)
    with pytest.raises(StagingDiffers):
        server.switch(move_of(loaded))

    assert "shop" not in server.databases()


def test_objects_are_created_after_the_move(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS, OBJECTS))
    server.switch(move_of(loaded))
    owner(server)
    server.create_objects("shop", loaded.objects, OWNER)
    server.create_objects("shop", loaded.objects, OWNER)

    assert server.objects("shop") == ("function twice", "trigger stamp", "view titles")
    assert server.tables("shop") == loaded.tables


def test_an_undo_brings_back_what_stood_there_with_its_objects(server: DatabaseServer) -> None:
    owner(server)
    other = load(server, dump(OTHER, OBJECTS), "br_stage_other")
    server.switch(move_of(other, "br_stage_other"))
    server.create_objects("shop", other.objects, OWNER)
    loaded = load(server, dump(POSTS, OBJECTS))
    move = move_of(loaded, agreed=state_digest(other.tables))
    server.switch(move)
    assert server.objects("shop") == ()
    server.create_objects("shop", loaded.objects, OWNER)
    server.undo(move, "br_undone_conformance")
    server.undo(move, "br_undone_conformance")

    assert server.tables("shop") == other.tables
    assert server.objects("shop") == ("function twice", "trigger stamp", "view titles")
    assert server.tables("br_undone_conformance") == loaded.tables
    assert "br_kept_conformance" not in server.databases()


def test_objects_come_to_another_account_as_they_are(server: DatabaseServer) -> None:
    stand_in = AccountName("br_def_0123abcd", "localhost")
    loaded = load(server, dump(POSTS, OBJECTS))
    server.switch(move_of(loaded))
    for account in (stand_in, OWNER):
        server.create_account(account, native_verifier(Secret(b"of nobody")))
        server.grant(account, "shop")
    server.create_objects("shop", loaded.objects, stand_in)
    every = ("function twice", "trigger stamp", "view titles")
    assert (server.defined_by("shop", stand_in), server.defined_by("shop", OWNER)) == (every, ())

    server.redefine("shop", stand_in, OWNER)
    server.redefine("shop", stand_in, OWNER)

    assert (server.defined_by("shop", stand_in), server.defined_by("shop", OWNER)) == ((), every)
    assert (server.objects("shop"), server.tables("shop")) == (every, loaded.tables)
    server.drop_account(stand_in)


def test_what_was_set_aside_is_dropped_and_nothing_else(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS))
    server.switch(move_of(loaded))
    server.undo(move_of(loaded), "br_undone_conformance")
    for name in ("shop", "br_undone_", "br_kept_", STAGING, "mysql"):
        with pytest.raises(ValueError, match="set aside"):
            server.drop_kept(name)
    server.drop_kept("br_undone_conformance")
    server.drop_kept("br_undone_conformance")

    assert "br_undone_conformance" not in server.databases()
    assert "shop" in server.databases()


def test_an_undo_to_staging_lets_the_switch_begin_again(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS, OBJECTS))
    move = move_of(loaded)
    owner(server)
    server.switch(move)
    server.create_objects("shop", loaded.objects, OWNER)
    server.undo(move, STAGING)
    assert server.tables(STAGING) == loaded.tables
    assert server.tables("shop") == ()
    server.switch(move)

    assert server.tables("shop") == loaded.tables


def test_an_undo_takes_away_nobodys_new_rows(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS))
    move = move_of(loaded)
    server.switch(move)
    with pytest.raises(LiveDiffers):
        server.undo(replace(move, loaded=(replace(loaded.tables[0], rows=2),)), "br_undone_conformance")

    assert server.tables("shop") == loaded.tables


def test_nothing_but_staging_is_ever_dropped(server: DatabaseServer) -> None:
    live_other(server)
    for name in ("shop", "br_stage_", "mysql"):
        with pytest.raises(ValueError, match="staging"):
            server.drop_staging(name)
        with pytest.raises(ValueError, match="staging"):
            load(server, dump(POSTS), name)

    assert server.tables("shop")


def test_an_account_is_made_locked_granted_and_unlocked(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS))
    server.switch(move_of(loaded))
    password = Secret(b"pass'w\\rd\xc3\xa4")
    assert server.account(OWNER) is None
    server.create_account(OWNER, native_verifier(password))
    made = server.account(OWNER)
    server.grant(OWNER, "shop")
    server.unlock(OWNER)
    ready = server.account(OWNER)
    server.lock(OWNER)
    again = server.account(OWNER)
    server.drop_account(OWNER)
    server.drop_account(OWNER)

    assert made is not None and made.locked and made.databases == () and not made.global_rights
    assert ready == replace(made, locked=False, databases=("shop",))
    assert again == replace(made, databases=("shop",))
    assert server.account(OWNER) is None


def test_an_existing_account_is_not_touched(server: DatabaseServer) -> None:
    server.create_account(OWNER, native_verifier(Secret(b"one")))
    made = server.account(OWNER)
    with pytest.raises(DatabaseRefused):
        server.create_account(OWNER, native_verifier(Secret(b"two")))

    assert server.account(OWNER) == made


def test_a_login_proves_password_and_grant(server: DatabaseServer) -> None:
    loaded = load(server, dump(POSTS))
    server.switch(move_of(loaded))
    password, host = Secret(b"right"), "localhost"
    if isinstance(server, MysqlServer) and not server._target.socket:
        host = "127.0.0.1"
    account = AccountName("o_wner", host)
    server.drop_account(account)
    server.create_account(account, native_verifier(password))
    with pytest.raises(LoginRefused):
        server.login(account, password, "shop", "")
    server.unlock(account)
    with pytest.raises(LoginRefused):
        server.login(account, password, "shop", "posts")
    server.grant(account, "shop")
    with pytest.raises(LoginRefused):
        server.login(account, Secret(b"wrong"), "shop", "posts")
    read = [server.login(account, password, "shop", table) for table in ("posts", "")]
    server.drop_account(account)

    assert read == ["posts", "posts"]


def test_an_account_of_another_host_cannot_be_tried_from_here(server: DatabaseServer) -> None:
    elsewhere = AccountName("o_wner", "10.9.8.7")
    server.create_account(elsewhere, native_verifier(Secret(b"right")))

    assert server.login(elsewhere, Secret(b"right"), "shop", "") is None


def test_facts_are_told(server: DatabaseServer) -> None:
    facts = server.facts()
    variables = dict(facts.variables)

    assert "MariaDB" in facts.version
    assert int(variables["max_allowed_packet"]) > 0
    assert not facts.replica
