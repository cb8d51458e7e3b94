"""Laravel takes its login from config/database.php, which as a rule asks .env for it; a cached config outweighs both.

https://laravel.com/docs/configuration, https://laravel.com/docs/4.2/configuration
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from detectors.claim import claim, condition_of
from detectors.detector import Config, Detector, Site
from detectors.finding import Finding, Status, text
from detectors.parsing import php
from detectors.parsing.dsn import from_url
from detectors.parsing.stated import Stated

CACHED = "bootstrap/cache/config.php"
CONFIG = "config/database.php"
OLD = "app/config/database.php"
FIELDS = {
    "driver": b"driver",
    "host": b"host",
    "port": b"port",
    "socket": b"unix_socket",
    "database": b"database",
    "user": b"username",
    "password": b"password",
    "prefix": b"prefix",
}
# What env() makes of words: https://github.com/laravel/framework/blob/11.x/src/Illuminate/Support/Env.php
WORDS = {b"null": b"", b"empty": b"", b"false": b"", b"true": b"1"}
ASKED = re.compile(rb"['\"](\w+)['\"]\s*=>\s*env\(\s*['\"](\w+)['\"]")
SECRETS = ("database", "user", "password")
Fields = dict[str, Stated | None]


def laravel(site: Site, environment: Config, stated: Mapping[bytes, Stated]) -> Finding | None:
    """What a Laravel with a .env uses, told by its own config; None where that is not there or says nothing."""
    cached = site.read(CACHED)
    if cached is not None:
        return _read(site, cached, (b"database",))
    config = site.read(CONFIG)
    if config is None or b"connections" not in config.content:
        return None
    known = {text(name): plain(one.value) for name, one in stated.items() if one.value is not None}
    found = _fields(replace(site, environment={**known, **site.environment}), config, ())
    if found is None:
        return None
    fields, values = found
    if all(fields.get(name) is None for name in ("database", "user", "password")):
        return None
    _place(fields, config, stated)
    return claim(
        site, ("laravel", ""), _source(config, environment, stated, fields), fields, condition_of(values)
    )


def _place(fields: Fields, config: Config, stated: Mapping[bytes, Stated]) -> None:
    """Say of each field that rests on a default whether it does: the evaluator knows that of a whole array only."""
    # Where .env states a name that cannot be read, a default of the config says nothing.
    unread = next((one for one in stated.values() if one.value is None), None)
    asked = _asked(config)
    for name, one in fields.items():
        if one is None or one.status is not Status.FALLBACK:
            continue
        there = next((stated[each] for each in asked.get(name, ()) if each in stated), None)
        if there is not None and there.value is not None and plain(there.value) == one.value:
            fields[name] = replace(there, value=one.value, how=f"asked for in {config.name}")
        elif name not in SECRETS:
            # As a host that is not stated is localhost: .env does not name it.
            fields[name] = replace(one, status=Status.EXACT)
        elif unread is not None:
            fields[name] = replace(unread, reason=f"{unread.reason} ({unread.path}:{unread.line})")


def _asked(config: Config) -> Mapping[str, Sequence[bytes]]:
    """The names of .env that the config asks for, by field."""
    found: dict[str, list[bytes]] = {}
    for key, name in ASKED.findall(config.content):
        for field in (field for field, each in FIELDS.items() if each == key):
            found.setdefault(field, []).append(name)
    return found


def plain(value: bytes) -> bytes:
    """A value of .env as env() hands it on."""
    word = value.lower().removeprefix(b"(").removesuffix(b")")
    return WORDS.get(word, value) if value.lower() in (word, b"(" + word + b")") else value


def _source(config: Config, environment: Config, stated: Mapping[bytes, Stated], fields: Fields) -> str:
    """The file that a person would open: .env where the password stands there."""
    password = fields.get("password")
    values = {one.value for one in stated.values()}
    return environment.name if password is None or password.value in values else config.name


def _fields(site: Site, config: Config, base: tuple[bytes, ...]) -> tuple[Fields, php.Evaluated] | None:
    values = php.evaluate(site, config)
    chosen = values.returned(*base, b"default")
    if chosen is None:
        return None
    if chosen.value is None:
        return dict.fromkeys(("database", "user", "password"), chosen), values
    where = (*base, b"connections", chosen.value)
    fields: Fields = {name: values.returned(*where, key) for name, key in FIELDS.items()}
    if chosen.status is Status.FALLBACK and fields["driver"] is not None:
        fields["driver"] = replace(fields["driver"], status=Status.FALLBACK)
    url = values.returned(*where, b"url")
    if url is not None and (url.value or url.status is Status.AMBIGUOUS):
        fields |= from_url(url)
    return fields, values


def _read(site: Site, config: Config, base: tuple[bytes, ...]) -> Finding | None:
    found = _fields(site, config, base)
    if found is None:
        return None
    fields, values = found
    return claim(site, ("laravel", ""), config.name, fields, condition_of(values))


def detect(site: Site) -> Iterator[Finding]:
    """Laravel 3 and 4, which have no .env: application or app/config/database.php."""
    config = site.read(OLD) or site.read("application/config/database.php")
    if config is None or b"'connections'" not in config.content or site.has(".env", "concrete"):
        return
    found = _read(site, config, ())
    if found is not None:
        yield found


LARAVEL = Detector("laravel", (OLD, "application/config/database.php"), detect, core=("artisan",))
