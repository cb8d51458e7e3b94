"""Django states DATABASES["default"] in a settings module.

https://docs.djangoproject.com/en/stable/ref/settings/#databases
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding, Status
from detectors.parsing.dsn import from_url
from detectors.parsing.python import Settings
from detectors.parsing.stated import Stated

PATHS = ("settings.py", "settings_local.py", "local_settings.py", "production.py")
CALL = re.compile(r"(?:dj_database_url\.|env\.)?(parse|config|db|db_url)")
FIELDS = {
    "driver": "ENGINE",
    "host": "HOST",
    "port": "PORT",
    "database": "NAME",
    "user": "USER",
    "password": "PASSWORD",
}


def _url(settings: Settings) -> Stated | None:
    """The default of dj_database_url.config() and env.db(), or what dj_database_url.parse() is given."""
    node = settings.node("DATABASES", "default")
    if not isinstance(node, ast.Call) or not (kind := CALL.fullmatch(ast.unparse(node.func))):
        return None
    default = next((one.value for one in node.keywords if one.arg == "default"), None)
    parsed = node.args[0] if kind.group(1) == "parse" and node.args else None
    chosen = parsed or default
    stated = None if chosen is None else settings.text("DATABASES", chosen)
    if stated is None or stated.value is None:
        return None
    return (
        stated
        if parsed
        else replace(stated, status=Status.FALLBACK, how="default of an environment variable")
    )


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
        url = _url(settings)
        fields = fields if url is None else from_url(url)
        if any(one is not None for one in fields.values()):
            yield claim(site, ("django", ""), config.name, fields)


DJANGO = Detector("django", PATHS, detect)
