"""Flarum returns database/host and its like from config.php.

https://docs.flarum.org/config/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "flarum",
    ("config.php",),
    rb"'database'\s*=>\s*(?:array\s*\(|\[)",
    {
        "driver": "return database/driver",
        "host": "return database/host",
        "port": "return database/port",
        "socket": "return database/unix_socket",
        "database": "return database/database",
        "user": "return database/username",
        "password": "return database/password",
        "prefix": "return database/prefix",
    },
)

FLARUM = CONFIG.detector("flarum", "public", "site.php")
