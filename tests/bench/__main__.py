"""Runs one benchmark of tests/bench by its name."""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys

from tests import bench
from tests.bench.report import Report

APART = {"__main__", "report"}


def names() -> list[str]:
    """The benchmarks there are."""
    return sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in APART)


def listing() -> str:
    """Each benchmark with the first line of its docstring."""
    return "\n".join(f"{name:12} {_title(name)}" for name in names())


def _title(name: str) -> str:
    return (importlib.import_module(f"tests.bench.{name}").__doc__ or "").strip().split("\n")[0]


def main(arguments: list[str] | None = None) -> int:
    """Returns 0 if every goal was reached, 1 if one was missed; argparse exits with 2 on bad use."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description="Measures. Exit code: 0 every goal reached, 1 a goal missed, 2 bad use.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="the benchmark; --list shows which there are")
    parser.add_argument("--list", action="store_true", help="list the benchmarks")
    parser.add_argument(
        "--json",
        action="store_true",
        help="one object a line: name, value, unit, better (higher or lower), goal, peer; "
        "goal and peer, in the same unit as value, are null where there is none",
    )
    parser.add_argument("--quick", action="store_true", help="a smaller corpus, where the benchmark has one")
    asked = parser.parse_args(arguments)
    if asked.list:
        print(listing())
        return 0
    if asked.name not in names():
        parser.error(f"name one of: {', '.join(names()) or '(there is none yet)'}")
    report = Report(sys.stdout, sys.stderr, as_json=asked.json, quick=asked.quick)
    importlib.import_module(f"tests.bench.{asked.name}").main(report)
    return 0 if report.close() else 1


if __name__ == "__main__":
    sys.exit(main())
