"""SPIP states its login as arguments of spip_connect_db() in config/connect.php.

https://www.spip.net/, ecrire/base/connect_sql.php: host, port, user, password, database, type, prefix
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim, condition_of
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing import php
from detectors.parsing.stated import Stated

PATHS = ("config/connect.php",)
ARGUMENTS = ("host", "port", "user", "password", "database", "driver", "prefix")


def detect(site: Site) -> Iterator[Finding]:
    """One finding per connect.php."""
    config = site.read(PATHS[0])
    if config is None or b"spip_connect_db" not in config.content:
        return
    values = php.evaluate(site, config)
    fields: dict[str, Stated | None] = {
        name: values.argument(b"spip_connect_db", number) for number, name in enumerate(ARGUMENTS)
    }
    yield claim(site, ("spip", ""), config.name, fields, condition_of(values))


SPIP = Detector("spip", PATHS, detect, core=("ecrire", "spip.php"))
