"""Tiny Tiny RSS states DB_HOST and its like in config.php (before 2021).

https://tt-rss.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "ttrss",
    ("config.php",),
    rb"['\\x22]SELF_URL_PATH['\\x22]",
    {
        "driver": "const DB_TYPE",
        "host": "const DB_HOST",
        "port": "const DB_PORT",
        "database": "const DB_NAME",
        "user": "const DB_USER",
        "password": "const DB_PASS",
    },
)

TTRSS = CONFIG.detector("backend.php", "classes")
