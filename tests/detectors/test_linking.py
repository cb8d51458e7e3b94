"""A dump is a config's by its name and tables, by its address, or not at all; each link says by which rule."""

from __future__ import annotations

from detectors.dumps import DumpFacts, Fingerprint
from detectors.linking import Claim, Dump, Strength, link

CLAIM = Claim("alice", "wordpress", "alice_wp", "wp_", ("example.com",), "", ("akismet", "astra"))


def _dump(name: str, install: Fingerprint | None, database: str = "alice_wp", customer: str = "") -> Dump:
    found = () if install is None else (install,)
    return Dump(name, DumpFacts(found, (database,), 12, True, False), customer)


def _wordpress(
    database: str, prefix: str = "wp_", site: str = "", extensions: tuple[str, ...] = ()
) -> Fingerprint:
    return Fingerprint("wordpress", database, prefix, site=site, extensions=extensions)


def _told(
    *dumps: Dump, claim: Claim = CLAIM, owners: dict[str, str] | None = None
) -> list[tuple[str, Strength, bool]]:
    return [(one.dump, one.strength, one.decides) for one in link(claim, dumps, owners)]


def test_the_name_with_the_prefix_is_certain() -> None:
    assert _told(_dump("a", _wordpress("alice_wp"))) == [("a", Strength.CERTAIN, True)]


def test_the_name_with_other_tables_is_flagged_and_decides_nothing() -> None:
    joomla = Fingerprint("joomla", "alice_wp", "jos_")

    assert _told(_dump("a", _wordpress("alice_wp", "old_"))) == [("a", Strength.FLAG, False)]
    assert _told(_dump("a", None)) == [("a", Strength.FLAG, False)]
    assert _told(_dump("a", joomla)) == [("a", Strength.FLAG, False)]


def test_the_address_with_the_prefix_is_strong() -> None:
    dump = _dump("a", _wordpress("other", "wp_", "https://www.EXAMPLE.com/blog"), "other")

    assert _told(dump) == [("a", Strength.STRONG, True)]
    assert _told(_dump("a", _wordpress("other", "x_", "https://example.com"), "other")) == []


def test_a_panels_account_prefix_is_only_a_hint() -> None:
    assert _told(_dump("a", _wordpress("alice_new"), "alice_new")) == [("a", Strength.MEDIUM, False)]


def test_two_dumps_that_fit_alike_decide_nothing_unless_their_plugins_differ() -> None:
    one = _dump("a", _wordpress("one", site="http://example.com"), "one")
    two = _dump("b", _wordpress("two", site="http://example.com"), "two")
    better = _dump("c", _wordpress("three", site="http://example.com", extensions=("astra",)), "three")

    assert [decides for *_, decides in _told(one, two)] == [False, False]
    assert _told(one, two, better)[0] == ("c", Strength.STRONG, True)


def test_two_nights_of_one_database_are_no_rivals() -> None:
    assert [
        decides
        for *_, decides in _told(_dump("a", _wordpress("alice_wp")), _dump("b", _wordpress("alice_wp")))
    ] == [
        True,
        True,
    ]


def test_what_is_another_customers_decides_nothing() -> None:
    dump = _dump("a", _wordpress("alice_wp"))

    assert _told(dump, owners={"alice_wp": "bob"}) == [("a", Strength.CERTAIN, False)]
    assert _told(_dump("a", _wordpress("alice_wp"), customer="bob")) == [("a", Strength.CERTAIN, False)]
    assert _told(dump, owners={"alice_wp": "alice"}) == [("a", Strength.CERTAIN, True)]


def test_a_weaker_link_yields_to_a_stronger_one_and_says_so() -> None:
    strong = _dump("b", _wordpress("other", site="https://example.com"), "other")

    links = link(CLAIM, (strong, _dump("a", _wordpress("alice_wp"))))

    assert [(one.dump, one.decides) for one in links] == [("a", True), ("b", False)]
    assert links[1].rules[-1] == "decides nothing: another dump fits better"
