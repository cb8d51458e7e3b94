"""The way in: one customer's tree goes in, findings and refused names come out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from detectors.cms.custom import CUSTOM
from detectors.detector import Detector, Site
from detectors.finding import Finding, Found, Status, text
from detectors.registry import DETECTORS
from detectors.rule import Rule
from detectors.taught import taught
from detectors.walk import Entry, Limits, OutOfRoot, Refused, Rooted, Tree, Unreadable, walk

COPY = re.compile(
    rb"(.+?)(?:\.bak\d*|\.old\d*|\.orig|\.save[d]?|\.back(?:up)?|\.copy|\.swp|\.txt|\.\d{1,8}|~|[-_.](?:bak|old|backup|copy|orig|save|"
    rb"\d{1,14})|\.disabled|\.prev(?:ious)?|\.php_?(?:bak|old|orig))+(\.php)?$",
    re.IGNORECASE,
)
HEAD = 4
CUSTOM_TRIGGERS = CUSTOM.triggers
ASIDE = re.compile(
    r"(?:^|[-_.])(?:bak|backups?|old|orig|cop(?:y|ies)|archives?|saved?|staging|stage|stg|dev|devel|test|tests|tmp|temp)(?=[-_.\d]|$)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Install:
    """An application found in a folder, relative to the examined root, whether its login could be read or not."""

    system: str
    path: str
    version: str


@dataclass(frozen=True, slots=True)
class Examination:
    """All that one tree showed. `refused` are links and names not followed and folders not looked at."""

    findings: tuple[Finding, ...]
    refused: tuple[Refused, ...]
    installs: tuple[Install, ...]


def examine(  # noqa: PLR0913 - each is a fact of its own, and known by name
    tree: Tree,
    root: bytes = b"",
    *,
    domains: Sequence[str] = (),
    maps: Mapping[bytes, bytes] | None = None,
    environment: Mapping[str, bytes] | None = None,
    limits: Limits | None = None,
    rules: Sequence[Rule] = (),
) -> Examination:
    """Find every install below `root` and read its database login; executes nothing, writes nothing.

    tree: any read-only Tree; root: a customer's home or a docroot, bytes relative to the tree's own root,
    without a leading slash. domains: the customer's domains, main one first; they decide branches on HTTP_HOST.
    maps: absolute folders of the lost server and where they are now, relative to the tree's own root, for
    example {b"/home/alice": b"web1/home/alice"}; only what lies below `root` is ever read. environment: what
    the web server was known to pass (SetEnv), by name. rules: what was taught of customers' own frameworks; they are
    asked before the other detectors.

    I/O happens through `tree` alone. Unreadable files and folders and links out are in `refused`, never raised;
    any other error of the tree (a lost connection) passes through. Findings stand in the order of their folders.
    """
    try:
        rooted = Rooted(tree, root, maps or {}, limits or Limits())
    except (OutOfRoot, Unreadable) as error:
        return Examination((), (Refused(".", str(error)),), ())
    asked = (*taught(tuple(rules)), *DETECTORS) if rules else DETECTORS
    findings = _once(tuple(_findings(rooted, tuple(domains), environment or {}, asked)))
    installs = dict.fromkeys(
        Install(one.system, one.path, one.version) for one in findings if one.status is not Status.BACKUP_COPY
    )
    return Examination(findings, tuple(rooted.refused.values()), tuple(installs))


@cache
def _asked(
    detectors: tuple[Detector, ...],
) -> tuple[Mapping[bytes, Sequence[Detector]], Mapping[Detector, int]]:
    """The detectors by the names that betray their systems, and the order in which they are asked."""
    table: dict[bytes, list[Detector]] = {}
    for detector in detectors:
        for trigger in detector.triggers:
            table.setdefault(trigger, []).append(detector)
    return table, {one: number for number, one in enumerate(detectors)}


def _findings(
    rooted: Rooted, domains: tuple[str, ...], environment: Mapping[str, bytes], asked: tuple[Detector, ...]
) -> Iterator[tuple[Finding, bool]]:
    table, order = _asked(asked)
    homes: dict[str, list[bytes]] = {}
    for folder, listing in walk(rooted):
        named = {one for name in listing.keys() & table.keys() for one in table[name]}
        copies = _copy_names(listing)
        custom = not listing.keys().isdisjoint(CUSTOM_TRIGGERS)
        if not (named or copies or custom):
            continue
        chosen = sorted(named, key=order.__getitem__)
        site = Site(rooted, folder, _domains_of(folder, domains), environment)
        if b".htaccess" in listing and chosen:
            site = replace(site, environment={**_htaccess(site), **environment})
        for detector in chosen:
            for finding in detector.detect(site):
                seen = homes.setdefault(detector.name, [])
                bare = bool(detector.core) and not site.has(*detector.core)
                judged = _set_aside(site, finding, seen) if bare else finding
                if judged.status is not Status.BACKUP_COPY:
                    seen.append(folder)
                yield judged, bare
        yield from ((copy, False) for copy in _copies(site, listing, copies))
        if custom and not _recognised(folder, homes):
            for finding in CUSTOM.detect(site):
                homes.setdefault(CUSTOM.name, []).append(folder)
                yield finding, False


def _recognised(folder: bytes, homes: Mapping[str, Sequence[bytes]]) -> bool:
    """Whether a folder lies in an install that was found."""
    return any(
        folder == one or not one or folder.startswith(one + b"/") for ones in homes.values() for one in ones
    )


def _once(found: Sequence[tuple[Finding, bool]]) -> tuple[Finding, ...]:
    """Each config once: one that lies apart from its application is the application's, not that of the folder it
    lies in, and one seen from two folders is that of the outer one."""
    owned = {_config(one) for one, bare in found if isinstance(one, Found) and not bare}
    kept: list[Finding] = []
    paths: dict[tuple[str, ...], list[str]] = {}
    for one, bare in found:
        if isinstance(one, Found):
            key = _config(one)
            outer = paths.setdefault(key, [])
            if (bare and key in owned) or any(
                path == "." or one.path.startswith(path + "/") for path in outer
            ):
                continue
            outer.append(one.path)
        kept.append(one)
    return tuple(kept)


def _config(one: Found) -> tuple[str, ...]:
    """What makes a login one config's: the code of a site of its own making may state several."""
    several = (one.user, one.database) if one.system == CUSTOM.name else ()
    return (one.system, one.config, *several)


