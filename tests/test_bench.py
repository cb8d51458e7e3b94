"""What scripts/bench says can be read by a program, and a missed goal is not overlooked."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.bench.__main__ import listing, main
from tests.bench.report import Report


def test_with_json_each_figure_is_one_object_a_line_with_the_six_keys_and_no_more() -> None:
    out = io.StringIO()
    report = Report(out, io.StringIO(), as_json=True)

    report.figure("load", 41.5, "MB/s", goal=30, peer=15.25)
    report.note("three runs")
    report.figure("idle", 0.2, "s", better="lower")

    assert report.close()
    assert [json.loads(line) for line in out.getvalue().splitlines()] == [
        {"name": "load", "value": 41.5, "unit": "MB/s", "better": "higher", "goal": 30, "peer": 15.25},
        {"name": "idle", "value": 0.2, "unit": "s", "better": "lower", "goal": None, "peer": None},
    ]


@pytest.mark.parametrize(
    ("better", "value", "reached"),
    [("higher", 199.0, False), ("higher", 200.0, True), ("lower", 201.0, False)],
)
def test_a_missed_goal_is_said_and_turns_the_result(better: str, value: float, reached: bool) -> None:
    out = io.StringIO()
    report = Report(out, io.StringIO(), as_json=False)
    report.figure("steps", value, "steps/s", better="higher" if better == "higher" else "lower", goal=200)

    assert report.close() == reached
    assert ("MISSED" in out.getvalue()) == (not reached)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((150.0, 180.0, 199.0), "MISSED"),
        ((150.0, 180.0, 215.0), "not distinguishable"),
        ((230.0, 240.0, 250.0), ""),
    ],
)
def test_a_goal_inside_the_spread_is_neither_reached_nor_missed(values: tuple[float, ...], said: str) -> None:
    out = io.StringIO()
    report = Report(out, io.StringIO(), as_json=False)
    report.spread("fill", values, "messages/s", peers=[100.0, 105.0, 110.0], factor=2)

    assert report.close() == (said != "MISSED")
    assert [word for word in ("MISSED", "not distinguishable") if word in out.getvalue()] == [said] * bool(
        said
    )


def test_what_was_not_measured_is_no_figure() -> None:
    out = io.StringIO()

    with pytest.raises(ValueError, match="not JSON compliant"):
        Report(out, io.StringIO(), as_json=True).figure("rate", float("nan"), "MB/s")

    assert out.getvalue() == ""


def test_every_benchmark_is_listed_with_what_it_measures() -> None:
    there = {path.stem for path in Path(__file__).parent.joinpath("bench").glob("[a-z]*.py")} - {"report"}

    listed = dict(line.split(maxsplit=1) for line in listing().splitlines())

    assert listed.keys() == there


def test_an_unknown_name_is_bad_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["no-such-benchmark"])

    assert ended.value.code == 2
    assert "name one of" in capsys.readouterr().err
