"""MODX states $database_server and its like in core/config/config.inc.php (Evolution: manager/includes).

https://docs.modx.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "modx",
    (
        "core/config/config.inc.php",
        "manager/includes/config.inc.php",
    ),
    rb"\$dbase\b",
    {
        "driver": "var database_type",
        "host": "var database_server",
        "database": "var dbase",
        "user": "var database_user",
        "password": "var database_password",
        "prefix": "var table_prefix",
    },
    backticks=True,
)

MODX = CONFIG.detector("manager", "connectors", "core", "assets")
