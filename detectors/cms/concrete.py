"""Concrete returns connections from application/config/database.php; before 5.7, config/site.php states them.

https://documentation.concretecms.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "concrete",
    (
        "application/config/database.php",
        "config/site.php",
    ),
    rb"'default-connection'|['\\x22]DB_SERVER['\\x22]",
    {
        "host": "return connections/concrete/server | return connections/concrete/host | const DB_SERVER",
        "database": "return connections/concrete/database | const DB_DATABASE",
        "user": "return connections/concrete/username | const DB_USERNAME",
        "password": "return connections/concrete/password | const DB_PASSWORD",
    },
)

CONCRETE = CONFIG.detector("concrete")
