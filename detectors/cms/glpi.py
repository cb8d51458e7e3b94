"""GLPI declares its login as properties of class DB in config/config_db.php; the password is kept URL-encoded.

https://glpi-install.readthedocs.io/ and install/install.php, which writes rawurlencode($password) since 0.80
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import unquote_to_bytes

from detectors.claim import claim, condition_of
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing import php
from detectors.parsing.stated import Stated

PATHS = ("config/config_db.php",)
FIELDS = {"host": b"dbhost", "database": b"dbdefault", "user": b"dbuser", "password": b"dbpassword"}
ENCODED = re.compile(rb"(?:[A-Za-z0-9_.~-]|%[0-9A-F]{2})*")


def detect(site: Site) -> Iterator[Finding]:
    """One finding per config_db.php."""
    config = site.read(PATHS[0])
    if config is None or b"dbdefault" not in config.content:
        return
    values = php.evaluate(site, config)
    fields: dict[str, Stated | None] = {name: values.member(b"db", prop) for name, prop in FIELDS.items()}
    password = fields["password"]
    if password is not None and password.value is not None and ENCODED.fullmatch(password.value):
        fields["password"] = replace(password, value=unquote_to_bytes(password.value))
    yield claim(site, ("glpi", ""), config.name, fields, condition_of(values))


GLPI = Detector("glpi", PATHS, detect, core=("front", "inc", "src"))
