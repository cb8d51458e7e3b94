"""What a run takes from which copy of a lost server, and what a person is asked about older ones."""

from __future__ import annotations

from dataclasses import replace

from restore.model.facts import DatabaseLoaded, DatabaseSwitched
from restore.model.incident import USE, Incident, ServerCopy
from restore.model.mail import MailboxId
from restore.model.mysql import DatabaseId, DumpFile, Fingerprint
from restore.model.outcome import Answer, ManualItem
from restore.model.plan import LoadDatabase, LookSite, MailCopy, RestoreMailbox, Step, Work
from restore.model.survey import Decision, HomePlace, Index, MailboxPlace, Narrowing, Survey
from restore.plan.bulk import BulkPlan
from restore.plan.forecast import foresee
from tests.plan.company import customer, incident

NIGHT, WEEK = 300.0, 100.0
SHOP = DatabaseId("web1", "shop")
BOX = MailboxId("web1", "a@alice.test")
ALICE = customer("alice", "shop", mailboxes=("a@alice.test",))


def several(older_dumps: str = "ask") -> Incident:
    whole = incident()
    server = replace(
        whole.old_servers[0],
        taken=NIGHT,
        further=(ServerCopy("week", "old", taken=WEEK), ServerCopy("wreck", "", "wreck")),
        older_dumps=older_dumps,
    )
    return replace(whole, old_servers=(server,))


def shop(source: str, rank: int, mtime: float, copied: float | None) -> DumpFile:
    return DumpFile(SHOP, Fingerprint(source, b"shop.sql", 9, mtime), rank, copied)


FIRST, SECOND = shop("backup", 0, 290.0, NIGHT), shop("week", 1, 90.0, WEEK)
PLACE = MailboxPlace(
    BOX,
    b"web1/m",
    "backup",
    "backup",
    NIGHT,
    (MailCopy("week", b"m", "backup", WEEK), MailCopy("wreck", b"m", "wreck")),
)
HOMES = (HomePlace("web1", "alice", 1, WEEK), HomePlace("web1", "alice", 2))


def planned(
    index: Index, *, narrowing: Narrowing | None = None, rule: str = "ask", **survey: object
) -> tuple[list[Step], list[ManualItem]]:
    plan = BulkPlan(several(rule), Survey(index, **survey), narrowing)  # type: ignore[arg-type]
    return [step for job in plan.jobs for step in job.steps], list(plan.items)


def work(steps: list[Step], kind: type[Work]) -> Work:
    (found,) = (step.work for step in steps if isinstance(step.work, kind))
    return found


def test_each_thing_is_taken_from_its_copies_and_occupies_a_slot_of_each() -> None:
    steps, items = planned(Index((ALICE,), (PLACE,), (FIRST, SECOND), homes=HOMES))

    mail, load, look = (work(steps, kind) for kind in (RestoreMailbox, LoadDatabase, LookSite))
    assert isinstance(mail, RestoreMailbox) and isinstance(load, LoadDatabase) and isinstance(look, LookSite)
    assert (mail.source, [one.source for one in mail.also]) == ("backup", ["week", "wreck"])
    assert (load.dump, load.others) == (FIRST, (SECOND,))
    assert (look.source, look.home, look.origin) == (
        "week",
        b"old/home/alice",
        "from week, backup of 1970-01-01 00:01 UTC",
    )
    needs = {type(step.work): {one for one in step.needs if one.startswith("source/")} for step in steps}
    assert needs[RestoreMailbox] == {"source/backup", "source/week", "source/wreck"}
    assert (needs[LoadDatabase], needs[LookSite], items) == ({"source/backup"}, {"source/week"}, [])


def test_a_mailbox_found_in_one_more_copy_later_is_merged_again_and_in_another_order_not() -> None:
    def key(place: MailboxPlace) -> str:
        steps, _ = planned(Index((ALICE,), (place,), ()))
        return next(step.key for step in steps if isinstance(step.work, RestoreMailbox))

    other_order = replace(
        PLACE, path=b"m", source="week", also=(MailCopy("backup", b"web1/m"), PLACE.also[1])
    )
    alone = replace(PLACE, also=())

    assert key(alone) == "mail/web1/a@alice.test/mail1"
    assert key(PLACE) == key(other_order) != key(alone)


