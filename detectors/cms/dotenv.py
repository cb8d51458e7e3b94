"""Applications that keep their login in .env: Laravel, Symfony, Bedrock, Craft, CodeIgniter 4 and Node.

Which of them it is, is told by the files beside it; that also says which further files outweigh .env. Symfony reads
.env.local, .env.ENV and .env.ENV.local after it, or .env.local.php in place of all; Laravel, Craft and CodeIgniter read
.env alone; where it depends on a release or on how the process was started, files that differ are a question.
https://laravel.com/docs/configuration, https://symfony.com/doc/current/configuration.html#overriding-environment-values-via-env-local,
https://roots.io/bedrock/docs/, https://craftcms.com/docs/5.x/reference/config/db.html,
https://codeigniter.com/user_guide/database/configuration.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from detectors.claim import claim
from detectors.cms.laravel import laravel, plain
from detectors.detector import Config, Detector, Site
from detectors.finding import Finding, Status, text
from detectors.parsing import dotenv, php
from detectors.parsing.dsn import from_pdo, from_url
from detectors.parsing.stated import Stated

PATHS = (".env", ".env.local", ".env.local.php")
KINDS = (
    ("bedrock", ("config/application.php", "web/wp-config.php", "web/wp")),
    ("craft", ("craft", "config/craft", "cpresources")),
    ("laravel", ("artisan",)),
    ("codeigniter4", ("spark",)),
    ("symfony", ("bin/console", "symfony.lock", "config/bundles.php", "app/console")),
    ("node", ("package.json",)),
)
ALONE = frozenset({"laravel", "craft", "codeigniter4"})
OTHERS = (".env.local", ".env.production", ".env.production.local", ".env.prod", ".env.prod.local")
NAMES = {
    "driver": ("DB_CONNECTION", "DB_DRIVER", "CRAFT_DB_DRIVER", "database.default.DBDriver", "DB_DIALECT"),
    "host": ("DB_HOST", "DB_SERVER", "CRAFT_DB_SERVER", "database.default.hostname", "MYSQL_HOST"),
    "port": ("DB_PORT", "CRAFT_DB_PORT", "database.default.port", "MYSQL_PORT"),
    "socket": ("DB_SOCKET", "CRAFT_DB_UNIX_SOCKET"),
    "database": (
        "DB_DATABASE",
        "DB_NAME",
        "CRAFT_DB_DATABASE",
        "database.default.database",
        "MYSQL_DATABASE",
    ),
    "user": ("DB_USERNAME", "DB_USER", "CRAFT_DB_USER", "database.default.username", "MYSQL_USER"),
    "password": (
        "DB_PASSWORD",
        "DB_PASS",
        "CRAFT_DB_PASSWORD",
        "database.default.password",
        "MYSQL_PASSWORD",
    ),
    "prefix": ("DB_PREFIX", "DB_TABLE_PREFIX", "CRAFT_DB_TABLE_PREFIX", "database.default.DBPrefix"),
}
URLS = (b"DATABASE_URL", b"DB_URL", b"CRAFT_DB_URL", b"CLEARDB_DATABASE_URL")
SECRETS = ("database", "user", "password")
Environment = dict[bytes, Stated]
Fields = dict[str, Stated | None]


def _fields(stated: Mapping[bytes, Stated]) -> Fields:
    fields: Fields = {
        field: next((stated[name.encode()] for name in names if name.encode() in stated), None)
        for field, names in NAMES.items()
    }
    dsn = stated.get(b"CRAFT_DB_DSN") or stated.get(b"DB_DSN")
    if dsn is not None and dsn.value != b"":
        fields = {**fields, **from_pdo(dsn)}
    url = next((stated[name] for name in URLS if name in stated and stated[name].value != b""), None)
    if url is None:
        return fields
    if fields["database"] is not None and fields["user"] is not None:
        both = Stated(
            None, Status.AMBIGUOUS, url.path, url.line, "", "both a database URL and single fields are stated"
        )
        return {**fields, "database": both}
    return {**from_url(url), "prefix": fields["prefix"]}


def detect(site: Site) -> Iterator[Finding]:
    """One finding for a .env that states a database login."""
    kind = next((kind for kind, marks in KINDS if site.has(*marks)), "dotenv")
    stated, configs = _read(site, kind)
    if not configs:
        return
    if kind == "laravel" and (found := laravel(site, configs[0], stated)) is not None:
        yield found
        return
    if kind == "laravel":
        stated = {
            name: one if one.value is None else replace(one, value=plain(one.value))
            for name, one in stated.items()
        }
    fields = _fields(stated)
    if any(fields.get(field) is not None for field in SECRETS):
        fields = _doubted(site, kind, fields)
        first = next((one for one in map(fields.get, SECRETS) if one is not None), None)
        yield claim(site, (_system(site, kind), ""), configs[0].name if first is None else first.path, fields)


def _read(site: Site, kind: str) -> tuple[Environment, list[Config]]:
    """What the application's environment files state together, and the files that count."""
    if kind == "symfony":
        return _symfony(site)
    config = site.read(".env") or (site.read(".env.local") if kind not in ALONE else None)
    if config is None:
        return {}, []
    stated = dotenv.parse(config)
    for path in () if kind in ALONE else OTHERS:
        other = site.read(path)
        if other is None or other.path == config.path:
            continue
        theirs = dotenv.parse(other)
        for name, one in theirs.items():
            known = stated.get(name)
            if known is None or known.value != one.value:
                reason = f"{other.name} states another value, if it is read"
                stated[name] = replace(one, value=None, status=Status.AMBIGUOUS, reason=reason)
    return stated, [config]


