"""Fixture sites read rightly and silently wrong, configs per second, and a walk over 10,000 files."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
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
VALUE = rb"\s*(?:=>|=|,|:)\s*(['\"])((?:\\.|(?!\1).)*)\1"
PASSWORD = re.compile(
    rb"^(?!\s*(?://|#|\*)).*?(?:\b|_)(?:db|database|mysql)?_?(?:pass|passwd|password|pwd|dbpass|dbpasswd|dbpwd)['\"\]]*"
    + VALUE,
    re.MULTILINE | re.IGNORECASE,
)
DOCROOTS = 7_300
CORES = 2
SLOTS = 8


def main(report: Report) -> None:
    """The baseline is a careful regex for the password, one for all systems: anchored to a line that is no comment,
    aware of quotes and escapes."""
    everything = cases()
    right, wrong = _judged(everything)
    report.figure("fixture findings read as expected", 100 * right, "%", goal=100)
    report.figure("exact claims that are wrong", wrong, "claims", better="lower", goal=0)
    got, bad = _baseline(everything)
    report.figure("careful regex, passwords right", 100 * got, "%")
    report.figure("careful regex, silently wrong", bad, "configs", better="lower")
    for system in sorted({case.name.partition("/")[0] for case in everything}):
        ours = [case for case in everything if case.name.startswith(system + "/")]
        right, wrong = _judged(ours)
        got, bad = _baseline(ours)
        report.figure(f"{system}: as expected", 100 * right, "%", goal=100, peer=100 * got)
        report.figure(f"{system}: silently wrong", wrong, "claims", better="lower", goal=0, peer=bad)
    report.figure("sites from open to finding, one core", _speed(everything), "sites/s", goal=1500)
    report.figure("a docroot of 10,000 files, warm", _walk() * 1000, "ms", better="lower", goal=20)
    seconds = _surveyed(everything)
    report.figure(f"{DOCROOTS:,} docroots surveyed through the cluster", seconds, "s", better="lower")
    report.figure("docroots a second on each core", DOCROOTS / seconds / CORES, "docroots/s")


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


def _baseline(ours: Sequence[Case]) -> tuple[float, int]:
    asked = right = wrong = 0
    for case in ours:
        for want in case.findings:
            file = case.folder / "files" / str(want.get("config", ""))
            if not want.get("config") or not file.is_file() or file.is_symlink():
                continue
            match = PASSWORD.search(file.read_bytes())
            value = None if match is None else re.sub(rb"\\(['\"\\])", rb"\1", match.group(2))
            asked += want["status"] == "exact"
            known = str(want.get("password", "")).encode() if want["status"] == "exact" else None
            right += known is not None and value == known
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


def _surveyed(everything: Sequence[Case]) -> float:
    """Seconds in which `bulkrestore survey` looks at that many homes, start included, eight steps at once."""
    with tempfile.TemporaryDirectory(prefix="survey-") as name:
        root = Path(name)
        names = _homes(root / "backup" / "web1", everything)
        rows = [f"{one},home/{one},example.com,,,," for one in names]
        header = "customer,home,domains,mailboxes,databases,contact,phone"
        (root / "backup" / "web1" / "customers.csv").write_text("\n".join([header, *rows]) + "\n")
        incident = root / "incident.toml"
        incident.write_text(
            f'[incident]\nname = "bench"\nstate = "{root}/state"\n[limits]\nworkers = {SLOTS}\n'
            f'[[source]]\nname = "backup"\nkind = "folder"\npath = "{root}/backup"\ncopies = {SLOTS}\n'
            '[[old_server]]\nname = "web1"\nsource = "backup"\npath = "web1"\ncustomers = "customers.csv"\n'
        )
        started = time.perf_counter()
        command = [sys.executable, "-m", "restore.cli", "survey", "--json", "-i", str(incident)]
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - started


def _homes(tree: Path, everything: Sequence[Case]) -> list[str]:
    sites = [case.folder / "files" for case in everything if "links" not in case.name]
    names = [f"c{number:05}" for number in range(DOCROOTS)]
    for number, name in enumerate(names):
        home = tree / "home" / name
        home.mkdir(parents=True)
        shutil.copytree(sites[number % len(sites)], home / "public_html", symlinks=True)
    return names
