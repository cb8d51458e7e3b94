"""The way in: one customer's tree goes in, findings and refused names come out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from detectors.detector import Detector, Site
from detectors.finding import Finding, Status
from detectors.registry import DETECTORS
from detectors.walk import Limits, OutOfRoot, Refused, Rooted, Tree, Unreadable, walk

COPY_ENDINGS = tuple(
    b".bak .old .orig .save .saved .backup .copy .tmp .swp .txt .1 .2 .dist~ ~ -bak -old -backup -copy _bak _old "
    b"_backup _copy .php.bak .disabled .prev .previous".split()
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


def examine(
    tree: Tree,
    root: bytes = b"",
    *,
    domains: Sequence[str] = (),
    maps: Mapping[bytes, bytes] | None = None,
    environment: Mapping[str, bytes] | None = None,
    limits: Limits | None = None,
) -> Examination:
    """Find every install below `root` and read its database login; executes nothing, writes nothing.

    tree: any read-only Tree; root: a customer's home or a docroot, bytes relative to the tree's own root,
    without a leading slash. domains: the customer's domains, main one first; they decide branches on HTTP_HOST.
    maps: absolute folders of the lost server and where they are now, relative to the tree's own root, for
    example {b"/home/alice": b"web1/home/alice"}; only what lies below `root` is ever read. environment: what
    the web server was known to pass (SetEnv), by name.

    I/O happens through `tree` alone. Unreadable files and folders and links out are in `refused`, never raised;
    any other error of the tree (a lost connection) passes through. Findings stand in the order of their folders.
    """
    try:
        rooted = Rooted(tree, root, maps or {}, limits or Limits())
    except (OutOfRoot, Unreadable) as error:
        return Examination((), (Refused(".", str(error)),), ())
    findings = tuple(_findings(rooted, tuple(domains), environment or {}))
    installs = {
        (one.system, one.path): Install(one.system, one.path, one.version)
        for one in findings
        if one.status is not Status.BACKUP_COPY
    }
    return Examination(findings, tuple(rooted.refused.values()), tuple(installs.values()))


def _by_trigger(detectors: Sequence[Detector]) -> Mapping[bytes, Sequence[Detector]]:
    table: dict[bytes, list[Detector]] = {}
    for detector in detectors:
        for trigger in detector.triggers:
            table.setdefault(trigger, []).append(detector)
    return table


def _findings(
    rooted: Rooted, domains: tuple[str, ...], environment: Mapping[str, bytes]
) -> Iterator[Finding]:
    table = _by_trigger(DETECTORS)
    for folder, listing in walk(rooted):
        chosen = dict.fromkeys(one for name in listing.keys() & table.keys() for one in table[name])
        site = Site(rooted, folder, domains, environment)
        for detector in chosen:
            yield from detector.detect(site)
