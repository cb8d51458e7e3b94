"""A framework of a customer's own making keeps its login where no detector looks; an operator says where, once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.examine import examine
from detectors.finding import Found, Secret
from detectors.rule import BadRule, Rule, place, rules_of, rules_text
from tests.detectors.memory import MemoryTree

PHP = (
    b"<?php $h = 'db1:3307'; $u = 'al' . 'ice'; $p = \"p'w\"; $d = 'shop';\n"
    b"class Cfg { const U = 'cu'; public static $p = 'cp'; }\n"
    b"function go() { My_open('h1', 'u1', 'p1', 'd1'); }\n"
    b"$c = new Db('h2', 'u2', 'p2', 'd2'); $c->open($h, 'u3', 'p3', 'd3');\n"
    b"twice('a', 'b', 'c'); twice('a', 'b', 'other'); define('D', getenv('D') ?: 'dflt');\n"
)
TREE = MemoryTree({
    b"www/inc/db.php": PHP,
    b"www/etc/app.ini": b"[db]\nuser=iu\npass=ip\nname=idb\n",
    b"www/.env": b"MY_U=eu\nMY_P='e p'\nMY_D=ed\n",
    b"www/c.json": b'{"a": {"u": "ju", "p": "jp", "d": "jd"}}',
    b"www/c.yml": b"a:\n  u: yu\n  p: yp\n  d: yd\n",
    b"www/r.php": b"<?php return ['db' => ['u' => 'ru', 'p' => 'rp', 'dsn' => 'mysql:host=h9;dbname=rdb']];",
    b"other/inc/db.php": b"<?php $link = false;",
})  # fmt: skip


def read(file: str, **places: str) -> list[tuple[str, str, Secret | None, str]]:
    found = examine(TREE, rules=(Rule("new", file, **places),)).findings  # type: ignore[arg-type]
    taught = [one for one in found if isinstance(one, Found) and one.system == "taught:new"]
    return [(one.user, one.database, one.password, one.status.value) for one in taught]


@pytest.mark.parametrize(
    ("file", "places", "expected"),
    [
        ("inc/db.php", ("$u", "$p", "$d"), ("alice", "shop", b"p'w", "exact")),
        ("inc/db.php", ("Cfg::U", "Cfg::$p", "$d"), ("cu", "shop", b"cp", "exact")),
        ("inc/db.php", ("my_open(2)", "my_open(3)", "my_open(4)"), ("u1", "d1", b"p1", "exact")),
        ("inc/db.php", ("new Db(2)", "new Db(3)", "new Db(4)"), ("u2", "d2", b"p2", "exact")),
        ("inc/db.php", ("->open(2)", "->open(3)", "->open(4)"), ("u3", "d3", b"p3", "exact")),
        ("inc/db.php", ("$u", "$p", "D"), ("alice", "dflt", b"p'w", "fallback")),
        ("etc/app.ini", ("db.user", "db.pass", "db.name"), ("iu", "idb", b"ip", "exact")),
        (".env", ("MY_U", "MY_P", "MY_D"), ("eu", "ed", b"e p", "exact")),
        ("c.json", ("a.u", "a.p", "a.d"), ("ju", "jd", b"jp", "exact")),
        ("c.yml", ("a.u", "a.p", "a.d"), ("yu", "yd", b"yp", "exact")),
        ("r.php", ("[db][u]", "[db]['p']", "=fixed"), ("ru", "fixed", b"rp", "exact")),
    ],
)
def test_a_rule_reads_the_place_it_names_and_no_other_site(
    file: str, places: tuple[str, str, str], expected: tuple[str, str, bytes, str]
) -> None:
    user, password, database = places
    name, shop, plain, status = expected

    found = read(file, user=user, password=password, database=database)

    assert found == [(name, shop, Secret(plain), status)]


def test_a_dsn_is_taken_apart() -> None:
    assert read("r.php", user="[db][u]", password="[db][p]", dsn="[db][dsn]") == [
        ("ru", "rdb", Secret(b"rp"), "exact")
    ]


def test_an_argument_that_is_not_the_same_in_each_call_is_not_read() -> None:
    ((_, _, password, status),) = read("inc/db.php", user="twice(2)", password="twice(3)", database="$d")

    assert (password, status) == (None, "partial")


@pytest.mark.parametrize(
    ("file", "places"),
    [
        ("../db.php", ("$u", "$p", "$d")),
        ("/etc/passwd", ("$u", "$p", "$d")),
        ("db.exe", ("$u", "$p", "$d")),
        ("db.php", ("$u", "=hunter2", "$d")),
        ("db.php", ("system('id')", "$p", "$d")),
        ("db.php", ("$u", "$p[", "$d")),
        ("db.php", ("$u", "", "$d")),
        ("db.php", ("$u", "$p", "")),
    ],
)
def test_a_rule_that_is_no_plain_place_in_a_file_of_the_site_is_refused(
    file: str, places: tuple[str, str, str]
) -> None:
    with pytest.raises(BadRule):
        Rule("new", file, user=places[0], password=places[1], database=places[2])


def test_rules_are_carried_as_toml() -> None:
    rules = (
        Rule("a", 'inc/"db".php', ("web1/alice", "bób"), user="$u", password="$p", database="$d"),
        Rule("b", "c.yml", user="a.u", password="a.p", url="a.url", host="=db9"),
    )

    assert rules_of(rules_text(rules)) == rules


@given(st.text(max_size=80))
def test_no_text_makes_a_place_anything_but_a_place_or_refused(value: str) -> None:
    try:
        place(value, "php")
    except BadRule:
        return


@given(st.text(max_size=200))
def test_no_text_makes_rules_anything_but_rules_or_refused(value: str) -> None:
    try:
        rules_of(value)
    except BadRule:
        return
