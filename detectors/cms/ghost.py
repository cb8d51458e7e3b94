"""Ghost states database.connection in config.production.json.

https://ghost.org/docs/config/#database
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing import json
from detectors.parsing.stated import Stated

PATHS = ("config.production.json",)
FIELDS = ("host", "port", "user", "password", "database")


def detect(site: Site) -> Iterator[Finding]:
    """One finding per config.production.json."""
    config = site.read(PATHS[0])
    if config is None or b'"database"' not in config.content:
        return
    base = ("database", "connection")
    fields: dict[str, Stated | None] = {name: json.at(config, *base, name) for name in FIELDS}
    fields["socket"] = json.at(config, *base, "socketPath")
    fields["driver"] = json.at(config, "database", "client")
    yield claim(site, ("ghost", ""), config.name, fields)


GHOST = Detector("ghost", PATHS, detect)
