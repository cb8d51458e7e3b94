"""A dump alone tells which application's it is, under which prefix, and where it was served."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.__main__ import main
from detectors.dump_marks import MARKS, Mark
from detectors.dump_rows import MAX_VALUE
from detectors.dumps import Fingerprint, fingerprint
from fixtures.servers.daemon import plain_environment
from fixtures.servers.mariadb import PrivateMariadb
from tests.detectors.dump_texts import Rows, dump, mark_of, marked, statements
from tests.detectors.fixture_sites import ROOT

PLUGINS = b'a:2:{i:0;s:19:"akismet/akismet.php";i:1;s:9:"hello.php";}'
WORDPRESS: Rows = (
    (b"_transient_x", b"it's; CREATE TABLE `evil_posts` (`a` int); INSERT INTO `wp_options` VALUES ("),
    (b"siteurl", b"https://example.com/blog"),
    (b"home", b"https://example.com"),
    (b"db_version", b"57155"),
    (b"active_plugins", PLUGINS),
    (b"stylesheet", b"astra-child"),
)


def _wordpress(prefix: str = "wp_") -> dict[str, tuple[tuple[str, ...] | list[str], Rows]]:
    return dict(marked(mark_of("wordpress", "term_taxonomy"), prefix, {"options": WORDPRESS}))  # type: ignore[arg-type]


def _told(content: bytes, size: int = 1 << 20) -> tuple[Fingerprint, ...]:
    return fingerprint(content[at : at + size] for at in range(0, len(content), size)).installs


@pytest.mark.parametrize("mark", MARKS, ids=[f"{mark.system}-{mark.tables[0]}" for mark in MARKS])
@pytest.mark.parametrize("prefix", ["", "x7_"])
def test_an_applications_tables_are_known_under_any_prefix_and_for_no_other(mark: Mark, prefix: str) -> None:
    found = _told(dump("alice_db", marked(mark, prefix)))

    assert [(one.system, one.prefix, one.database) for one in found] == [(mark.system, prefix, "alice_db")]


SITES: list[tuple[str, tuple[str, ...], dict[str, Rows], dict[str, object]]] = [
    ("wordpress", ("term_taxonomy",), {"options": WORDPRESS},
     {"schema": "57155", "site": "https://example.com/blog", "extensions": ("akismet", "astra-child")}),
    ("joomla", ("extensions",), {"schemas": [(b"4.4.0-2023-09-13",)]}, {"schema": "4.4.0-2023-09-13"}),
    ("drupal", ("variable",),
     {"variable": [(b"site_name", b's:1:"x";'), (b"site_url", b's:19:"https://example.com";')],
      "system": [(b"block", b"x", b"1"), (b"system", b'a:1:{s:7:"version";s:4:"7.98";}', b"7084")]},
     {"version": "7.98", "schema": "7084", "site": "https://example.com"}),
    ("drupal", ("key_value",), {"key_value": [(b"block", b"i:8003;"), (b"system", b"i:10201;")]},
     {"schema": "10201"}),
    ("magento2", (), {"core_config_data": [(b"web/unsecure/base_url", b"http://example.com/"),
                                           (b"web/secure/base_url", b"https://example.com/")],
                      "setup_module": [(b"Magento_Catalog", b"2.2.7")]},
     {"site": "https://example.com/", "schema": "2.2.7"}),
    ("magento1", (), {"core_config_data": [(b"web/unsecure/base_url", b"http://example.com/")],
                      "core_resource": [(b"core_setup", b"1.6.0.10")]},
     {"site": "http://example.com/", "schema": "1.6.0.10"}),
    ("prestashop", (), {"configuration": [(b"PS_VERSION_DB", b"1.7.8.9")],
                        "shop_url": [(b"shop.example.com", b"/store/")]},
     {"version": "1.7.8.9", "site": "shop.example.com/store/"}),
    ("phpbb", ("acl_options",), {"config": [(b"version", b"3.3.11"), (b"server_name", b"example.com"),
                                            (b"script_path", b"/forum")]},
     {"version": "3.3.11", "site": "example.com/forum"}),
    ("mybb", (), {"settings": [(b"bburl", b"https://example.com/forum")],
                  "datacache": [(b"version", b'a:2:{s:7:"version";s:6:"1.8.37";s:12:"version_code";i:1837;}')]},
     {"version": "1.8.37", "site": "https://example.com/forum"}),
    ("piwigo", (), {"config": [(b"piwigo_db_version", b"14"), (b"gallery_url", b"https://example.com/g")]},
     {"version": "14", "site": "https://example.com/g"}),
    ("osticket", ("thread_entry",), {"config": [(b"helpdesk_url", b"https://example.com/support/")]},
     {"site": "https://example.com/support/"}),
    ("modx", ("site_templates",), {"system_settings": [(b"settings_version", b"2.8.6-pl")]}, {"version": "2.8.6-pl"}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("system", "tables", "cells", "wanted"),
    SITES,
    ids=[f"{one[0]}-{number}" for number, one in enumerate(SITES)],
)
@pytest.mark.parametrize("listed", [False, True])
def test_version_and_address_are_read_from_the_rows(
    system: str, tables: tuple[str, ...], cells: dict[str, Rows], wanted: dict[str, object], listed: bool
) -> None:
    content = dump("alice_db", marked(mark_of(system, *tables), "p_", cells), listed)

    (found,) = _told(content)

    assert {name: getattr(found, name) for name in wanted} == wanted
    assert {_told(content, size) for size in (1, 2, 3, 7, 100, 1000)} == {(found,)}


def test_a_network_of_wordpress_tells_its_members() -> None:
    tables = _wordpress() | _wordpress("wp_2_")
    del tables["wp_2_usermeta"]
    tables["wp_blogs"] = (
        ("blog_id", "domain", "path"),
        ((1, b"example.com", b"/"), (2, b"b.example.com", b"/")),
    )

    (found,) = _told(dump("alice_wp", tables))

    assert (found.prefix, found.multisite, found.sites) == ("wp_", True, ("example.com/", "b.example.com/"))


def test_two_prefixes_in_one_database_are_two_installs() -> None:
    found = _told(dump("alice_wp", _wordpress("wp_") | _wordpress("old_")))

    assert sorted(one.prefix for one in found) == ["old_", "wp_"]


def test_databases_of_one_dump_are_told_apart() -> None:
    content = b"".join(
        b"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `%b` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;\n\nUSE `%b`;\n"
        % (name, name)
        + b"".join(statements(marked(mark_of(system), "")))
        for name, system in ((b"alice_a", "joomla"), (b"alice_b", "mybb"))
    )

    assert [(one.database, one.system) for one in _told(content)] == [
        ("alice_a", "joomla"),
        ("alice_b", "mybb"),
    ]


HIDING = [
    b"INSERT INTO `log` VALUES (1,'%b');\n",
    b'INSERT INTO `log` VALUES (1,"%b");\n',
    b"-- %b",
    b"# %b",
    b"/* %b */;\n",
    b"DELIMITER ;;\n/*!50003 CREATE*/ /*!50003 TRIGGER t BEFORE INSERT ON x FOR EACH ROW "
    b"BEGIN SET @a=1; %b END */;;\nDELIMITER ;\n",
    b"DELIMITER //\nCREATE PROCEDURE p() BEGIN %b END//\nDELIMITER ;\n",
]


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_what_stands_in_texts_comments_and_procedures_is_no_table(hiding: bytes, size: int) -> None:
    inner = b"".join(statements(_wordpress("evil_"))).replace(b"\n", b" ")
    if b"VALUES" in hiding:
        inner = inner.replace(b"\\", b"\\\\").replace(b"'", b"''").replace(b'"', b'""')
    content = (
        hiding % (inner.replace(b"*/", b"").replace(b"/*", b"")) + b"\n" + dump("alice_wp", _wordpress())
    )

    assert [one.prefix for one in _told(content, size)] == ["wp_"]


def test_a_cell_too_large_to_hold_is_left_out_alone() -> None:
    rows = [(b"siteurl", b"h" * (MAX_VALUE + 1)), *WORDPRESS[2:]]

    (found,) = _told(
        dump("alice_wp", marked(mark_of("wordpress", "term_taxonomy"), "wp_", {"options": rows}))
    )

    assert (found.site, found.schema) == ("https://example.com", "57155")


def test_a_dump_that_was_cut_is_not_complete() -> None:
    content = dump("alice_wp", _wordpress())

    assert (fingerprint([content]).complete, fingerprint([content[:-60]]).complete) == (True, False)


PIECES = st.sampled_from(
    [b"CREATE TABLE `", b"wp_options", b"` (`a` int);\n", b"INSERT INTO `x_options` VALUES (", b"1,'siteurl'", b"),(",
     b");", b"'", b'"', b"`", b"\\", b"''", b"--", b"-- ", b"-", b"#", b"/*", b"*/", b"/*!50003 ", b"/", b"\n", b";",
     b";;",
     b"DELIMITER ;;\n", b"DELIMITER ", b"USE `a`", b"(", b")", b",", b"NULL", b"_binary ", b"0x41", b"\x00", b"\xff",
     b"CREATE TABLE `x_options` (`option_name` text,`option_value` text);", b"'siteurl','http://a/'"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(
    content=st.lists(PIECES, max_size=40).map(b"".join) | st.binary(max_size=300),
    sizes=st.lists(st.integers(1, 9), min_size=1),
)
def test_any_bytes_in_any_pieces_give_the_same_and_nothing_raises(content: bytes, sizes: list[int]) -> None:
    pieces: list[bytes] = []
    at = 0
    while at < len(content):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(content[at : at + size])
        at += size

    assert fingerprint(pieces) == fingerprint([content])


@settings(max_examples=100, deadline=None)
@given(value=st.binary(max_size=200))
def test_a_hostile_value_changes_nothing_but_itself(value: bytes) -> None:
    rows = [(b"blogname", value), *WORDPRESS[1:]]

    (found,) = _told(
        dump("alice_wp", marked(mark_of("wordpress", "term_taxonomy"), "wp_", {"options": rows}))
    )

    assert (found.site, found.extensions) == ("https://example.com/blog", ("akismet", "astra-child"))


@pytest.fixture(scope="module")
def served() -> Iterator[PrivateMariadb]:
    with PrivateMariadb() as server:
        tables = b"".join(statements(_wordpress())).replace(
            b"`wp_options` (", b"`wp_options` (\n `b` longblob,"
        )
        content = tables.replace(
            b"INTO `wp_options` VALUES", b"INTO `wp_options` (option_name, option_value) VALUES"
        )
        trigger = (
            b"CREATE TRIGGER t BEFORE INSERT ON wp_posts FOR EACH ROW BEGIN SET @a = 1; SET @b = 'x;y'; END"
        )
        server.sql(b"CREATE DATABASE alice_wp; USE alice_wp; " + content)
        server.sql(b"DELIMITER ;;\n" + trigger + b";;\nDELIMITER ;\nCREATE VIEW v AS SELECT 1;", "alice_wp")
        yield server


@pytest.mark.parametrize(
    "options",
    [
        "--hex-blob",
        "--complete-insert",
        "--skip-extended-insert",
        "--databases",
        "--routines",
        "--compact",
        "--xml",
    ],
)
def test_what_mariadb_dump_writes_is_read(served: PrivateMariadb, options: str) -> None:
    arguments = served.client(options, "alice_wp", program="mariadb-dump")
    content = subprocess.run(arguments, capture_output=True, check=True, env=plain_environment()).stdout

    found = _told(content, 1000)

    wanted = [] if options == "--xml" else [("https://example.com/blog", "57155", ("akismet", "astra-child"))]
    assert [(one.site, one.schema, one.extensions) for one in found] == wanted


def test_the_command_line_tells_dumps_and_whose_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "alice_wp.sql.gz").write_bytes(gzip.compress(dump("alice_wp", _wordpress())))
    (tmp_path / "damaged.sql.gz").write_bytes(gzip.compress(b"x" * 5000)[:-9])

    code = main([str(ROOT / "wordpress" / "stock" / "files"), "--dumps", str(tmp_path), "--json"])

    told = capsys.readouterr()
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert code == 1 and "damaged.sql.gz" in told.err
    assert [(one["dump"], one.get("system"), one.get("decides")) for one in lines[1:]] == [
        ("alice_wp.sql.gz", "wordpress", None),
        ("alice_wp.sql.gz", None, True),
    ]
