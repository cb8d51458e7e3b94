"""Narrowed to what an angry customer wants back first, a plan does that alone, and knows all of the rest."""

from __future__ import annotations

from restore.model.mysql import DatabaseId
from restore.model.plan import CreateAccount, LoadDatabase, LookSite, RestoreMailbox
from restore.model.survey import Narrowing
from tests.plan.company import claim, customer, dump, looked, maildir
from tests.plan.test_bulk import Night, night

THINGS = (
    customer("alice", "shop", "wiki", mailboxes=("a@alice.test", "b@alice.test")),
    customer("bob", "blog", mailboxes=("a@bob.test",)),
    *map(dump, ("shop", "wiki", "blog")),
    *map(maildir, ("a@alice.test", "b@alice.test", "a@bob.test")),
)


def loads(run: Night) -> set[str]:
    return {work.name for work in run.works(LoadDatabase)}


def mailboxes(run: Night) -> set[str]:
    works = [step.work for job in run.jobs.values() for step in job.steps]
    return {work.mailbox.address for work in works if isinstance(work, RestoreMailbox)}


def test_a_mailbox_alone_is_one_step_and_no_site_is_looked_at() -> None:
    run = night(*THINGS, only=Narrowing(mailboxes=frozenset({"b@alice.test"})))

    assert mailboxes(run) == {"b@alice.test"}
    assert len(run.jobs) == 1


def test_a_database_alone_comes_with_the_account_of_its_own_config_and_with_no_other() -> None:
    run = night(*THINGS, only=Narrowing(databases=frozenset({DatabaseId("web1", "shop")})))
    run.learn(
        looked(
            "alice", claim("alice", "shop", "shopuser"), claim("alice", "wiki", "wikiuser", config="w.php")
        )
    ).restore("shop")

    assert (loads(run), mailboxes(run)) == ({"shop"}, set())
    assert [job.customer for job in run.of(LookSite)] == ["alice"]
    assert [account.account.user for account in run.accounts()] == ["shopuser"]


def test_a_customer_and_anothers_database_and_mailbox_are_all_wanted() -> None:
    narrowing = Narrowing(
        frozenset({"bob"}),
        frozenset({"mail"}),
        frozenset({"a@alice.test"}),
        frozenset({DatabaseId("web1", "wiki")}),
    )
    run = night(*THINGS, only=narrowing)

    assert (loads(run), mailboxes(run)) == ({"wiki"}, {"a@bob.test", "a@alice.test"})
    assert [job.customer for job in run.of(LookSite)] == ["alice"]


def test_a_targeted_database_whose_config_names_a_neighbours_database_is_a_question() -> None:
    run = night(*THINGS, only=Narrowing(databases=frozenset({DatabaseId("web1", "shop")})))
    run.learn(looked("alice", claim("alice", "blog", "shopuser"))).restore("shop")

    assert run.causes() == ["foreign-database"]
    assert run.works(CreateAccount) == []


def test_a_collision_of_names_is_asked_about_in_a_run_of_that_customer_alone() -> None:
    things = (customer("alice", "wp"), customer("bob", "wp", server="web2"), dump("wp"), dump("wp", "web2"))

    run = night(*things, web1=("db1",), web2=("db1",), only=Narrowing(frozenset({"bob"})))

    assert run.causes() == ["database-collision"]
    assert run.works(LoadDatabase) == []