def test_a_dump_that_the_first_copy_lacks_comes_from_the_next_with_its_date_said() -> None:
    steps, items = planned(Index((ALICE,), (), (SECOND,)))

    load = work(steps, LoadDatabase)
    assert isinstance(load, LoadDatabase) and [one.cause for one in items] == ["not-in-backup"]
    assert (load.dump, load.origin) == (SECOND, "from week, backup of 1970-01-01 00:01 UTC")


def test_an_older_dump_is_a_question_while_the_copy_before_it_cannot_be_read() -> None:
    index = Index((ALICE,), (PLACE,), (SECOND,), unread=(("web1", 0),))

    steps, items = planned(index)
    (item,) = items
    assert not [step for step in steps if isinstance(step.work, LoadDatabase)]
    assert (item.cause, [one.label for one in item.candidates]) == (
        "older-dump",
        ["the dump of 1970-01-01 00:01 UTC on week, 9 bytes"],
    )

    answer = Answer(item.id, item.subject, "dump", item.candidates[0].value)
    answered, left = planned(index, settled=(Decision(item, answer),))
    ruled, none = planned(index, rule=USE)
    dropped, nothing = planned(index, settled=(Decision(item, None),))

    assert [work(one, LoadDatabase).dump for one in (answered, ruled)] == [SECOND] * 2  # type: ignore[union-attr]
    assert ([step for step in dropped if isinstance(step.work, LoadDatabase)], left, none, nothing) == (
        [],
        [],
        [],
        [],
    )


def test_what_is_live_from_a_newer_dump_is_not_loaded_again_from_an_older_one() -> None:
    loaded = DatabaseLoaded(SHOP, "db1", "br_stage_x", (), (), (), "utf8mb4", "c", 1, taken=FIRST.taken)
    live = DatabaseSwitched(SHOP, "db1", "shop", (), (), "")
    index = Index((ALICE,), (PLACE,), (SECOND,))

    steps, _ = planned(index, remembered=(loaded, live))
    asked, _ = planned(index, remembered=(loaded, live), narrowing=Narrowing(as_of=150.0))

    assert not [step for step in steps if isinstance(step.work, LoadDatabase)]
    assert [step for step in asked if isinstance(step.work, LoadDatabase)]


def test_as_of_a_time_nothing_made_later_is_used_and_the_newest_before_it_first() -> None:
    oldest = MailCopy("older", b"m", "backup", 50.0)
    place = replace(PLACE, also=(oldest, *PLACE.also))
    homes = (HomePlace("web1", "alice", 0, NIGHT), *HOMES)
    index = Index((ALICE,), (place,), (FIRST, SECOND, shop("wreck", 2, 95.0, None)), homes=homes)

    steps, items = planned(index, narrowing=Narrowing(as_of=150.0))

    mail, load, look = (work(steps, kind) for kind in (RestoreMailbox, LoadDatabase, LookSite))
    assert isinstance(mail, RestoreMailbox) and isinstance(load, LoadDatabase) and isinstance(look, LookSite)
    assert (mail.source, mail.also) == ("week", (oldest,))
    assert (load.dump.fingerprint.source, [one.fingerprint.source for one in load.others]) == (
        "wreck",
        ["week"],
    )
    assert (look.source, items) == ("week", [])

    before, asked = planned(index, narrowing=Narrowing(as_of=10.0))
    assert [type(step.work) for step in before] == [LookSite]
    assert (
        sorted(item.question.split(" holds ")[0] for item in asked)
        == ["No backup as of 1970-01-01 00:00 UTC"] * 2
    )


def test_the_dry_run_says_where_each_thing_comes_from() -> None:
    plan = BulkPlan(several(), Survey(Index((ALICE,), (PLACE,), (SECOND,), homes=HOMES)))
    forecast = foresee(plan, {})

    told = " ".join(one.what for one in forecast.jobs)
    assert all(
        words in told for words in ("from backup, backup of", "from week, backup of", "from wreck, wreck")
    )
