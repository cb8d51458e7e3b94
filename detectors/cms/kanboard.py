"""Kanboard states DB_DRIVER and its like in config.php (data/config.php in containers).

https://docs.kanboard.org/v1/admin/mysql/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "kanboard",
    ("config.php", "data/config.php"),
    rb"['\\x22]DB_DRIVER['\\x22][\s\S]*['\\x22]DB_NAME['\\x22]",
    {
        "driver": "const DB_DRIVER",
        "host": "const DB_HOSTNAME",
        "port": "const DB_PORT",
        "database": "const DB_NAME",
        "user": "const DB_USERNAME",
        "password": "const DB_PASSWORD",
    },
    never=rb"['\\x22]DB_DATABASE['\\x22]",
)

KANBOARD = CONFIG.detector("app", "jsonrpc.php")
