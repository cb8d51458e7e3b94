"""Every fixture site is given to all detectors together: one that claims another's site fails too."""

from __future__ import annotations

import pytest

from detectors.finding import Found, Status
from tests.detectors.fixture_sites import Case, cases, mismatch, told

CASES = cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_site_yields_its_login_and_nothing_else(case: Case) -> None:
    examination = case.examine()

    found = list(examination.findings)
    differences = [
        mismatch(expected, finding) for expected, finding in zip(case.findings, found, strict=False)
    ]
    assert (differences, len(found)) == ([{}] * len(case.findings), len(case.findings)), [
        told(one) for one in found
    ]
    assert [one.path for one in examination.refused] == case.expected.get("refused", [])


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_an_exact_claim_has_evidence_for_each_field(case: Case) -> None:
    for finding in case.examine().findings:
        if isinstance(finding, Found) and finding.status is Status.EXACT:
            fields = {one.field for one in finding.evidence if one.line}
            assert {"database", "user", "password"} <= fields and not finding.unclear
