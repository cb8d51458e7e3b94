"""Serendipity states $serendipity['dbName'] and its like in serendipity_config_local.inc.php.

https://docs.s9y.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "serendipity",
    ("serendipity_config_local.inc.php",),
    rb"\$serendipity\b",
    {
        "driver": "var serendipity/dbType",
        "host": "var serendipity/dbHost",
        "database": "var serendipity/dbName",
        "user": "var serendipity/dbUser",
        "password": "var serendipity/dbPass",
        "prefix": "var serendipity/dbPrefix",
    },
)

SERENDIPITY = CONFIG.detector("serendipity_config.inc.php", "include")
