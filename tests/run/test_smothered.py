"""A backup server that turns us away is asked for less at once, and for more again as it recovers; no work fails."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from restore.model.facts import Nothing
from restore.model.outcome import Abandoned, Done, Failed, Outcome, Scope
from restore.model.plan import Capacity, Job, Rest, Step
from restore.run.schedule import Schedule
from restore.run.smothered import TURNED_AWAY

SLOTS = 8


def jobs(count: int) -> list[Job]:
    """So many jobs of one step that reads from the backup."""
    return [
        Job(f"j{n:03}", "mail", "c", (Step(f"s{n:03}", Rest(), ("source/backup", "worker")),))
        for n in range(count)
    ]


def busy(key: str, code: str = "source-busy") -> Failed:
    return Failed(key, code, Scope.STEP, "turned us away", "", transient=True, server="backup")


def done(key: str) -> Done:
    return Done(key, Nothing())


def schedule(count: int) -> Schedule:
    return Schedule(jobs(count), {}, Capacity({"source/backup": SLOTS, "worker": 100}))


def test_slots_halve_when_it_is_smothered_and_creep_back_one_by_one() -> None:
    work = schedule(200)
    running = [step.key for step in work.begin()]
    widths = [len(running)]
    for _ in range(3):
        back = work.put_back(busy(running.pop()))
        assert isinstance(back, Abandoned) and "turned us away" in back.because
    while running:
        work.end(done(running.pop(0)))
        running += [step.key for step in work.begin()]
        widths.append(len(running))
    work.check_end()

    assert (widths[0], min(widths[:-SLOTS])) == (SLOTS, 3)
    low = widths.index(3)
    grown = widths[low:-SLOTS]
    assert all(0 <= after - before <= 1 for before, after in pairwise(grown))
    assert grown[-1] == SLOTS
    assert work.idle and work.counts["mail"].jobs_ended == 200


ends = st.lists(st.sampled_from(("done", "busy", "stalled")), max_size=120)


@settings(max_examples=60)
@given(ends, st.integers(1, 40), st.integers(1, 12))
def test_however_it_goes_every_step_ends_once_and_the_limit_holds(
    how: Sequence[str], count: int, limit: int
) -> None:
    work, words = schedule(count), list(how)
    running = [step.key for step in work.begin()]
    ended: list[Outcome] = []
    turn = 0
    while running:
        turn += 1
        if turn == 5:
            work.limit("source/backup", limit)
        key, word = running.pop(0), words.pop() if words else "done"
        outcome = done(key) if word == "done" else busy(key, f"source-{word}")
        if work.put_back(outcome) is None:
            ended += (outcome, *work.end(outcome))
        begun = [step.key for step in work.begin()]
        assert not begun or turn < 5 or len(running) + len(begun) <= max(limit, 1)
        running += begun
    work.check_end()

    assert sorted(one.key for one in ended) == sorted(f"s{n:03}" for n in range(count))


def test_a_mail_server_that_turns_us_away_gets_half_the_connections() -> None:
    steps = [
        Job(f"j{n}", "mail", "c", (Step(f"s{n}", Rest(), ("source/backup", "mail/mail1", "worker")),))
        for n in range(20)
    ]
    work = Schedule(steps, {}, Capacity({"source/backup": 100, "mail/mail1": SLOTS, "worker": 100}))
    running = [step.key for step in work.begin()]
    turned_away = Failed(
        running.pop(), "mail-busy", Scope.SERVER, "[LIMIT]", "", transient=True, server="mail1"
    )

    assert isinstance(work.put_back(turned_away), Abandoned)
    work.end(done(running.pop()))
    assert (len(running), len(work.begin())) == (SLOTS - 2, 0)
    while running:
        work.end(done(running.pop(0)))
        running += [step.key for step in work.begin()]
    assert work.idle and work.counts["mail"].jobs_ended == 20


def test_one_that_never_lets_anybody_in_is_told_as_a_failure_in_the_end() -> None:
    work = schedule(1)
    tries = 0
    outcome = busy("s000")
    while work.begin() and work.put_back(outcome) is not None:
        tries += 1
    work.end(outcome)
    work.check_end()

    assert tries == TURNED_AWAY


def test_a_step_that_stalls_twice_fails_and_holds_nobody_up() -> None:
    work = schedule(2)
    work.begin()
    stalled = busy("s000", "source-stalled")

    assert work.put_back(stalled) is not None
    work.begin()
    assert work.put_back(stalled) is None
