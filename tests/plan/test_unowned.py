"""Without a customers file: a database is whose name, place, privileges or site say it is, and else a question."""

from __future__ import annotations

from dataclasses import replace

from restore.model.facts import Claim, DumpInstall, DumpLooked, LoginsVerified, LoginVerified
from restore.model.mysql import DatabaseId
from restore.model.outcome import Done, Failed, Outcome, Scope
from restore.model.survey import Customer, Survey
from restore.plan.bulk import BulkPlan
from restore.plan.ownership import NAMED, PRIVILEGES, SITE
from tests.plan.company import claim, customer, dump, incident, index, looked
from tests.plan.test_bulk import Night


def unlisted(name: str, *databases: str) -> Customer:
    return replace(customer(name, *databases), listed=False)


def told(name: str, site: str, prefix: str = "wp_") -> Done:
    installs = (DumpInstall("wordpress", prefix, "6.4", site),)
    return Done(f"dump/web1/{name}", DumpLooked(DatabaseId("web1", name), "", "", True, 1, (), installs))


def unproven(name: str) -> Outcome:
    return Done(f"prove/web1/{name}", LoginsVerified("web1", name, ()))


def night(*things: Customer) -> Night:
    return Night(BulkPlan(incident(), Survey(index(*things, dump("blog"), dump("alice_shop")))))


def seen(run: Night, name: str, *claims: Claim) -> Night:
    return run.learn(looked(name, *claims), unproven(name))


def rungs(run: Night) -> list[tuple[str, str]]:
    return sorted((work.customer, work.rung) for work in run.restore("blog").restore("alice_shop").accounts())


def test_what_a_panel_named_after_a_customer_does_not_wait_for_the_others() -> None:
    run = night(unlisted("alice", "alice_shop"), unlisted("bob"))
    seen(run, "alice", claim("alice", "alice_shop", "alice_u"))

    assert rungs(run) == [("alice", NAMED)]


def test_the_only_claimant_whose_domain_the_dump_states_gets_it_once_all_homes_were_seen() -> None:
    run = night(unlisted("alice", "alice_shop"), unlisted("bob"))
    seen(run, "bob", claim("bob", "blog", "bob_u")).learn(told("blog", "https://www.bob.test/"))
    assert rungs(run) == []

    seen(run, "alice", claim("alice", "alice_shop", "alice_u"))
    assert rungs(run) == [("alice", NAMED), ("bob", SITE)] and run.items == []


def test_two_claimants_another_address_or_another_prefix_are_a_question() -> None:
    two = night(unlisted("alice", "alice_shop"), unlisted("bob"))
    seen(two, "bob", claim("bob", "blog", "bob_u")).learn(told("blog", "https://bob.test"))
    seen(
        two, "alice", claim("alice", "alice_shop", "a"), claim("alice", "blog", "a", config="x/wp-config.php")
    )
    address = night(unlisted("alice", "alice_shop"), unlisted("bob")).learn(
        told("blog", "https://alice.test")
    )
    prefix = night(unlisted("alice", "alice_shop"), unlisted("bob")).learn(
        told("blog", "https://bob.test", "other_")
    )
    for run in (address, prefix):
        seen(seen(run, "bob", claim("bob", "blog", "bob_u")), "alice")

    for run in (two, address, prefix):
        assert not [work for work in run.accounts() if "blog" in work.databases]
        assert "no-owner" in run.causes() and "unowned-database" in run.causes()
    reasons = " ".join(two.items[0].evidence)
    assert "of bob names it" in reasons and "of alice names it" in reasons


def test_a_home_that_could_not_be_seen_leaves_the_last_rung_a_question() -> None:
    run = night(unlisted("alice", "alice_shop"), unlisted("bob")).learn(told("blog", "https://bob.test"))
    seen(run, "bob", claim("bob", "blog", "bob_u"))
    run.learn(Failed("look/web1/alice", "source-unreadable", Scope.STEP, "", ""))

    assert run.accounts() == [] and "alice was not looked at" in str([item.evidence for item in run.items])


def test_a_login_that_the_lost_privilege_tables_prove_outranks_addresses() -> None:
    run = night(unlisted("alice", "alice_shop"), unlisted("bob")).learn(told("blog", "https://alice.test"))
    stated = claim("bob", "blog", "bob_u")
    verdict = LoginVerified(stated.config, "wordpress", "bob_u", "blog", "proven", "mysql.sql", ("blog",))
    run.learn(looked("bob", stated), Done("prove/web1/bob", LoginsVerified("web1", "bob", (verdict,))))
    seen(run, "alice", claim("alice", "alice_shop", "alice_u"))

    assert rungs(run) == [("alice", NAMED), ("bob", PRIVILEGES)]


def test_a_name_that_two_customers_could_have_is_a_question() -> None:
    run = night(unlisted("alice", "alice_shop"), unlisted("alice_sh", "alice_shop"))

    assert "two-owners" in run.causes()
