"""Which dump belongs to which config: a score with its reasons, from facts alone.

Strongest first: the database's name with the marker tables under the config's prefix; the site's own address in
the dump with its prefix; a panel's account prefix with the same system. Two dumps that fit equally well, and a
name that is another customer's, decide nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from urllib.parse import urlsplit

from detectors.dumps import DumpFacts, Fingerprint


class Strength(IntEnum):
    """How well a dump fits. Only STRONG and CERTAIN ones may decide, and only alone."""

    FLAG = 1
    MEDIUM = 2
    STRONG = 3
    CERTAIN = 4


@dataclass(frozen=True, slots=True)
class Claim:
    """What a config says, and where it stood: `customer` whose tree it is ("" unknown), `domains` it is served
    under, `extensions` the plugins and themes that lie in its folders."""

    customer: str
    system: str
    database: str
    prefix: str
    domains: tuple[str, ...] = ()
    version: str = ""
    extensions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dump:
    """A dump by its name and what it told; `customer` in whose tree it lay ("" in nobody's)."""

    name: str
    facts: DumpFacts
    customer: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """One dump that may be a claim's. `decides`: it is the one, by itself; else `rules` end with why not.
    `shared` counts extensions both have: it orders equals and breaks ties between addresses."""

    dump: str
    database: str
    prefix: str
    strength: Strength
    shared: int
    decides: bool
    rules: tuple[str, ...]


def link(claim: Claim, dumps: Sequence[Dump], owners: Mapping[str, str] | None = None) -> tuple[Link, ...]:
    """The dumps that fit a claim, best first. owners: who owns a database, by its name, where that is known."""
    found = [one for dump in dumps for one in _fits(claim, dump)]
    found.sort(key=lambda one: (-one.strength, -one.shared, one.dump, one.prefix))
    foreign = frozenset(dump.name for dump in dumps if dump.customer not in ("", claim.customer))
    return tuple(_judged(one, _undecided(claim, one, found, owners or {}, foreign)) for one in found)


def _fits(claim: Claim, dump: Dump) -> list[Link]:
    fits: list[Link] = []
    names = set(dump.facts.databases)
    for install in dump.facts.installs:
        strength, rules = _rules(claim, install)
        if strength is not None:
            shared = len(set(claim.extensions) & set(install.extensions))
            if shared:
                rules = (*rules, f"{shared} plugins or themes named in the dump lie in the site's folders")
            fits.append(Link(dump.name, install.database, install.prefix, strength, shared, False, rules))
    if claim.database and claim.database in names and not any(one.database == claim.database for one in fits):
        told = f"the database's name is the config's, but no {claim.system} under the prefix {claim.prefix!r}"
        fits.append(Link(dump.name, claim.database, "", Strength.FLAG, 0, False, (told,)))
    return fits


def _rules(claim: Claim, install: Fingerprint) -> tuple[Strength | None, tuple[str, ...]]:
    if _kin(claim.system) != _kin(install.system):
        return None, ()
    prefixed = install.prefix == claim.prefix or not _states_prefix(claim)
    if install.database and install.database == claim.database:
        if prefixed:
            return Strength.CERTAIN, ("the database's name is the config's and its prefix has the tables",)
        told = f"the database's name is the config's, but its tables begin with {install.prefix!r}"
        return Strength.FLAG, (told,)
    if not prefixed:
        return None, ()
    host = _host(install.site)
    own = {_bare(domain) for domain in claim.domains}
    if host and (host in own or any(_host(site) in own for site in install.sites)):
        return Strength.STRONG, (
            "the address in the dump is the site's domain and the prefix is the config's",
        )
    account = claim.database.partition("_")[0]
    if install.database and account and "_" in claim.database:
        same = install.database.partition("_")[0] == account and "_" in install.database
        if same and _versions_agree(claim.version, install.version):
            told = f"the database's name begins with {account}_ like the config's, and the system is the same"
            return Strength.MEDIUM, (told,)
    return None, ()


def _kin(system: str) -> str:
    """Bedrock is WordPress in other folders."""
    return "wordpress" if system == "bedrock" else system


FIXED_PREFIX = frozenset(("whmcs", "xenforo", "glpi", "mantisbt", "contao"))


def _states_prefix(claim: Claim) -> bool:
    return claim.system not in FIXED_PREFIX or bool(claim.prefix)


def _versions_agree(one: str, other: str) -> bool:
    return not one or not other or one.split(".")[:2] == other.split(".")[:2]


def _bare(name: str) -> str:
    return name.lower().rstrip(".").removeprefix("www.")


def _host(address: str) -> str:
    try:
        host = urlsplit(address if "//" in address else f"//{address}").hostname
    except ValueError:
        return ""
    return _bare(host or "")


def _judged(one: Link, why: str) -> Link:
    told = (f"decides nothing: {why}",) if why else ()
    return replace(one, decides=not why, rules=(*one.rules, *told))


def _undecided(
    claim: Claim, one: Link, found: Sequence[Link], owners: Mapping[str, str], foreign: frozenset[str]
) -> str:
    """Why a link does not decide, "" where it does."""
    if any(owners.get(name, "") not in ("", claim.customer) for name in (one.database, claim.database)):
        return "the database is another customer's"
    if one.dump in foreign:
        return "the dump lay in another customer's tree"
    if one.strength < Strength.STRONG:
        return "too weak by itself"
    if any(other.strength > one.strength for other in found):
        return "another dump fits better"
    rivals = [other for other in found if other.strength == one.strength and not _same_database(one, other)]
    settled = one.strength is Strength.STRONG and all(other.shared < one.shared for other in rivals)
    return "another dump fits as well" if rivals and not settled else ""


def _same_database(one: Link, other: Link) -> bool:
    """Two nights' dumps of one database are no rivals; the newest is for others to choose."""
    if one is other:
        return True
    return bool(one.database) and (one.database, one.prefix) == (other.database, other.prefix)