def _by_config_name() -> Mapping[bytes, Sequence[Detector]]:
    table: dict[bytes, list[Detector]] = {}
    for detector in DETECTORS:
        for path in detector.paths:
            if "/" not in path and "*" not in path:
                table.setdefault(path.encode(), []).append(detector)
    return table


BY_CONFIG_NAME = _by_config_name()
STEMS = tuple(original.partition(b".php")[0] for original in BY_CONFIG_NAME)
# The first letters of all stems: most names of a tree are told apart by them alone.
HEADS = frozenset(stem[:HEAD] for stem in STEMS)


def _domains_of(folder: bytes, domains: tuple[str, ...]) -> tuple[str, ...]:
    """The domains a folder serves: the one it is named after, else all."""
    for name in reversed(folder.lower().split(b"/")):
        plain = text(name).removeprefix("www.")
        named = tuple(domain for domain in domains if domain.lower().removeprefix("www.") == plain)
        if named:
            return named
    return domains


def _htaccess(site: Site) -> dict[str, bytes]:
    """SetEnv lines of the site's own .htaccess (mod_env), outside of any section."""
    config = site.read(".htaccess")
    found: dict[str, bytes] = {}
    depth = 0
    for line in () if config is None else config.content.splitlines():
        depth += line.lstrip().startswith(b"<") * (-1 if line.lstrip().startswith(b"</") else 1)
        match = re.fullmatch(
            rb"\s*SetEnv\s+([A-Za-z_]\w*)\s+(?:\"([^\"\\]*)\"|([^\s\"\\]+))\s*", line, re.IGNORECASE
        )
        if match and not depth:
            found[text(match.group(1))] = match.group(2) if match.group(2) is not None else match.group(3)
    return found


def _set_aside(site: Site, finding: Finding, seen: list[bytes]) -> Finding:
    """A config without its application's code, in a folder named like a copy or inside another install."""
    named = any(ASIDE.search(text(name)) for name in site.folder.split(b"/"))
    inside = any(
        folder != site.folder and (not folder or site.folder.startswith(folder + b"/")) for folder in seen
    )
    return replace(finding, status=Status.BACKUP_COPY) if named or inside else finding


def _copy_names(listing: Mapping[bytes, Entry]) -> list[bytes]:
    """The names that begin as a config's does."""
    return [name for name in listing if name[:HEAD] in HEADS and name.startswith(STEMS)]


def _copies(site: Site, listing: Mapping[bytes, Entry], named: Sequence[bytes]) -> Iterator[Finding]:
    """Files named like copies of a config (wp-config.php.bak), read as if they were it."""
    table = BY_CONFIG_NAME
    for name in sorted(named):
        match = COPY.fullmatch(name)
        if match is None:
            continue
        stem, ending = match.group(1), match.group(2) or b""
        original = stem if stem in table else stem + ending if stem + ending in table else stem + b".php"
        for detector in table.get(original, ()):
            if name in table or listing[name].kind != "file":
                continue
            aliased = replace(site, aliases={original: name}, notes=[])
            for finding in detector.detect(aliased):
                yield replace(finding, status=Status.BACKUP_COPY)
