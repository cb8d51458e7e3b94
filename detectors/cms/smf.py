"""Simple Machines Forum states $db_server and its like in Settings.php.

https://wiki.simplemachines.org/smf/Settings.php
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "smf",
    ("Settings.php",),
    rb"\$db_passwd\b",
    {
        "driver": "var db_type",
        "host": "var db_server",
        "port": "var db_port",
        "database": "var db_name",
        "user": "var db_user",
        "password": "var db_passwd",
        "prefix": "var db_prefix",
    },
)

SMF = CONFIG.detector("Sources", "SSI.php")
