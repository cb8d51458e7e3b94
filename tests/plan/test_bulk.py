"""What a plan must never do, and what it must not forget to ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import pytest

from restore.errors import StagingDiffers
from restore.model.facts import Claim, LoginsVerified, LoginVerified, SurvivorsRead
from restore.model.incident import MailTarget
from restore.model.mysql import AccountName, DatabaseId
from restore.model.outcome import Answer, Done, Failed, Manual, ManualItem, Outcome, Scope
from restore.model.plan import (
    CreateAccount,
    Definer,
    Job,
    LoadDatabase,
    RestoreMailbox,
    SwitchDatabase,
    VerifyLogins,
)
from restore.model.survey import Decision, Narrowing, Survey
from restore.plan.bulk import BulkPlan
from tests.plan.company import claim, customer, dump, incident, index, loaded, looked, maildir, switched

W = TypeVar("W", LoadDatabase, SwitchDatabase, CreateAccount, VerifyLogins)


class Night:
    """A plan driven as execute() drives it, with every job done at once."""

    def __init__(self, plan: BulkPlan) -> None:
        self.plan = plan
        self.jobs: dict[str, Job] = {job.key: job for job in plan.jobs}
        self.items: list[ManualItem] = list(plan.items)

    def learn(self, *outcomes: Outcome) -> Night:
        for outcome in outcomes:
            learned = self.plan.learn(outcome)
            self.jobs |= {job.key: job for job in learned.jobs}
            self.items += learned.items
        return self

    def of(self, kind: type) -> list[Job]:
        return [job for job in self.jobs.values() if isinstance(job.steps[0].work, kind)]

    def works(self, kind: type[W]) -> list[W]:
        steps = [step.work for job in self.jobs.values() for step in job.steps]
        return [work for work in steps if isinstance(work, kind)]

    def restore(self, name: str, target: str = "db1", server: str = "web1") -> Night:
        """Load and switch one database."""
        for job in list(self.jobs.values()):
            work = job.steps[0].work
            if isinstance(work, LoadDatabase) and work.dump.database == DatabaseId(server, name):
                self.learn(loaded(job, name, target, server))
        for job in list(self.jobs.values()):
            work = job.steps[0].work
            if isinstance(work, SwitchDatabase) and work.database == DatabaseId(server, name):
                self.learn(switched(job, name, target, server))
        return self

    def accounts(self) -> list[CreateAccount]:
        return self.works(CreateAccount)

    def causes(self) -> list[str]:
        return sorted(item.cause for item in self.items)


def night(
    *things: object,
    settled: Sequence[Decision] = (),
    only: Narrowing | None = None,
    **places: tuple[str, ...],
) -> Night:
    return Night(BulkPlan(incident(**places), Survey(index(*things), tuple(settled)), only))  # type: ignore[arg-type]


def test_a_site_gets_its_mail_its_database_and_then_its_account() -> None:
    run = night(customer("alice", "shop", mailboxes=("a@alice.test",)), dump("shop"), maildir("a@alice.test"))

    run.learn(looked("alice", claim("alice", "shop", "shopuser"))).restore("shop")

    (account,) = run.accounts()
    assert [job.kind for job in run.jobs.values()] == ["mail", "look", "database", "database", "account"]
    assert (account.account, account.databases, account.target) == (
        AccountName("shopuser", "localhost"),
        ("shop",),
        "db1",
    )
    assert run.causes() == []


def test_objects_are_made_for_the_account_that_the_config_proves() -> None:
    run = night(customer("alice", "shop"), dump("shop"))

    run.restore("shop").learn(looked("alice", claim("alice", "shop", "shopuser"))).restore("shop")

    (switch,) = run.works(SwitchDatabase)
    assert switch.definer == Definer(AccountName("shopuser", "localhost"), "v1", False, ("shop",))


def test_no_account_is_planned_before_its_database_is_live() -> None:
    run = night(customer("alice", "shop"), dump("shop")).learn(looked("alice", claim("alice", "shop", "u")))

    (load,) = run.of(LoadDatabase)
    run.learn(Failed(load.key, "dump-damaged", Scope.JOB, "cut", "hint"))

    assert run.accounts() == []


def test_a_config_that_names_another_customers_database_is_a_question_and_never_a_grant() -> None:
    run = night(customer("alice", "shop"), customer("bob", "blog"), dump("shop"), dump("blog"))

    run.learn(
        looked("bob", claim("bob", "shop", "shopuser")), looked("alice", claim("alice", "shop", "shopuser"))
    )
    run.restore("shop").restore("blog")

    assert run.causes() == ["foreign-database"]
    assert [account.customer for account in run.accounts()] == ["alice"]


def test_narrowing_to_one_customer_hides_no_fact_about_his_neighbours() -> None:
    things = (customer("alice", "shop"), customer("bob", "blog"), dump("shop"), dump("blog"))
    run = night(*things, only=Narrowing(frozenset({"bob"})))

    run.learn(looked("bob", claim("bob", "shop", "shopuser")))

    assert run.causes() == ["foreign-database"]
    assert [job.customer for job in run.jobs.values()] == ["bob", "bob"]


def test_two_databases_of_one_name_are_placed_apart_where_the_incident_allows() -> None:
    things = (customer("alice", "wp"), customer("bob", "wp", server="web2"), dump("wp"), dump("wp", "web2"))

    apart = night(*things, web1=("db1",), web2=("db1", "db2"))

    assert apart.plan.placement.targets == {DatabaseId("web1", "wp"): "db1", DatabaseId("web2", "wp"): "db2"}


def test_two_databases_of_one_name_with_one_place_are_a_question_with_the_free_places() -> None:
    things = (customer("alice", "wp"), customer("bob", "wp", server="web2"), dump("wp"), dump("wp", "web2"))

    run = night(*things, web1=("db1",), web2=("db1",))

    assert run.causes() == ["database-collision"]
    assert [candidate.value for candidate in run.items[0].candidates] == ["db2"]
    assert len(run.of(LoadDatabase)) == 1


def test_an_answered_collision_places_the_database_where_the_person_said() -> None:
    things = (customer("alice", "wp"), customer("bob", "wp", server="web2"), dump("wp"), dump("wp", "web2"))
    (item,) = night(*things, web1=("db1",), web2=("db1",)).items
    answer = Decision(item, Answer(item.id, item.subject, "target", "db2"))

    run = night(*things, settled=[answer], web1=("db1",), web2=("db1",))

    assert run.plan.placement.targets[DatabaseId("web2", "wp")] == "db2"
    assert run.causes() == []


def test_a_database_that_went_to_a_server_before_goes_there_again() -> None:
    things = (customer("bob", "wp", server="web2"), dump("wp", "web2"))
    fact = switched(Job("k", "database", "bob", ()), "wp", "db2", "web2").fact

    plan = BulkPlan(incident(web2=("db1", "db2")), Survey(index(*things), remembered=(fact,)))

    assert plan.placement.targets == {DatabaseId("web2", "wp"): "db2"}


def test_a_database_whose_login_no_config_proves_is_a_question_with_the_evidence() -> None:
    run = night(customer("carl", "custom"), dump("custom"))

    run.learn(looked("carl", unclear=("inc/db.php:4", "the password comes from a function call"))).restore(
        "custom"
    )

    assert run.causes() == ["no-login"]
    assert "inc/db.php:4" in run.items[0].evidence[0]


def test_an_answered_login_becomes_an_account_with_the_answered_password() -> None:
    (item,) = night(customer("carl", "custom"), dump("custom")).learn(looked("carl")).items
    answer = Answer(item.id, item.subject, "login", user="carl_db", database="custom", password_id="vault7")

    run = night(customer("carl", "custom"), dump("custom"), settled=[Decision(item, answer)])
    run.learn(looked("carl")).restore("custom")

    (account,) = run.accounts()
    assert (account.account.user, account.password_id, account.claim) == ("carl_db", "vault7", None)


def test_a_login_stated_for_an_unclear_config_becomes_an_account() -> None:
    unclear = looked("alice", claim("alice", "shop", "u", status="fallback"))
    (item,) = night(customer("alice", "shop"), dump("shop")).learn(unclear).items
    answer = Answer(item.id, item.subject, "login", user="alice_db", database="shop", password_id="vault7")

    run = night(customer("alice", "shop"), dump("shop"), settled=[Decision(item, answer)])
    run.learn(unclear).restore("shop")

    (account,) = run.accounts()
    assert (account.account.user, account.databases, account.password_id) == ("alice_db", ("shop",), "vault7")
    assert run.causes() == []


@pytest.mark.parametrize("wrong", ["no_such", "bobs"])
@pytest.mark.parametrize("claims", [(), (claim("alice", "elsewhere", "u"),)])
def test_a_login_stated_for_a_database_that_is_not_his_grants_nothing_and_is_asked_again(
    wrong: str, claims: tuple[Claim, ...]
) -> None:
    things = (customer("alice", "shop"), customer("bob", "bobs"), dump("shop"), dump("bobs"))
    (item,) = night(*things).learn(looked("alice", *claims)).items
    answer = Answer(item.id, item.subject, "login", user="alice_db", database=wrong, password_id="vault7")

    run = night(*things, settled=[Decision(item, answer)]).learn(looked("alice", *claims))
    run.learn(looked("bob")).restore("shop").restore("bobs")

    assert run.accounts() == []
    assert item.id in [one.id for one in run.items]
    assert any(wrong in line for one in run.items for line in one.evidence)


def test_an_answer_naming_a_config_that_is_gone_is_asked_again() -> None:
    things = (customer("alice", "shop", "blog"), dump("shop"), dump("blog"))
    claims = [
        claim("alice", "shop", "u", verifier="v1", config="a.php"),
        claim("alice", "blog", "u", verifier="v2", config="b.php"),
    ]
    (item,) = night(*things).learn(looked("alice", *claims)).items
    gone = Answer(item.id, item.subject, "config", "c.php")

    run = night(*things, settled=[Decision(item, gone)]).learn(looked("alice", *claims))

    assert run.causes() == ["two-passwords"]


def test_a_dropped_question_is_not_asked_again() -> None:
    (item,) = night(customer("carl", "custom"), dump("custom")).learn(looked("carl")).items

    run = night(customer("carl", "custom"), dump("custom"), settled=[Decision(item, None)]).learn(
        looked("carl")
    )

    assert run.causes() == []


def test_two_configs_with_different_passwords_for_one_account_are_a_question() -> None:
    run = night(customer("alice", "shop", "blog"), dump("shop"), dump("blog"))
    claims = (
        claim("alice", "shop", "u", verifier="v1", config="a.php"),
        claim("alice", "blog", "u", verifier="v2", config="b.php"),
    )

    run.learn(looked("alice", *claims)).restore("shop").restore("blog")

    assert run.causes() == ["two-passwords"]
    assert run.accounts() == []


def test_one_account_of_two_sites_is_made_once_with_both_databases() -> None:
    run = night(customer("alice", "shop", "blog"), dump("shop"), dump("blog"))
    claims = (claim("alice", "shop", "u", config="a.php"), claim("alice", "blog", "u", config="b.php"))

    run.learn(looked("alice", *claims)).restore("shop").restore("blog")

    assert [account.databases for account in run.accounts()] == [("blog", "shop")]


def test_a_doubtful_login_is_a_question_and_a_backup_copy_is_not() -> None:
    run = night(customer("alice", "shop"), dump("shop"))
    claims = (
        claim("alice", "shop", "u", status="fallback"),
        claim("alice", "shop", "old", status="backup-copy"),
    )

    run.learn(looked("alice", *claims)).restore("shop")

    assert run.causes() == ["login-unclear"]
    assert run.accounts() == []


def test_what_nobody_owns_and_what_no_backup_holds_is_asked() -> None:
    run = night(
        customer("alice", "gone", mailboxes=("gone@alice.test",)), dump("stray"), maildir("x@stray.test")
    )

    assert run.causes() == ["no-owner", "no-owner", "not-in-backup", "not-in-backup"]


def test_a_mailbox_of_a_customers_domain_is_his_though_no_list_names_it() -> None:
    run = night(customer("alice"), maildir("new@alice.test"))

    assert [job.customer for job in run.of(RestoreMailbox)] == ["alice"]


def test_every_message_is_read_back_whole_where_the_incident_says_so() -> None:
    def proofs(target: MailTarget) -> list[bool]:
        told = replace(incident(), mail_targets=(target,))
        things = index(customer("alice"), maildir("a@alice.test"))
        steps = [step for job in BulkPlan(told, Survey(things, ())).jobs for step in job.steps]
        return [step.work.full_proof for step in steps if isinstance(step.work, RestoreMailbox)]

    (mail1,) = incident().mail_targets

    assert (proofs(mail1), proofs(replace(mail1, proof="full"))) == ([False], [True])


def test_an_address_on_two_lost_servers_is_a_question() -> None:
    both = (
        customer("alice", mailboxes=("a@x.test",)),
        customer("alice", server="web2", mailboxes=("A@x.test",)),
    )

    run = night(*both, maildir("a@x.test"), maildir("A@x.test", "web2"))

    assert run.causes() == ["mailbox-collision", "mailbox-collision"]
    assert run.of(RestoreMailbox) == []

    item = next(item for item in run.items if item.subject.startswith("web2/"))
    left = night(*both, maildir("a@x.test"), maildir("A@x.test", "web2"), settled=[Decision(item, None)])

    assert left.causes() == []
    assert [job.key for job in left.of(RestoreMailbox)] == ["mail/web1/a@x.test/mail1"]


def test_a_live_database_that_a_person_agreed_to_set_aside_is_switched_with_that_state_only() -> None:
    things = (customer("alice", "shop"), dump("shop"))
    item = ManualItem("id1", "live-database-differs", "alice", "web1/database/shop", "?")
    answer = Answer("id1", item.subject, "replace", "digest-of-what-he-saw")

    run = night(*things, settled=[Decision(item, answer)]).learn(looked("alice")).restore("shop")

    (switch,) = run.works(SwitchDatabase)
    assert switch.replace == "digest-of-what-he-saw"


def test_accounts_alone_rest_on_databases_that_are_live_already() -> None:
    fact = switched(Job("k", "database", "alice", ()), "shop").fact
    survey = Survey(index(customer("alice", "shop"), dump("shop")), remembered=(fact,))
    run = Night(BulkPlan(incident(), survey, Narrowing(kinds=frozenset({"accounts"}))))

    run.learn(looked("alice", claim("alice", "shop", "u")))

    assert [account.databases for account in run.accounts()] == [("shop",)]
    assert run.of(LoadDatabase) == []


def test_mail_comes_before_looks_and_looks_before_loads() -> None:
    things = (customer("alice", "shop", mailboxes=("a@alice.test",)), dump("shop"), maildir("a@alice.test"))

    order = [job.kind for job in sorted(night(*things).plan.jobs, key=lambda job: job.rank)]

    assert order == ["mail", "look", "database"]


def test_an_older_dump_that_a_person_chose_is_loaded_instead_of_the_newest() -> None:
    things = (
        customer("alice", "shop"),
        dump("shop", mtime=2.0),
        dump("shop", mtime=1.0, path="old/shop.sql"),
    )
    item = ManualItem("id1", "dump-damaged", "alice", "web1/database/shop", "?")
    answer = Decision(item, Answer("id1", item.subject, "dump", "backup:old/shop.sql"))

    before, after = night(*things), night(*things, settled=[answer])

    chosen = [run.works(LoadDatabase)[0].dump.fingerprint.path for run in (before, after)]
    assert chosen == [b"web1/var/backups/mysql/shop.sql", b"old/shop.sql"]


def test_a_home_that_could_not_be_looked_at_holds_up_no_database() -> None:
    run = night(customer("alice", "shop"), dump("shop"))

    run.learn(Failed("look/web1/alice", "source-unreadable", Scope.STEP, "?", "?")).restore("shop")

    assert len(run.of(SwitchDatabase)) == 1
    assert run.causes() == ["no-login"]


def test_a_customer_with_nothing_is_no_error() -> None:
    run = night(customer("empty")).learn(Done("look/web1/empty", looked("empty").fact))

    assert (run.causes(), run.accounts()) == ([], [])


def test_a_switch_that_asks_leaves_the_account_unmade() -> None:
    run = night(customer("alice", "shop"), dump("shop")).learn(looked("alice", claim("alice", "shop", "u")))
    (load,) = run.of(LoadDatabase)
    run.learn(loaded(load, "shop"))

    (switch,) = run.of(SwitchDatabase)
    run.learn(
        Manual(switch.key, (ManualItem("i", "live-database-differs", "alice", "web1/database/shop", "?"),))
    )

    assert run.accounts() == []


def test_a_load_whose_staging_is_gone_is_done_again_by_the_next_run() -> None:
    run = night(customer("alice", "shop"), dump("shop")).learn(looked("alice"))
    (load,) = run.of(LoadDatabase)
    run.learn(loaded(load, "shop"))
    (switch,) = run.of(SwitchDatabase)

    learned = run.plan.learn(Failed(switch.key, StagingDiffers.code, Scope.JOB, "gone", "hint"))

    assert learned.gone == (load.key,)


def custom(database: str = "alice_x", verifier: str = "v1", config: str = "inc/db.php") -> Claim:
    found = claim("alice", database, "alice_u", status="ambiguous", verifier=verifier, config=config)
    return replace(found, system="custom", evidence=(f"{config}:3 new mysqli(***)",))


def verdict(one: Claim, said: str) -> LoginsVerified:
    logins = (LoginVerified(one.config, one.system, one.user, one.database, said, "the hash in mysql.sql"),)
    return LoginsVerified("web1", "alice", logins)


def test_a_candidate_that_a_surviving_hash_proves_is_taken_by_one_keystroke() -> None:
    facts = index(customer("alice", "alice_x"), dump("alice_x"))
    loser, winner = custom("", "v2", "old.php"), custom()
    survey = Survey(facts, survivors=(dump("mysql"),))
    night = Night(BulkPlan(incident(), survey)).learn(looked("alice", loser, winner))
    assert night.of(VerifyLogins) == []

    night.learn(Done("survivors/web1", SurvivorsRead("web1", "mysql.sql", ())))
    [work] = night.works(VerifyLogins)
    assert [one.config for one in work.claims] == ["old.php", "inc/db.php"] and work.read
    night.learn(Done("prove/web1/alice", verdict(winner, "proven")))
    [item] = night.items
    first = item.candidates[0]

    assert (
        item.cause == "login-unclear"
        and "proven" in first.label
        and "inc/db.php:3" in " ".join(item.evidence)
    )
    answer = Answer(item.id, item.subject, first.effect, first.value)
    survey = replace(survey, settled=(Decision(item, answer),))
    again = Night(BulkPlan(incident(), survey)).learn(
        looked("alice", loser, winner),
        Done("survivors/web1", SurvivorsRead("web1", "mysql.sql", ())),
        Done("prove/web1/alice", verdict(winner, "proven")),
    )
    [account] = again.restore("alice_x").accounts()
    assert (account.account.user, account.databases, account.claim, again.items) == (
        "alice_u", ("alice_x",), winner, [],
    )  # fmt: skip


def test_a_candidate_is_no_claim_and_never_offers_a_neighbours_database() -> None:
    facts = index(customer("alice", "alice_x"), customer("bob", "bob_x"), dump("alice_x"), dump("bob_x"))
    night = Night(BulkPlan(incident(), Survey(facts))).learn(
        looked("alice", custom("bob_x")), Failed("prove/web1/alice", "x", Scope.STEP, "", "")
    )

    assert night.restore("alice_x").accounts() == []
    assert [item.candidates for item in night.items] == [()]


def test_a_candidate_that_every_surviving_hash_contradicts_is_not_offered() -> None:
    night = Night(BulkPlan(incident(), Survey(index(customer("alice", "alice_x"), dump("alice_x"))))).learn(
        looked("alice", custom()), Done("prove/web1/alice", verdict(custom(), "wrong"))
    )

    assert [item.candidates for item in night.items] == [()]
