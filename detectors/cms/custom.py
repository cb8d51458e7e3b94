"""Custom PHP: a site of no known system that opens a database connection somewhere.

Where the arguments of the call lead to a login it is a candidate, never a claim: a site may open several connections,
and which of them it lives by only a person or a surviving hash can say.
https://www.php.net/manual/en/mysqli.construct.php and pdo.construct.php
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from detectors.claim import claim
from detectors.detector import Config, Detector, Site
from detectors.finding import Evidence, Finding, Found, Status, Unclear, text
from detectors.parsing.php.connects import OPENS, Opening, openings
from detectors.walk import join

PATHS = ("index.php",)
NAMES = frozenset(
    b"includes include inc lib libs config conf connect connection db database common core app src "
    b"classes class admin system php functions".split()
)
MAX_FILES = 60
MAX_PLACES = 12
MAX_SNIPPET = 160
LITERAL = re.compile(rb"'(?:[^'\\]|\\.)*'?|\"(?:[^\"\\]|\\.)*\"?|\b\d{3,}\b", re.DOTALL)
CANDIDATE = "login: a candidate, from where a connection is opened; nothing says that it is the site's"


def detect(site: Site) -> Iterator[Finding]:
    """Each login that a connection is opened with, once, best known first; the places whose login cannot be read in
    one Unclear."""
    files = [config for config in _files(site) if _opens(config)]
    if not files:
        return
    by_name = {config.name: config for config in files}
    found = list(_candidates(site, files, by_name))
    seen: dict[tuple[str, str, object], Found] = {}
    for one in found:
        seen.setdefault((one.user, one.database, one.password), one)
    yield from sorted(seen.values(), key=lambda one: len(one.unclear))
    read = {config for one in found for config in (one.config, *(e.path for e in one.evidence))}
    evidence = [place for config in files if config.name not in read for place in _places(config)]
    if evidence:
        reason = "a site of its own making opens a database connection; its login is not read automatically"
        yield Unclear("custom", site.path, reason, tuple(evidence[:MAX_PLACES]), Status.NONE)


def _candidates(site: Site, files: Iterable[Config], by_name: dict[str, Config]) -> Iterator[Found]:
    """From the site's entry, whose includes define what the calls use, then from each file by itself."""
    entry = site.read(PATHS[0])
    done: set[tuple[str, int]] = set()
    for start in [*([entry] if entry is not None else []), *files]:
        for one in openings(site, start):
            if (one.path, one.line) in done:
                continue
            finding = _candidate(site, one, by_name.get(one.path))
            if finding is not None:
                done.add((one.path, one.line))
                yield finding


def _candidate(site: Site, one: Opening, config: Config | None) -> Found | None:
    needed = [one.fields.get(name) for name in ("user", "password")]
    if any(field is None or field.value is None for field in needed):
        return None
    place = Evidence(one.path, one.line, "", snippet(config, one.line) if config else one.call + "(***)")
    finding = claim(site, ("custom", ""), one.path, one.fields, extra=(place,))
    if not isinstance(finding, Found):
        return None
    status = Status.PLACEHOLDER if finding.status is Status.PLACEHOLDER else Status.AMBIGUOUS
    return replace(finding, status=status, unclear=(*finding.unclear, CANDIDATE))


def snippet(config: Config, line: int) -> str:
    """A call that opens a connection, as far as its line goes, with every literal masked."""
    lines = config.content.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else b""
    match = OPENS.search(shown)
    # What stands before the call may be the end of a literal that began on another line.
    shown = shown[match.start() :] if match else b""
    code = re.split(rb"//|#|/\*", LITERAL.sub(b"***", shown))[0]
    return text(re.sub(rb"\s+", b" ", code).strip()[:MAX_SNIPPET])


def _opens(config: Config) -> bool:
    return next(_places(config), None) is not None


def _files(site: Site) -> Iterator[Config]:
    """PHP files of the folder and of the folders below it that are named like includes."""
    left = MAX_FILES
    names = site.names()
    folders = [b"", *(name for name in names if name.lower() in NAMES)]
    for folder in folders:
        for name in names if not folder else site.names(folder):
            if name.lower().endswith((b".php", b".inc", b".php5", b".phtml")) and left > 0:
                left -= 1
                config = site.read(join(folder, name))
                if config is not None:
                    yield config


def _places(config: Config) -> Iterator[Evidence]:
    for match in OPENS.finditer(config.content):
        line = config.content.count(b"\n", 0, match.start()) + 1
        start = config.content.rfind(b"\n", 0, match.start()) + 1
        if config.content[start : match.start()].lstrip().startswith((b"//", b"#", b"*")):
            continue
        call = text(re.sub(rb"\s+", b" ", match.group()))
        yield Evidence(config.name, line, "", f"{call}***)")


CUSTOM = Detector("custom", PATHS, detect)
