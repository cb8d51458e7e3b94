"""Detectors made from taught rules: what a rule says of a file, read as any config is, by the same evaluators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, partial

from detectors.claim import Condition, claim, condition_of
from detectors.detector import Config, Detector, Site
from detectors.finding import Evidence, Finding, Status
from detectors.parsing import dotenv, ini, json, php, yaml
from detectors.parsing.dsn import from_pdo, from_url
from detectors.parsing.php.connects import watched
from detectors.parsing.stated import Stated, exact
from detectors.rule import Place, Rule

TAUGHT = "taught:"
Fields = dict[str, Stated | None]


@cache
def taught(rules: tuple[Rule, ...]) -> tuple[Detector, ...]:
    """One detector for each rule; its findings' system is "taught:" and the rule's name."""
    return tuple(Detector(TAUGHT + one.name, (one.file,), partial(_detect, one)) for one in rules)


def _detect(rule: Rule, site: Site) -> Iterator[Finding]:
    """A finding where the file is there and states what the rule asks of it; else it is another application's."""
    config = site.read(rule.file)
    if config is None:
        return
    places = rule.places()
    fields, condition = _php(site, config, places) if rule.language == "php" else _keys(config, rule, places)
    if any(fields.get(name) is None for name, one in places.items() if one.kind != "text" and name in NEEDED):
        return
    fields = _split(fields)
    note = Evidence(config.name, None, "rule", f"read as the taught rule {rule.name} says")
    yield claim(site, (TAUGHT + rule.name, ""), config.name, fields, condition, extra=(note,))


NEEDED = ("user", "password", "database", "dsn", "url")


def _split(fields: Fields) -> Fields:
    """DSNs and URLs taken apart; a field of its own outweighs them."""
    dsn, url = fields.pop("dsn", None), fields.pop("url", None)
    own = {name: one for name, one in fields.items() if one is not None}
    return {**(from_url(url) if url else {}), **(from_pdo(dsn) if dsn else {}), **own}


def _php(site: Site, config: Config, places: Mapping[str, Place]) -> tuple[Fields, Condition]:
    calls = frozenset(one.name.encode() for one in places.values() if one.kind == "argument")
    values = watched(site, config, calls) if calls else php.evaluate(site, config)
    fields = {name: _PHP[one.kind](values, config, one) for name, one in places.items()}
    return fields, condition_of(values)


def _named(path: Sequence[str]) -> list[bytes | int]:
    return [int(one) if one.isdecimal() and one.isascii() and len(one) < 10 else one.encode() for one in path]


def _text(values: php.Evaluated, config: Config, one: Place) -> Stated:
    return exact(one.name.encode(), config.name, None, "as the rule states it")


_PHP: Mapping[str, Callable[[php.Evaluated, Config, Place], Stated | None]] = {
    "text": _text,
    "variable": lambda values, config, one: values.variable(one.name.encode(), *_named(one.path)),
    "returned": lambda values, config, one: values.returned(*_named(one.path)),
    "constant": lambda values, config, one: values.constant(one.name.encode()),
    "member": lambda values, config, one: values.expression(one.name.encode()),
    "argument": lambda values, config, one: values.argument(one.name.encode(), int(one.path[0])),
}


def _keys(config: Config, rule: Rule, places: Mapping[str, Place]) -> tuple[Fields, Condition]:
    fields: Fields = {}
    for name, one in places.items():
        if one.kind == "text":
            fields[name] = exact(one.name.encode(), config.name, None, "as the rule states it")
        elif rule.language == "env":
            fields[name] = dotenv.parse(config).get(one.name.encode())
        elif rule.language == "ini":
            section, _, key = one.name.rpartition(".")
            fields[name] = ini.parse(config).get((section.encode(), key.encode()))
        else:
            read = yaml.at if rule.language == "yaml" else json.at
            fields[name] = read(config, *one.path)
    return (fields if config.whole else dict.fromkeys(fields, _too_large(config))), Condition()


def _too_large(config: Config) -> Stated:
    return Stated(None, Status.PARTIAL, config.name, None, "", "the file is too large to be read whole")
