"""WHMCS states $db_host and its like in configuration.php.

https://docs.whmcs.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "whmcs",
    ("configuration.php",),
    rb"\$cc_encryption_hash\b",
    {
        "host": "var db_host",
        "port": "var db_port",
        "database": "var db_name",
        "user": "var db_username",
        "password": "var db_password",
    },
)

WHMCS = CONFIG.detector("clientarea.php", "includes")
