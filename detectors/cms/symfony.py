"""Symfony 2 and 3 state parameters in app/config/parameters.yml (later versions: .env).

https://symfony.com/doc/3.4/doctrine.html
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing import yaml
from detectors.parsing.stated import Stated

PATHS = ("app/config/parameters.yml", "config/parameters.yml")


def detect(site: Site) -> Iterator[Finding]:
    """One finding per parameters.yml that names a database."""
    config = site.first(*PATHS)
    if config is None or b"database_" not in config.content:
        return
    names = ("driver", "host", "port", "user", "password")
    fields: dict[str, Stated | None] = {
        name: yaml.at(config, "parameters", f"database_{name}") for name in names
    }
    fields["database"] = yaml.at(config, "parameters", "database_name")
    yield claim(site, ("symfony", ""), config.name, fields)


SYMFONY = Detector("symfony", PATHS, detect)
