"""A live server that slows down is given rest; one that is as it always was is not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from restore.systems.pace import LONGEST_REST, Pace
from restore.systems.throttle import Throttle


class Time:
    """A clock that moves when told, and when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


def batches(time: Time, pace: Pace, took: list[float], amount: int = 1_000_000) -> list[float]:
    """How long was rested before each batch, and before one more."""
    rests = []
    for seconds in [*took, 0.0]:
        before = time.slept
        pace.before(amount)
        rests.append(time.slept - before)
        with pace.feeling():
            time.now += seconds
    return rests


def test_after_a_slow_answer_it_rests_as_long_and_goes_on_at_full_speed_when_answers_are_quick_again() -> (
    None
):
    time = Time()
    took = [0.2, 0.2, 3.0, 60.0, 0.2, 0.2]

    assert batches(time, Pace(Throttle(), time, time.sleep), took) == [
        0.0,
        0.0,
        0.0,
        3.0,
        LONGEST_REST,
        0.0,
        0.0,
    ]


@given(st.lists(st.floats(0.5, 1.9), min_size=1))
def test_a_server_that_is_slow_from_the_beginning_is_not_slowed_further(took: list[float]) -> None:
    time = Time()

    assert sum(batches(time, Pace(Throttle(), time, time.sleep), took)) == 0.0


@given(st.lists(st.integers(1, 5_000_000), min_size=2, max_size=20))
def test_no_more_bytes_go_out_than_the_incident_file_allows(sizes: list[int]) -> None:
    time = Time()
    pace = Pace(Throttle(100_000, time, time.sleep), time, time.sleep)
    for size in sizes:
        pace.before(size)

    assert time.now >= sum(sizes[:-1]) / 100_000 * 0.999
