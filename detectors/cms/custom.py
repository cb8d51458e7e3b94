"""Custom PHP: a site of no known system that opens a database connection somewhere.

Its login is never claimed here, only where it is opened: the arguments of mysqli, PDO, mysql_connect and ADOdb's
Connect, wherever they stand. https://www.php.net/manual/en/mysqli.construct.php and pdo.construct.php
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors.detector import Config, Detector, Site
from detectors.finding import Evidence, Finding, Status, Unclear, text
from detectors.walk import join

PATHS = ("index.php",)
OPENS = re.compile(
    rb"(?:\bmysqli_(?:real_)?connect|\bmysql_p?connect|\bnew\s+\\?mysqli|\bnew\s+\\?PDO|->\s*real_connect|->\s*P?Connect)"
    rb"\s*\(",
    re.IGNORECASE,
)
NAMES = frozenset(
    b"includes include inc lib libs config conf connect connection db database common core app src "
    b"classes".split()
)
MAX_FILES = 60
MAX_PLACES = 12


def detect(site: Site) -> Iterator[Finding]:
    """At most one Unclear per folder with an index.php, listing where connections are opened."""
    evidence: list[Evidence] = []
    for config in _files(site):
        evidence.extend(_places(config))
        if len(evidence) >= MAX_PLACES:
            break
    if evidence:
        reason = "a site of its own making opens a database connection; its login is not read automatically"
        yield Unclear("custom", site.path, reason, tuple(evidence[:MAX_PLACES]), Status.NONE)


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
