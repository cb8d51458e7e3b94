"""The benchmarks of scripts/bench, one module each.

`scripts/bench NAME` calls `main` of tests/bench/NAME.py:

    '''Steps per second through schedule, crew and ledger.'''   the first line is what --list shows

    def main(report: Report) -> None:
        report.figure("steps through the spine", 412.0, "steps/s", goal=200)

A figure is given as it was measured (the median, where there are several runs); what else a reader should know
(spread, sizes, versions) is a `report.note`. What cannot be measured here raises, it is never given as 0.
"""
