"""What the backups hold by name must be told whole, and nothing odd may slip in or stop the rest."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from restore.errors import CustomersInvalid
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId
from restore.model.survey import Index
from restore.survey.customers import read_customers
from restore.survey.index import read_index
from tests.memory.source import File, Link, MemorySource
from tests.plan.company import incident

HEADER = "customer,home,domains,mailboxes,databases,contact,phone\r\n"
SERVER = incident().old_servers[0]


def indexed(nodes: Mapping[str, File | Link], customers: str = HEADER) -> Index:
    source = MemorySource("backup", {})
    for server in ("web1", "web2"):
        source.put(f"{server}/customers.csv".encode(), (customers if server == "web1" else HEADER).encode())
        source.put(f"{server}/var/vmail/x.test/z/Maildir/cur/1".encode(), b"")
        source.put(f"{server}/var/backups/mysql/none.txt".encode(), b"")
    for path, node in nodes.items():
        source.put(path.encode(), node)
    return read_index(incident(), lambda name: source)


def test_customers_mailboxes_and_dumps_are_found_by_name() -> None:
    row = 'Jón & "Co",home/jon,JON.test www.jon.test,a@jon.test b@jon.test,db1 db2,"x, y",555\r\n'.replace(
        '"Co"', '""Co""'
    )
    row = '"' + row.replace(",home", '",home', 1)

    index = indexed(
        {
            "web1/var/vmail/jon.test/a/Maildir/cur/1": File(b""),
            "web1/var/backups/mysql/db1.sql": File(b"x"),
            "web1/var/backups/mysql/db2.sql.gz": File(b"xyz"),
            "web1/var/backups/mysql/db3.sql.zst": File(b"xyz"),
        },
        HEADER + row,
    )

    (customer,) = index.customers
    assert (customer.name, customer.home, customer.domains) == (
        'Jón & "Co"',
        "home/jon",
        ("jon.test", "www.jon.test"),
    )
    assert (customer.mailboxes, customer.databases, customer.reach) == (
        ("a@jon.test", "b@jon.test"),
        ("db1", "db2"),
        "x, y, 555",
    )
    assert MailboxId("web1", "a@jon.test") in [place.mailbox for place in index.mailboxes]
    assert [(dump.database, dump.fingerprint.size) for dump in index.dumps] == [
        (DatabaseId("web1", "db1"), 1),
        (DatabaseId("web1", "db2"), 3),
        (DatabaseId("web1", "db3"), 3),
    ]


def test_a_link_among_the_dumps_and_a_system_database_are_noted_and_not_read() -> None:
    index = indexed(
        {
            "web1/var/backups/mysql/shop.sql": Link(b"/etc/shadow"),
            "web1/var/backups/mysql/mysql.sql": File(b"x"),
            "web1/var/vmail/linked.test": Link(b"x.test"),
        }
    )

    assert index.dumps == ()
    assert (
        len(
            [
                note
                for note in index.notes
                if "shop.sql" in note or "mysql.sql" in note or "linked.test" in note
            ]
        )
        == 3
    )


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("customer,home\n", "lacks the column"),
        (HEADER + "a,b\n", "row 2"),
        (HEADER + ",h,d,m,b,c,p\n", "needs a name"),
        (HEADER + "a,../../etc,d,m,b,c,p\n", "without .."),
        (HEADER + "a,h,d,m,b,c,p\na,h,d,m,b,c,p\n", "stands twice"),
        (HEADER + '"a,h\n', "line"),
    ],
)
def test_a_bad_customers_file_is_named_with_its_line(text: str, word: str) -> None:
    with pytest.raises(CustomersInvalid, match=word):
        read_customers(SERVER, text.encode())


def test_a_customers_file_in_another_encoding_is_refused_with_the_byte() -> None:
    with pytest.raises(CustomersInvalid, match="not UTF-8 at byte 5"):
        read_customers(SERVER, b"J\xc3\xb3n,\xf3")


def test_a_home_that_is_not_stated_follows_the_pattern() -> None:
    (customer,) = read_customers(SERVER, (HEADER + "bob,,,,,,\n").encode())

    assert customer.home == "home/bob"


def test_a_server_whose_backup_cannot_be_read_does_not_hide_the_other() -> None:
    source = MemorySource("backup", {b"web2/customers.csv": (HEADER + "bob,,,,,,\n").encode()})

    index = read_index(incident(), lambda name: source)

    assert [customer.name for customer in index.customers] == ["bob"]
    assert [(one.key, one.server) for one in index.failed] == [("index/web1", "backup")]
