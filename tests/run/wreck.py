"""A small wrecked company in memory: the backup of two servers, and live ones into which life has come already.

The wreck holds what a real night holds: mail of which copies are live already, a folder the live server has not,
sites whose login is plain, missing, another's or new; dumps with a trigger and a view, a damaged one with an older
one beside it, one with a function that is never made; one database name on both servers; a live database that
holds other data.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from restore.model.incident import Incident
from restore.model.mail import INBOX, NewMessage
from restore.model.message import canonical
from restore.model.mysql import AccountName
from tests.memory.database import MemoryDatabaseServer, MemorySchema, MemoryTable
from tests.memory.mail import MemoryMail
from tests.memory.source import File, MemorySource, Node
from tests.plan.company import incident as company
from tests.systems.dumps import HEAD, dump

DAY = 1_600_000_000
ADDRESS = "info@alice.test"

CUSTOMERS_1 = b"""customer,home,domains,mailboxes,databases,contact,phone
alice,,alice.test,info@alice.test,shop,alice@x.test,1
bob,,bob.test,bob@bob.test,bobsite,bob@x.test,2
carol,,carol.test,,carol,carol@x.test,3
dave,,dave.test,,davedb,dave@x.test,4
erin,,erin.test,,erindb,erin@x.test,5
gina,,gina.test,,wordpress,gina@x.test,6
hank,,hank.test,gone@hank.test,hankdb,hank@x.test,7
"""
CUSTOMERS_2 = b"""customer,home,domains,mailboxes,databases,contact,phone
frank,,frank.test,frank@frank.test,wordpress,frank@x.test,8
"""


def mail(number: int) -> bytes:
    """A mail as a Maildir keeps it."""
    return b"Message-ID: <%d@night.test>\nSubject: mail %d\n\nbody %d\n" % (number, number, number)


def table(name: str, *rows: str) -> bytes:
    """A table of a dump; each row is its second column."""
    values = ",\n".join(f"({number},'{row}')" for number, row in enumerate(rows, 1))
    return (
        f"DROP TABLE IF EXISTS `{name}`;\nCREATE TABLE `{name}` (\n  `id` int(11) NOT NULL,\n"
        f"  `text` varchar(200) NOT NULL,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;\n"
        f"INSERT INTO `{name}` VALUES\n{values};\n"
    ).encode()


def objects(name: str) -> bytes:
    """A trigger and a view on a table."""
    return (
        f"DELIMITER ;;\nCREATE DEFINER=`root`@`localhost` TRIGGER `stamp` BEFORE INSERT ON `{name}`\n"
        f"FOR EACH ROW BEGIN SET NEW.text = TRIM(NEW.text); END ;;\nDELIMITER ;\n"
        f"CREATE DEFINER=`root`@`localhost` VIEW `texts` AS select `text` from `{name}`;\n"
    ).encode()


REFUSED = b"CREATE FUNCTION `shell` RETURNS INTEGER SONAME 'lib_mysqludf_sys.so';\n"


def blog(user: str, *rows: str) -> bytes:
    """The dump of a WordPress database."""
    return dump(table("wp_options", f"of {user}"), table("wp_posts", *rows), objects("wp_posts"))


def wordpress(database: str, user: str) -> bytes:
    """A wp-config.php."""
    return (
        f"<?php\ndefine('DB_NAME', '{database}');\ndefine('DB_USER', '{user}');\n"
        f"define('DB_PASSWORD', 'pw of {user}');\ndefine('DB_HOST', 'localhost');\n$table_prefix = 'wp_';\n"
    ).encode()


JOOMLA = b"""<?php
class JConfig {
	public $dbtype = 'mysqli';
	public $host = 'localhost';
	public $user = 'bob_j';
	public $password = 'pw of bob_j';
	public $db = 'bobsite';
	public $dbprefix = 'jos_';
}
"""


def _wreck() -> dict[bytes, Node]:
    sites = {
        b"web1/home/alice/public_html/wp-config.php": wordpress("shop", "alice_wp"),
        b"web1/home/bob/public_html/configuration.php": JOOMLA,
        b"web1/home/bob/public_html/includes/defines.php": b"<?php\n",
        b"web1/home/bob/public_html/libraries/index.html": b"",
        b"web1/home/carol/public_html/index.php": b"<?php require 'secret.phar';\n",
        b"web1/home/dave/public_html/wp-config.php": wordpress("shop", "dave_wp"),
        b"web1/home/erin/public_html/wp-config.php": wordpress("erindb", "erin_wp"),
        b"web1/home/gina/public_html/wp-config.php": wordpress("wordpress", "wp"),
        b"web1/home/hank/public_html/wp-config.php": wordpress("hankdb", "hank_wp"),
        b"web2/home/frank/public_html/wp-config.php": wordpress("wordpress", "wp").replace(b"pw of", b"his"),
    }
    dumps = {
        b"web1/var/backups/mysql/shop.sql": blog("alice", "one", "two"),
        b"web1/var/backups/mysql/bobsite.sql": dump(table("jos_extensions", "x"), table("jos_content", "y")),
        b"web1/var/backups/mysql/carol.sql": dump(table("things", "a", "b", "c"), REFUSED, objects("things")),
        b"web1/var/backups/mysql/davedb.sql": blog("dave", "his own"),
        b"web1/var/backups/mysql/erindb.sql": HEAD + table("wp_options", "of erin") + table("wp_posts")[:60],
        b"web1/var/backups/mysql/wordpress.sql": blog("gina", "gina's".replace("'", "")),
        b"web1/var/backups/mysql/hankdb.sql": blog("hank", "old", "older"),
        b"web2/var/backups/mysql/wordpress.sql": blog("frank", "of frank"),
    }
    boxes = {
        b"web1/var/vmail/alice.test/info/Maildir/": (1, 2, 3, 3),
        b"web1/var/vmail/alice.test/info/Maildir/.Archive.2016/": (4, 5),
        b"web1/var/vmail/bob.test/bob/Maildir/": (6,),
        b"web1/var/vmail/hank.test/gone/Maildir/": (7,),
        b"web2/var/vmail/frank.test/frank/Maildir/": (8, 9),
        b"web2/var/vmail/frank.test/frank/Maildir/.Sent/": (9,),
    }
    files: dict[bytes, Node] = {path: File(data, DAY) for path, data in {**sites, **dumps}.items()}
    files[b"web1/var/backups/mysql/erindb.sql.gz"] = File(blog("erin", "from an older night"), DAY - 86_400)
    files[b"web1/customers.csv"] = File(CUSTOMERS_1, DAY)
    files[b"web2/customers.csv"] = File(CUSTOMERS_2, DAY)
    files[b"web1/var/vmail/alice.test/info/Maildir/subscriptions"] = File(b"Archive.2016\n", DAY)
    for folder, numbers in boxes.items():
        for place, number in enumerate(numbers):
            files[folder + b"cur/%d.%d.web:2,S" % (number, place)] = File(mail(number), DAY + number)
    files[b"web1/var/vmail/bob.test/bob/Maildir/cur/77.x.web:2,"] = File(b"lost", DAY, readable=False)
    return files


@cache
def wreck() -> MemorySource:
    """The backup; nothing ever changes in it."""
    return MemorySource("backup", _wreck())


@cache
def incident() -> Incident:
    """The incident file: the second server's databases may go to either target."""
    bare = company(web2=("db1", "db2"))
    return replace(bare, sources=tuple(replace(one, copies=2) for one in bare.sources), workers=3)


def landed(number: int) -> NewMessage:
    """A mail that came in after the crash."""
    return NewMessage(canonical(mail(number)), DAY + 500_000, frozenset())


def live_mail() -> MemoryMail:
    """The new mail server: some of the backup's mail is there already, and some that is not in it."""
    server = MemoryMail("mail1")
    came = {ADDRESS: (2, 50), "bob@bob.test": (51,), "frank@frank.test": (9,)}
    for address, numbers in came.items():
        inbox = server.box(address).folders[INBOX]
        for number in numbers:
            inbox.add(landed(number))
    server.box("frank@frank.test").make(("Sent",))
    return server


def live_databases() -> dict[str, MemoryDatabaseServer]:
    """The new database servers: one customer has begun to work on one of them."""
    servers = {name: MemoryDatabaseServer(name) for name in ("db1", "db2")}
    orders = MemoryTable(
        "CREATE TABLE `orders` (`id` int)", [b"1,'since the crash'", b"2,'2026-01-03 10:00:00'"]
    )
    trigger = {("trigger", "count"): AccountName("hank", "localhost")}
    servers["db1"].schemas["hankdb"] = MemorySchema(tables={"orders": orders}, objects=trigger)
    return servers
