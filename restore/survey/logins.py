"""The login a claim rests on, read afresh from its config: a claim holds no plaintext, and configs change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from detectors.detector import Site
from detectors.examine import examine
from detectors.finding import Finding, Found
from detectors.registry import DETECTORS
from detectors.taught import taught
from detectors.walk import Limits, OutOfRoot, Rooted, Tree, Unreadable
from restore.model.facts import Claim
from restore.model.plan import LookSite
from restore.survey.sites import lost_names

MOST_FOLDERS = 50


def read_login(tree: Tree, home: LookSite, claim: Claim) -> Found | None:
    """What the claim's config says now of that user, None where it says nothing of him any more.

    Looks near the config first (an install may read it from a folder above), then through the whole home, since
    a detector may find it from far away. Raises what the tree raises, save Unreadable.
    """
    maps = lost_names(home)
    try:
        rooted = Rooted(tree, home.home, maps, Limits())
    except (OutOfRoot, Unreadable):
        return None
    found = _matching(_near(rooted, home, claim), claim)
    if found is not None:
        return found
    rules = (claim.rule,) if claim.rule else ()
    examination = examine(tree, home.home, domains=home.domains, maps=maps, rules=rules)
    return _matching(examination.findings, claim)


def _matching(findings: Iterable[Finding], claim: Claim) -> Found | None:
    for one in findings:
        if (
            isinstance(one, Found)
            and (one.system, one.config, one.user) == (claim.system, claim.config, claim.user)
            and one.password is not None
        ):
            return one
    return None


def _near(rooted: Rooted, home: LookSite, claim: Claim) -> Iterator[Finding]:
    asked = (*taught((claim.rule,) if claim.rule else ()), *DETECTORS)
    detectors = [one for one in asked if one.name == claim.system]
    for folder in _folders(rooted, claim.config.encode("utf-8", "surrogateescape")):
        site = Site(rooted, folder, home.domains)
        for detector in detectors:
            yield from detector.detect(site)


def _folders(rooted: Rooted, config: bytes) -> Iterator[bytes]:
    """The config's folder and those above it, nearest first, then those right below it."""
    folder = config.rpartition(b"/")[0]
    above = folder
    while above:
        yield above
        above = above.rpartition(b"/")[0]
    yield b""
    try:
        listing = rooted.listing(folder)
    except Unreadable:
        return
    below = sorted(name for name, entry in listing.items() if entry.kind == "folder")
    yield from (b"/".join(part for part in (folder, name) if part) for name in below[:MOST_FOLDERS])
