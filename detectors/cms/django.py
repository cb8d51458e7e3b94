"""Django states DATABASES["default"] in a settings module.

https://docs.djangoproject.com/en/stable/ref/settings/#databases
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing.python import Settings
from detectors.parsing.stated import Stated

PATHS = ("settings.py", "settings_local.py", "local_settings.py", "production.py")
FIELDS = {
    "driver": "ENGINE",
    "host": "HOST",
    "port": "PORT",
    "database": "NAME",
    "user": "USER",
    "password": "PASSWORD",
}


def detect(site: Site) -> Iterator[Finding]:
    """One finding per settings module that states DATABASES."""
    for path in PATHS:
        config = site.read(path)
        if config is None or b"DATABASES" not in config.content:
            continue
        settings = Settings(config)
        fields: dict[str, Stated | None] = {
            name: settings.at("DATABASES", "default", key) for name, key in FIELDS.items()
        }
        host = fields["host"]
        if host is not None and host.value is not None and host.value.startswith(b"/"):
            fields |= {"host": None, "socket": host}
        if any(one is not None for one in fields.values()):
            yield claim(site, ("django", ""), config.name, fields)


DJANGO = Detector("django", PATHS, detect)
