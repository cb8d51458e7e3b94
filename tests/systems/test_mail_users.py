"""The mail users of an old server: read as its software wrote them, one's hash never taken for another's."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from restore.errors import MailUsersUnreadable
from restore.model.incident import OldServer, ServerCopy
from restore.model.making import UserBase
from restore.systems.folder import FolderSource
from restore.systems.mail_users import OldMailUsers

CRYPT = "$6$salt$hash"


def users(root: Path, base: UserBase) -> OldMailUsers:
    server = OldServer(
        "web1", "night", "web1", "", "", (), mail_users=base, further=(ServerCopy("night", "older"),)
    )
    return OldMailUsers(server, lambda name: FolderSource(name, str(root)))


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def told(found: OldMailUsers, address: str, customer: str = "alice") -> tuple[str, int | None] | None:
    user = found.find(address, customer)
    return None if user is None else (user.hash.reveal().decode(), user.quota)


def test_a_passwd_file_states_hashes_with_and_without_a_scheme_and_quotas_in_any_unit(tmp_path: Path) -> None:
    text = (
        f"# users\nA@x.test:{{SHA512-CRYPT}}{CRYPT}:5000:5000::/h::userdb_quota_rule=*:storage=2G x=y\n"
        f"b@x.test:{CRYPT}:::::: quota_rule=*:bytes=1000\nb@x.test:second:::::\nc@x.test:!:::::\nd@x.test:{CRYPT}\n"
        "e@x.test:a b\x01:::::\n"
    )
    put(tmp_path / "older/etc/users", text.encode())
    found = users(tmp_path, UserBase("passwd-file", "etc/users"))

    assert [told(found, f"{name}@x.test") for name in "abcdef"] == [
        (f"{{SHA512-CRYPT}}{CRYPT}", 2 << 30),
        (f"{{CRYPT}}{CRYPT}", 1000),
        ("", None),
        (f"{{CRYPT}}{CRYPT}", None),
        ("", None),
        None,
    ]


def test_a_bare_user_name_counts_only_in_the_file_of_his_domain(tmp_path: Path) -> None:
    put(tmp_path / "web1/home/alice/etc/x.test/shadow", f"info:{CRYPT}:19000:0:99999:7:::\n".encode())
    put(tmp_path / "web1/etc/shadow", f"info:{CRYPT}:19000:0:99999:7:::\n".encode())
    of_domain = users(tmp_path, UserBase("shadow", "home/{customer}/etc/{domain}/shadow"))
    of_all = users(tmp_path, UserBase("shadow", "etc/shadow"))

    assert told(of_domain, "info@x.test") == (f"{{CRYPT}}{CRYPT}", None)
    assert [
        told(of_domain, "info@y.test"),
        told(of_domain, "info@x.test", "../bob"),
        told(of_all, "info@x.test"),
    ] == [None] * 3


def test_the_table_of_postfixadmin_is_read_from_a_packed_dump(tmp_path: Path) -> None:
    dump = (
        "CREATE TABLE `mailbox` (\n  `username` varchar(255) NOT NULL,\n  `password` text,\n  `quota` bigint\n);\n"
        f"INSERT INTO `mailbox` VALUES ('a@x.test','{CRYPT}',1024),('b@x.test','{{PLAIN}}it\\'s',0);\n"
    )
    put(tmp_path / "web1/postfix.sql.gz", gzip.compress(dump.encode()))
    found = users(tmp_path, UserBase("dump", "postfix.sql.gz", quota_unit=1024))

    assert [told(found, "A@x.test"), told(found, "b@x.test")] == [
        (f"{{CRYPT}}{CRYPT}", 1 << 20),
        ("{PLAIN}it's", 0),
    ]


def test_a_user_database_that_no_copy_has_is_said_and_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(MailUsersUnreadable):
        users(tmp_path, UserBase("passwd-file", "etc/users")).find("a@x.test", "alice")


@given(st.binary(max_size=200))
def test_no_bytes_make_a_hash_that_breaks_a_line(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    root = tmp_path_factory.mktemp("any")
    put(root / "web1/etc/users", b"a@x.test:" + data)
    user = users(root, UserBase("passwd-file", "etc/users")).find("a@x.test", "alice")

    assert user is None or not set(user.hash.reveal()) & set(b":\r\n \0")
