"""Open Journal Systems states its login in the section [database] of config.inc.php, which is an INI file.

https://docs.pkp.sfu.ca/admin-guide/en/
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing import ini
from detectors.parsing.stated import Stated

PATHS = ("config.inc.php",)
FIELDS = {
    "driver": b"driver",
    "host": b"host",
    "port": b"port",
    "socket": b"unix_socket",
    "database": b"name",
    "user": b"username",
    "password": b"password",
}


def detect(site: Site) -> Iterator[Finding]:
    """One finding per config.inc.php that is an INI file with a database."""
    config = site.read(PATHS[0])
    if config is None or b"[database]" not in config.content or b"base_url" not in config.content:
        return
    stated = ini.parse(config)
    fields: dict[str, Stated | None] = {name: stated.get((b"database", key)) for name, key in FIELDS.items()}
    yield claim(site, ("ojs", ""), config.name, fields)


OJS = Detector("ojs", PATHS, detect, core=("plugins", "pages", "dbscripts"))
