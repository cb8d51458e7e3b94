"""Drupal 7 and later state $databases, Drupal 6 and earlier $db_url, in sites/*/settings.php; Backdrop $database.

https://www.drupal.org/docs/8/api/database-api/database-configuration, default.settings.php of 6, 7 and 10, and
https://docs.backdropcms.org/documentation/database-configuration
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from detectors.claim import claim, condition_of
from detectors.detector import Config, Detector, Site
from detectors.finding import Evidence, Finding, Status, Unclear, text
from detectors.parsing import php
from detectors.parsing.dsn import from_url
from detectors.parsing.php.values import TreePath
from detectors.parsing.stated import Stated

PATHS = ("sites/*/settings.php",)
FIELDS = {
    "driver": b"driver",
    "host": b"host",
    "port": b"port",
    "socket": b"unix_socket",
    "database": b"database",
    "user": b"username",
    "password": b"password",
}
VERSIONS = (
    ("core/lib/Drupal.php", rb"const VERSION = '([\w.-]{1,20})'"),
    ("includes/bootstrap.inc", rb"define\('VERSION', '([\w.-]{1,20})'\)"),
    ("modules/system/system.module", rb"define\('VERSION', '([\w.-]{1,20})'\)"),
    ("core/includes/bootstrap.inc", rb"define\('BACKDROP_VERSION', '([\w.-]{1,20})'\)"),
)


def _version(site: Site) -> str:
    for path, pattern in VERSIONS:
        config = site.read(path)
        found = None if config is None else re.search(pattern, config.content)
        if found:
            return text(found.group(1))
    return ""


def _domains(site: Site, name: bytes) -> tuple[str, ...]:
    """The domains served from sites/<name>: by its own name, and by sites.php."""
    if name == b"default":
        return site.domains
    mapped: list[str] = []
    config = site.read("sites/sites.php")
    if config is not None:
        values = php.evaluate(site, config)
        for key in values.keys(b"sites"):
            stated = values.variable(b"sites", key)
            if stated is not None and stated.value == name and isinstance(key, bytes):
                mapped.append(text(key))
    return tuple(mapped) or ((text(name),) if b"." in name else site.domains)


def _prefix(values: php.Evaluated) -> Stated | None:
    base = (b"databases", b"default", b"default", b"prefix")
    return (
        values.variable(*base, b"default")
        or values.variable(*base)
        or values.variable(b"db_prefix", b"default")
    )


def _fields(values: php.Evaluated) -> dict[str, Stated | None]:
    base = (b"databases", b"default", b"default")
    if values.variable(*base, b"database") is None and values.variable(*base, 0, b"database") is not None:
        base = (*base, 0)  # type: ignore[assignment]
    fields = {name: values.variable(*base, key) for name, key in FIELDS.items()}
    if any(fields[name] is not None for name in ("database", "user", "password")):
        return fields | {"prefix": _prefix(values)}
    url = values.variable(b"db_url", b"default") or values.variable(b"db_url")
    if url is not None:
        prefix = values.variable(b"db_prefix", b"default") or values.variable(b"db_prefix")
        return from_url(url) | {"prefix": prefix}
    return fields


def _one(site: Site, name: bytes, config: Config, version: str) -> Finding:
    here = replace(site, domains=_domains(site, name))
    lost = site.rooted.lost_name(site.folder)
    root = TreePath(b"/" + site.folder if site.folder else b"") if lost is None else lost
    values = php.evaluate(here, config, {b"app_root": root, b"site_path": b"sites/" + name})
    condition = condition_of(values)
    fields = _fields(values)
    if all(one is None for one in fields.values()) and not condition.lines() and condition.opaque is None:
        reason = "its settings.php states no database: it was never set up"
        return Unclear("drupal", site.path, reason, (Evidence(config.name, None),), Status.NONE, version)
    return claim(site, ("drupal", version), config.name, fields, condition)


def detect(site: Site) -> Iterator[Finding]:
    """One finding per folder of sites/ with a settings.php."""
    version: str | None = None
    for name in site.names(b"sites"):
        config = site.read(b"sites/" + name + b"/settings.php")
        if config is None or not re.search(rb"\$(databases|db_url)\b", config.content):
            continue
        version = _version(site) if version is None else version
        yield _one(site, name, config, version)


def detect_backdrop(site: Site) -> Iterator[Finding]:
    """Backdrop: settings.php beside index.php, and in sites/*."""
    paths = [b"settings.php", *(b"sites/" + name + b"/settings.php" for name in site.names(b"sites"))]
    for path in paths:
        config = site.read(path)
        if config is None or not re.search(rb"\$database\s*=[^=>]|\$database_prefix", config.content):
            continue
        if re.search(rb"\$db_url\b", config.content):
            continue
        values = php.evaluate(site, config)
        url = values.variable(b"database")
        fields: dict[str, Stated | None] = {} if url is None else dict(from_url(url))
        if not fields:
            continue
        fields["prefix"] = values.variable(b"database_prefix")
        condition = condition_of(values)
        yield claim(site, ("backdrop", _version(site)), config.name, fields, condition)


DRUPAL = Detector("drupal", PATHS, detect, core=("includes", "core", "modules", "index.php"))
BACKDROP = Detector(
    "backdrop", ("settings.php",), detect_backdrop, anchors=("sites",), core=("core", "index.php")
)
