"""New mailboxes in a passwd-file, in an SQL table, by a command: made once, nothing that stands is altered."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.finding import Secret
from fixtures.servers.mariadb import PrivateMariadb
from restore.errors import MailboxNotMade
from restore.model.incident import DatabaseTarget, MakeCommand, PasswdFile, SecretRef, UserTable
from restore.model.making import NewMailbox
from restore.systems.mailbox_command import CommandMaker
from restore.systems.mailbox_passwd_file import PasswdFileMaker
from restore.systems.mailbox_table import UserTableMaker

HASH = Secret(b"{SHA512-CRYPT}$6$salt$'\"\\%hash")
INFO = NewMailbox("info@alice.example", "alice", HASH, 7 << 20)
LINE = "{address}:{hash}:::::: userdb_quota_rule=*:bytes={quota_bytes}"
ADDED = b"info@alice.example:{SHA512-CRYPT}$6$salt$'\"\\%hash:::::: userdb_quota_rule=*:bytes=7340032\n"


def lines(path: Path) -> PasswdFileMaker:
    return PasswdFileMaker(PasswdFile(str(path), LINE))


@pytest.mark.parametrize(
    "before", [b"", b"# users\nbob@b.example:x::::::\n", b"bob@b.example:no end of line"]
)
def test_a_line_is_added_once_and_all_that_stood_there_stays_owner_and_mode_too(
    tmp_path: Path, before: bytes
) -> None:
    path = tmp_path / "users"
    path.write_bytes(before)
    path.chmod(0o640)
    os.chown(path, 8, 8)
    made = [lines(path).make(INFO), lines(path).make(INFO)]

    gap = b"\n" if before and not before.endswith(b"\n") else b""
    assert (made, path.read_bytes()) == ([True, False], before + gap + ADDED)
    now = path.stat()
    assert (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) == (0o640, 8, 8)
    assert os.listdir(tmp_path) == ["users"]


def test_a_user_who_stands_in_another_case_is_the_same_user(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_bytes(b"Info@Alice.example:{PLAIN}live::::::\n")

    assert [lines(path).stands(INFO.address), lines(path).make(INFO)] == [True, False]
    assert path.read_bytes() == b"Info@Alice.example:{PLAIN}live::::::\n"


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20))
def test_no_address_makes_more_or_other_than_one_line(
    tmp_path_factory: pytest.TempPathFactory, user: str
) -> None:
    path = tmp_path_factory.mktemp("odd") / "users"
    path.write_bytes(b"bob@b.example:x::::::\n")
    try:
        lines(path).make(NewMailbox(f"{user}@a.example", "a", HASH))
    except MailboxNotMade:
        assert path.read_bytes() == b"bob@b.example:x::::::\n"
        return
    first, added, rest = path.read_bytes().split(b"\n")
    assert (first, added.count(b":"), rest) == (b"bob@b.example:x::::::", 8, b"")
    assert added.startswith(f"{user}@a.example:".encode())


def test_a_symbolic_link_to_the_file_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"")
    (tmp_path / "users").symlink_to(tmp_path / "real")

    assert lines(tmp_path / "users").make(INFO)
    assert (tmp_path / "users").is_symlink() and (tmp_path / "real").read_bytes() == ADDED


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o700)
    return str(path)


def command(tmp_path: Path, make: str, find: str = "test -e made || exit 67") -> CommandMaker:
    return CommandMaker(
        MakeCommand(
            (script(tmp_path / "find", f"cd {tmp_path}; {find}"), "{address}"),
            (script(tmp_path / "make", f"cd {tmp_path}; {make}"), "{address}", "--quota={quota_mb}"),
            timeout=30,
        )
    )


def test_a_command_gets_the_hash_on_its_standard_input_and_what_varies_as_single_arguments(
    tmp_path: Path,
) -> None:
    maker = command(
        tmp_path, 'printf "%s|" "$@" > made; cat >> made; tr "\\0" " " < /proc/$$/cmdline >> arguments'
    )
    odd = NewMailbox("a b;$(touch x)'@alice.example", "alice", HASH, 7 << 20)

    assert [maker.make(odd), maker.make(odd)] == [True, False]
    assert (
        tmp_path / "made"
    ).read_bytes() == b"a b;$(touch x)'@alice.example|--quota=7|" + HASH.reveal() + b"\n"
    assert b"$6$" not in (tmp_path / "arguments").read_bytes() and not (tmp_path / "x").exists()


def test_what_a_failing_command_says_is_told_without_the_hash(tmp_path: Path) -> None:
    with pytest.raises(MailboxNotMade) as refused:
        command(tmp_path, "echo no: $(cat); exit 9").make(INFO)
    assert "exited with 9: no: ***" in refused.value.message


def test_a_command_that_cannot_say_whether_a_mailbox_stands_makes_none(tmp_path: Path) -> None:
    with pytest.raises(MailboxNotMade):
        command(tmp_path, "touch made", find="exit 75").make(INFO)
    assert not (tmp_path / "made").exists()


def test_an_address_that_would_be_an_option_is_no_argument(tmp_path: Path) -> None:
    with pytest.raises(MailboxNotMade):
        command(tmp_path, "touch made").make(NewMailbox("--force@alice.example", "alice", HASH))
    assert not (tmp_path / "made").exists()


@pytest.fixture(scope="module")
def mariadb() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        server.sql(
            "CREATE DATABASE mail; CREATE TABLE mail.mailbox (username VARCHAR(255) PRIMARY KEY, password VARCHAR(255),"
            " quota BIGINT) ENGINE=InnoDB CHARSET=latin1; INSERT INTO mail.mailbox VALUES ('live@a.example', 'x', 1)"
        )
        yield server


def test_a_row_is_inserted_once_and_no_value_is_ever_read_as_sql(mariadb: PrivateMariadb) -> None:
    server = DatabaseTarget("mail1", mariadb.admin_user, SecretRef("env", "X"), str(mariadb.socket))
    maker = UserTableMaker(
        UserTable(
            server,
            "mail",
            "SELECT 1 FROM mailbox WHERE username = {address}",
            "INSERT INTO mailbox (username, password, quota) VALUES ({address}, {bare_hash}, {quota_bytes})",
        ),
        Secret(mariadb.admin_password.encode()),
    )
    hostile = NewMailbox("x'); DROP TABLE mailbox; -- @a.example", "a", HASH, 5)
    live = NewMailbox("LIVE@a.example", "a", HASH)

    assert [maker.make(one) for one in (INFO, INFO, hostile, live)] == [True, False, True, False]
    rows = mariadb.sql("SELECT username, HEX(password), quota FROM mail.mailbox ORDER BY quota")
    hashed = HASH.reveal().partition(b"}")[2].hex().upper()
    assert [line.split("\t") for line in rows.strip().splitlines()] == [
        ["live@a.example", "78", "1"],
        [hostile.address, hashed, "5"],
        ["info@alice.example", hashed, str(7 << 20)],
    ]
