"""Fixture sites read rightly and silently wrong, configs per second, and a walk over 10,000 files."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from detectors.examine import examine
from detectors.finding import Found, Status
from detectors.local import LocalTree
from tests.bench.report import Report
from tests.detectors.fixture_sites import Case, cases, mismatch, told
from tests.detectors.memory import MemoryTree

ROUNDS = 40
SPEED_CASES = ("wordpress/stock", "joomla/stock-4", "drupal/stock-10", "mediawiki/stock", "phpbb/stock-3.3")
VALUE = rb"\s*(['\"])((?:\\.|(?!\1).)*)\1"
BASELINE = {
    "wordpress": ("wp-config.php", rb"^\s*define\s*\(\s*['\"]DB_PASSWORD['\"]\s*," + VALUE),
    "joomla": ("configuration.php", rb"^\s*(?:public|var)\s+\$password\s*=" + VALUE),
    "drupal": ("sites/default/settings.php", rb"^\s*['\"]password['\"]\s*=>" + VALUE),
}


def main(report: Report) -> None:
    """The baseline is a careful regex for the password, anchored to the line and aware of escapes."""
    everything = cases()
    right, wrong = _judged(everything)
    report.figure("fixture findings read as expected", 100 * right, "%", goal=100)
    report.figure("exact claims that are wrong", wrong, "claims", better="lower", goal=0)
    for system in BASELINE:
        ours = [case for case in everything if case.name.startswith(system + "/")]
        got, bad = _baseline(system, ours)
        report.figure(f"{system}: careful regex, passwords right", 100 * got, "%")
        report.figure(f"{system}: careful regex, silently wrong", bad, "configs", better="lower")
    report.figure("sites from open to finding, one core", _speed(everything), "sites/s", goal=1500)
    report.figure("a docroot of 10,000 files, warm", _walk() * 1000, "ms", better="lower", goal=20)


def _judged(everything: Sequence[Case]) -> tuple[float, int]:
    expected = right = wrong = 0
    for case in everything:
        found = list(case.examine().findings)
        wanted = [dict(one) for one in case.findings]
        expected += len(wanted)
        pairs = list(zip(wanted, found, strict=False))
        right += sum(not mismatch(want, one) for want, one in pairs)
        answers = [want for want in wanted if want["status"] == "exact"]
        for one in found:
            if isinstance(one, Found) and one.status is Status.EXACT:
                wrong += not any(_agrees(answer, told(one)) for answer in answers)
    return right / expected, wrong


def _agrees(answer: dict[str, object], found: dict[str, object]) -> bool:
    keys = ("config", "host", "port", "socket", "database", "user", "password", "password_hex")
    return all(answer.get(key) == found.get(key) for key in keys)


def _baseline(system: str, ours: Sequence[Case]) -> tuple[float, int]:
    path, pattern = BASELINE[system]
    asked = right = wrong = 0
    for case in ours:
        file = case.folder / "files" / path
        want = next(
            (one for one in case.findings if one.get("config") == path and one["status"] == "exact"), None
        )
        if not file.is_file() or file.is_symlink():
            continue
        match = re.search(pattern, file.read_bytes(), re.MULTILINE)
        value = None if match is None else re.sub(rb"\\(['\"\\])", rb"\1", match.group(2))
        asked += want is not None
        known = None if want is None else str(want.get("password", "")).encode()
        right += want is not None and value == known
        wrong += value is not None and value != known
    return right / asked if asked else 0.0, wrong


def _speed(everything: Sequence[Case]) -> float:
    trees = [_in_memory(case) for case in everything if case.name in SPEED_CASES]
    started = time.process_time()
    for _ in range(ROUNDS):
        for tree in trees:
            examine(tree, domains=("example.com",))
    return ROUNDS * len(trees) / (time.process_time() - started)


def _in_memory(case: Case) -> MemoryTree:
    root = case.folder / "files"
    files = (path for path in root.rglob("*") if path.is_file())
    return MemoryTree({str(path.relative_to(root)).encode(): path.read_bytes() for path in files})


def _walk() -> float:
    with tempfile.TemporaryDirectory(prefix="docroot-") as name:
        root = Path(name)
        for number in range(100):
            folder = root / "wp-content" / "plugins" / f"p{number}" / "inc"
            folder.mkdir(parents=True)
            for file in range(50):
                (folder / f"{file}.php").touch()
                (folder.parent / f"{file}.php").touch()
        (root / "wp-settings.php").touch()
        (root / "wp-load.php").touch()
        examine(LocalTree(name))
        times = []
        for _ in range(5):
            started = time.perf_counter()
            examine(LocalTree(name))
            times.append(time.perf_counter() - started)
        return min(times)
