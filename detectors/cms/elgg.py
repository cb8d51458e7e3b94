"""Elgg states $CONFIG->dbuser and its like in elgg-config/settings.php (before 2: engine/settings.php).

https://learn.elgg.org/en/stable/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "elgg",
    ("elgg-config/settings.php", "engine/settings.php"),
    rb"\$CONFIG->dbname\b",
    {
        "host": "var CONFIG/dbhost",
        "port": "var CONFIG/dbport",
        "database": "var CONFIG/dbname",
        "user": "var CONFIG/dbuser",
        "password": "var CONFIG/dbpass",
        "prefix": "var CONFIG/dbprefix",
    },
)

ELGG = CONFIG.detector("engine", "mod")
