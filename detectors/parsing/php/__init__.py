"""Read PHP configs without running PHP: parsed by tree-sitter-php, evaluated in bytes, within limits.

What cannot be decided is stated as unknown with its reason and line, never guessed. Includes are followed
inside the customer's tree only. Branches on the host name are decided by the site's own domains: each is tried
with and without "www."; a domain that the config names outweighs one that only falls through to an else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from detectors.detector import Config, Site
from detectors.finding import text

# These fill the machine's tables.
from detectors.parsing.php import calls, choosing, expressions, objects, statements
from detectors.parsing.php.evaluated import Evaluated, stated
from detectors.parsing.php.flow import run_file
from detectors.parsing.php.machine import Exhausted, Machine, World
from detectors.parsing.php.source import Source
from detectors.parsing.php.values import Slot, TreePath, Value, Where

__all__ = [
    "Evaluated",
    "calls",
    "choosing",
    "evaluate",
    "expressions",
    "objects",
    "root_of",
    "stated",
    "statements",
]

GUARDS = (
    b"_ECRIRE_INC_VERSION",
    b"_JEXEC",
    b"_VALID_MOS",
    b"JPATH_BASE",
    b"IN_PHPBB",
    b"IN_MYBB",
    b"BASEPATH",
    b"SYSPATH",
    b"SMF",
    b"IN_CMS",
    b"MEDIAWIKI",
    b"TYPO3_MODE",
    b"TYPO3",
    b"IN_ECS",
    b"IN_DISCUZ",
    b"CMS",
    b"SECURE",
    b"e107_INIT",
    b"IA_ROOT",
)
MAX_HOSTS = 12
HOST_NAMES = re.compile(rb"HTTP_HOST|SERVER_NAME")


def _presumed(value: Value) -> Slot:
    return Slot(value, Where("", 0), how="set by the application")


PRESUMED = dict.fromkeys(GUARDS, _presumed(1))


def hosts(domains: Sequence[str]) -> list[bytes]:
    """The host names a site may be asked for, most likely first."""
    names: dict[bytes, None] = {}
    for domain in domains:
        plain = domain.lower().rstrip(".").encode("utf-8", "surrogateescape")
        if plain:
            names.setdefault(plain)
            other = plain[4:] if plain.startswith(b"www.") else b"www." + plain
            names.setdefault(other)
    return list(names)[:MAX_HOSTS]


def evaluate(
    site: Site,
    config: Config,
    variables: Mapping[bytes, Value] | None = None,
    watched: frozenset[bytes] = frozenset(),
) -> Evaluated:
    """Evaluate a config of a site; `variables` are globals the application sets before it reads it, `watched` the
    calls whose arguments are wanted (see machine.World).

    Executes nothing; never raises for whatever bytes the file holds."""
    key = (b"php", config.path, site.folder, repr(sorted((variables or {}).items())), site.domains, watched)
    cached = site.rooted.cache.get(key)
    if isinstance(cached, Evaluated):
        return cached
    result = _evaluate(site, config, variables or {}, watched)
    site.rooted.cache[key] = result
    return result


def _evaluate(
    site: Site, config: Config, variables: Mapping[bytes, Value], watched: frozenset[bytes]
) -> Evaluated:
    path = text(config.path)
    if not site.rooted.charge(len(config.content)):
        return Evaluated(path, (), (), exhausted=True)
    source = Source(path, config.path.rpartition(b"/")[0], config.content, not config.whole)
    first = _run(site, source, None, variables, watched)
    if first is None:
        return Evaluated(path, (), (), source.damage, source.cut, True)
    runs = [first]
    if first[0].host_used and (names := hosts(site.domains)):
        each = [_run(site, source, name, variables, watched) for name in names]
        if any(one is None for one in each):
            return Evaluated(path, (), (), source.damage, source.cut, True)
        tried = [one for one in each if one is not None]
        runs = [one for one in tried if one[0].host_hits] or tried
    machines = tuple(machine for machine, _ in runs)
    opened = tuple(dict.fromkeys(name for machine in machines for name in machine.opened))
    return Evaluated(
        path, machines, tuple(value for _, value in runs), source.damage, source.cut, False, opened
    )


def root_of(site: Site) -> Value:
    """The site's own folder as its code sees it."""
    lost = site.rooted.lost_name(site.folder)
    return TreePath(b"/" + site.folder if site.folder else b"") if lost is None else lost


def _run(
    site: Site,
    source: Source,
    host: bytes | None,
    variables: Mapping[bytes, Value],
    watched: frozenset[bytes] = frozenset(),
) -> tuple[Machine, Value] | None:
    lost, here = site.rooted.lost_name(site.folder), root_of(site)
    slash: Value = TreePath(here.below + b"/") if isinstance(here, TreePath) else lost + b"/" if lost else b""
    presumed = {**PRESUMED, b"ABSPATH": _presumed(slash), b"DRUPAL_ROOT": _presumed(here)}
    environment = {name.encode("utf-8", "surrogateescape"): value for name, value in site.environment.items()}
    world = World(site.rooted, site.folder, environment, host, presumed, watched)
    machine = Machine(world, source, site.rooted.limits.steps)
    for name, value in variables.items():
        machine.state.scopes[0][name] = Slot(value, Where(source.path, 0))
    try:
        returned = run_file(machine, source)
        # What a class does with the host shows only once it is made.
        machine.host_used |= bool(machine.classes) and HOST_NAMES.search(source.code) is not None
        return machine, returned
    except Exhausted:
        return None
