"""What is refused of one customer's thing can be let be, and then is neither tried nor asked again."""

from __future__ import annotations

import pytest

from restore.errors import AccountRefused, DatabaseRefused, DatabaseUnreachable, ObjectRefused, RestoreError
from restore.model.outcome import Answer, ManualItem
from restore.model.plan import CreateAccount, LoadDatabase, SwitchDatabase, Work
from restore.model.survey import Decision
from restore.run.refusals import refusal
from tests.plan.company import claim, customer, dump, looked
from tests.plan.test_bulk import Night, night

BERT = customer("bert", "shop")
SHOP = dump("shop")


def of(*settled: Decision) -> Night:
    """A night in which everything of bert's came as far as it can."""
    return (
        night(BERT, SHOP, settled=settled)
        .learn(looked("bert", claim("bert", "shop", "bert_db")))
        .restore("shop")
    )


def work(which: type[LoadDatabase | SwitchDatabase | CreateAccount]) -> Work:
    (found,) = works(of(), which)
    return found


def works(planned: Night, which: type[Work]) -> list[Work]:
    steps = [step.work for job in planned.jobs.values() for step in job.steps]
    return [one for one in steps if isinstance(one, which)]


@pytest.mark.parametrize(
    ("which", "error", "about"),
    [
        (LoadDatabase, DatabaseRefused("unknown collation (1273)"), "web1/database/shop"),
        (SwitchDatabase, ObjectRefused("view v cannot be created"), "web1/database/shop"),
        (CreateAccount, AccountRefused("root is kept for administrators"), "web1/account/bert_db"),
        (CreateAccount, DatabaseRefused("plugin is not loaded (1524)"), "web1/account/bert_db"),
    ],
)
def test_a_refusal_is_a_question_that_names_what_was_refused_and_why(
    which: type[LoadDatabase | SwitchDatabase | CreateAccount], error: RestoreError, about: str
) -> None:
    item = refusal(work(which), error)

    assert item is not None
    assert (item.cause, item.subject, item.customer, item.contact) == (
        error.code,
        about,
        "bert",
        "bert@x.test",
    )
    assert (item.evidence[0], [one.effect for one in item.candidates]) == (error.message, ["keep"])


def test_what_may_help_itself_stays_a_failure() -> None:
    assert refusal(work(LoadDatabase), DatabaseUnreachable("down")) is None


@pytest.mark.parametrize("dropped", [True, False])
@pytest.mark.parametrize("which", [LoadDatabase, CreateAccount])
def test_a_refusal_that_a_person_lets_be_is_not_tried_again(
    which: type[LoadDatabase | CreateAccount], dropped: bool
) -> None:
    error = DatabaseRefused("no") if which is LoadDatabase else AccountRefused("no")
    item = refusal(work(which), error)
    assert isinstance(item, ManualItem)
    answer = None if dropped else Answer(item.id, item.subject, "keep")

    later = of(Decision(item, answer))

    assert (works(later, which), later.causes()) == ([], [])


@pytest.mark.parametrize("name", ["br_stage_0123456789abcdef0123", "br_kept_mine", "BR_Undone_x"])
def test_a_tenants_database_that_bears_a_name_of_ours_is_asked_about_and_never_loaded(name: str) -> None:
    found = night(customer("bert", name), dump(name))

    assert (found.works(LoadDatabase), found.causes()) == ([], ["reserved-name"])
