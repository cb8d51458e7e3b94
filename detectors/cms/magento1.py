"""Magento 1 states default_setup's connection in app/etc/local.xml.

https://github.com/OpenMage/magento-lts, app/etc/local.xml.template
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing.stated import Stated
from detectors.parsing.xml import text_at

PATHS = ("app/etc/local.xml",)
CONNECTION = "global/resources/default_setup/connection/"
FIELDS = {"host": "host", "database": "dbname", "user": "username", "password": "password"}


def detect(site: Site) -> Iterator[Finding]:
    """One finding per local.xml."""
    config = site.read(PATHS[0])
    if config is None or b"default_setup" not in config.content:
        return
    fields: dict[str, Stated | None] = {
        name: text_at(config, CONNECTION + tag) for name, tag in FIELDS.items()
    }
    fields["prefix"] = text_at(config, "global/resources/db/table_prefix")
    yield claim(site, ("magento1", ""), config.name, fields)


MAGENTO1 = Detector("magento1", PATHS, detect, core=("app/Mage.php", "skin", "lib"))