def _symfony(site: Site) -> tuple[Environment, list[Config]]:
    dumped = site.read(".env.local.php")
    if dumped is not None:
        return _dumped(site, dumped), [dumped]
    stated: Environment = {}
    configs: list[Config] = []
    for path in (".env", ".env.local", ".env.{}", ".env.{}.local"):
        env = stated.get(b"APP_ENV")
        name = "dev" if env is None or env.value is None else text(env.value)
        config = site.read(path.format(name)) if re.fullmatch(r"\w+", name) else None
        if config is not None:
            stated |= dotenv.parse(config)
            configs.append(config)
    return stated, configs


def _dumped(site: Site, config: Config) -> Environment:
    """`composer dump-env` writes one PHP file that returns all values."""
    values = php.evaluate(site, config)
    names = [name.encode() for names in NAMES.values() for name in names] + list(URLS)
    found = {name: values.returned(name) for name in names}
    return {name: one for name, one in found.items() if one is not None}


def _doubted(site: Site, kind: str, fields: Fields) -> Fields:
    """Where the application's own config does not take its login from the environment, .env may be a leftover."""
    for path, asks, takes in TAKEN.get(kind, ()):
        config = site.read(path)
        if config is not None and re.search(asks, config.content) and not re.search(takes, config.content):
            reason = f"{config.name} does not take the login from the environment"
            why = Stated(None, Status.AMBIGUOUS, config.name, None, "", reason)
            return {**fields, **dict.fromkeys(SECRETS, why)}
    return fields


TAKEN = {
    "symfony": (
        ("config/packages/doctrine.yaml", rb"(?m)^\s*dbal:", rb"env\([^)]*DATABASE_URL\)|env\(\w*:?DB_"),
    ),
    "bedrock": (
        ("config/application.php", rb"['\"]DB_PASSWORD['\"]", rb"env\(\s*['\"](?:DB_PASSWORD|DATABASE_URL)"),
    ),
    "craft": (("config/db.php", rb"['\"](?:password|dsn|url)['\"]\s*=>", rb"env\(\s*['\"](?:CRAFT_)?DB_"),),
}


def _system(site: Site, kind: str) -> str:
    if kind == "symfony" and site.has("config/packages/shopware.yaml", "install.lock"):
        return "shopware"
    return (
        "contao"
        if kind == "symfony" and site.has("contao", "contao-manager", "system/initialize.php")
        else kind
    )


DOTENV = Detector("dotenv", PATHS, detect)
