"""Matomo (Piwik) states its login in the section [database] of config/config.ini.php.

https://matomo.org/faq/how-to-install/faq_16103/
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding, Status, text
from detectors.parsing import ini
from detectors.parsing.stated import Stated

PATHS = ("config/config.ini.php",)
FIELDS = {
    "driver": b"adapter",
    "host": b"host",
    "port": b"port",
    "socket": b"unix_socket",
    "database": b"dbname",
    "user": b"username",
    "password": b"password",
    "prefix": b"tables_prefix",
}


def detect(site: Site) -> Iterator[Finding]:
    """One finding per config.ini.php."""
    config = site.read(PATHS[0])
    if config is None or b"[database]" not in config.content:
        return
    stated = ini.parse(config)
    fields: dict[str, Stated | None] = {name: stated.get((b"database", key)) for name, key in FIELDS.items()}
    names = site.names(b"config")
    rivals = [one for one in names if one.endswith(b".config.ini.php") and not one.startswith(b"common.")]
    if rivals:
        reason = f"config/{text(rivals[0])} is read in its place for a domain"
        why = Stated(None, Status.AMBIGUOUS, config.name, None, "", reason)
        fields |= dict.fromkeys(("database", "user", "password"), why)
    yield claim(site, ("matomo", ""), config.name, fields)


MATOMO = Detector("matomo", PATHS, detect, core=("core", "matomo.php", "piwik.php"))
