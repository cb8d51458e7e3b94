"""Cacti states $database_default and its like in include/config.php.

https://docs.cacti.net/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "cacti",
    ("include/config.php",),
    rb"\$database_default\b",
    {
        "driver": "var database_type",
        "host": "var database_hostname",
        "port": "var database_port",
        "database": "var database_default",
        "user": "var database_username",
        "password": "var database_password",
    },
)

CACTI = CONFIG.detector("graph.php", "poller.php", "lib")
