"""What a look at a customer's home claims, refuses and keeps to itself."""

from __future__ import annotations

import pytest

from detectors.finding import Secret
from restore.errors import Cancelled, SourceMissing
from restore.ledger import codec
from restore.model.facts import SiteLooked
from restore.model.outcome import Done
from restore.model.plan import LookSite
from restore.model.ports import Systems
from restore.model.verifier import NATIVE, of_plugin
from restore.survey.sites import look_site
from tests.memory.desk import MemoryDesk, Office
from tests.memory.source import File, Link, MemorySource, Node
from tests.memory.systems import GivenSystems
from tests.survey.plain import PASSWORD, PLAIN, login

WORK = LookSite("web1", "alice", "backup", b"web1/home/alice", ("alice.example",))


@pytest.fixture(autouse=True)
def one_detector(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.examine.DETECTORS", (PLAIN,))


def look(tree: dict[bytes, bytes | Node], office: Office | None = None) -> SiteLooked:
    files = {b"web1/home/alice/" + path: node for path, node in tree.items()}
    source = MemorySource("backup", {b"web1/home/bob/login.conf": login(b"bob"), **files})
    outcome = look_site("look/1", WORK, systems(source, office or Office()))
    assert isinstance(outcome, Done) and isinstance(outcome.fact, SiteLooked)
    return outcome.fact


def systems(source: MemorySource, office: Office) -> Systems:
    return GivenSystems(MemoryDesk(office), {"backup": source})


def test_a_login_becomes_a_claim_and_its_verifier_goes_into_the_vault_alone() -> None:
    office = Office()

    fact = look({b"www/login.conf": login()}, office)

    [claim] = fact.claims
    [(vault_id, (_, kept))] = office.secrets.items()
    assert (claim.user, claim.database, claim.config, claim.status) == (
        "shop", "shopdb", "www/login.conf", "exact",
    )  # fmt: skip
    assert claim.verifier_id == vault_id
    assert kept.reveal().startswith(b"*")
    written = codec.encode(Done("k", fact))
    assert PASSWORD.decode() not in written and kept.reveal().decode() not in written


def test_a_verifier_is_what_the_server_makes_of_the_password() -> None:
    """SELECT PASSWORD('mypass') in MariaDB's manual."""
    office = Office()

    look({b"login.conf": login(password=b"mypass")}, office)

    [(_, kept)] = office.secrets.values()
    assert of_plugin(kept, NATIVE) == Secret(b"*6C8989366EAF75BB670AD8EA7A7FC1176A95CEF4")


def test_the_same_login_in_two_configs_has_one_vault_id_and_another_customers_has_another() -> None:
    office = Office()

    fact = look(
        {b"www/login.conf": login(), b"old/login.conf": login(), b"x/login.conf": login(b"other")}, office
    )

    ids = {claim.config: claim.verifier_id for claim in fact.claims}
    assert ids["www/login.conf"] == ids["old/login.conf"] != ids["x/login.conf"]


def test_an_empty_password_is_unclear_and_no_claim() -> None:
    office = Office()

    fact = look({b"login.conf": login(password=b"")}, office)

    assert fact.claims == () and office.secrets == {}
    assert "empty password" in fact.unclear[0][0]


@pytest.mark.parametrize("status", [b"placeholder", b"backup-copy"])
def test_a_password_that_will_not_be_used_is_not_kept(status: bytes) -> None:
    office = Office()

    [claim] = look({b"login.conf": login(status=status)}, office).claims

    assert (claim.verifier_id, office.secrets) == ("", {})


def test_a_link_to_a_neighbours_config_is_refused_and_named_and_nothing_of_it_is_read() -> None:
    fact = look({b"www/login.conf": Link(b"../../bob/login.conf"), b"neighbour": Link(b"/home/bob")})

    assert fact.claims == ()
    assert len([line for line in fact.refused if line.startswith(("www/login.conf", "neighbour"))]) == 2


def test_an_absolute_link_into_the_own_home_is_followed() -> None:
    fact = look({b"www/login.conf": Link(b"/home/alice/private/real.conf"), b"private/real.conf": login()})

    assert [claim.config for claim in fact.claims] == ["private/real.conf"]
    assert fact.refused == ()


def test_what_is_shown_cannot_act_on_a_screen() -> None:
    fact = look(
        {b"a\x1b]0;x\x07\xe2\x80\xae/login.conf": login(status=b"unclear"), b"b\x1b[2J": Link(b"/etc")}
    )

    shown = [line for lines in fact.unclear for line in lines] + list(fact.refused)
    assert len(shown) >= 3
    assert all(line.isprintable() for line in shown)


def test_odd_bytes_in_a_user_name_survive_to_the_ledger_and_back() -> None:
    fact = look({b"login.conf": login(b"sh\xffop")})

    assert codec.decode(codec.encode(Done("k", fact))) == Done("k", fact)
    assert fact.claims[0].user.encode("utf-8", "surrogateescape") == b"sh\xffop"


def test_what_is_not_restored_yet_is_listed() -> None:
    fact = look({b"public_html/login.conf": login(), b".forward": b"x@example.org", b"sieve/main": b""})

    assert fact.seen == (
        "mail forwarding: .forward",
        "docroot: public_html",
        "mail filters (sieve): sieve",
        "site: plain 1.0 in public_html",
    )


def test_an_unreadable_config_is_named_and_the_others_are_read() -> None:
    fact = look({b"a/login.conf": File(login(), readable=False), b"b/login.conf": login()})

    assert [claim.config for claim in fact.claims] == ["b/login.conf"]


def test_a_home_that_is_missing_is_said_and_is_no_failure() -> None:
    fact = look({})

    assert fact.claims == () and len(fact.refused) == 1 and "missing" in fact.refused[0]


def test_a_source_that_vanishes_is_an_error_and_not_an_empty_home() -> None:
    source = MemorySource("backup", {b"web1/home/alice/www/login.conf": login()})

    def vanish(operation: str, path: bytes) -> None:
        source.gone = operation == "read"

    source.hook = vanish

    with pytest.raises(SourceMissing):
        look_site("look/1", WORK, systems(source, Office()))


def test_a_look_stops_when_the_run_is_asked_to_stop() -> None:
    def stop(amount: int) -> None:
        raise Cancelled("stop")

    source = MemorySource("backup", {b"web1/home/alice/www/login.conf": login()})

    with pytest.raises(Cancelled):
        look_site("look/1", WORK, GivenSystems(MemoryDesk(Office()), {"backup": source}, tell=stop))
