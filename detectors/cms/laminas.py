"""Laminas and Zend Framework 2 return db from config/autoload/local.php, which outweighs global.php.

https://docs.laminas.dev/laminas-db/adapter/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "laminas",
    ("config/autoload/local.php", "config/autoload/global.php"),
    rb"['\x22]db['\x22]\s*=>",
    {
        "pdo": "return db/dsn",
        "host": "return db/hostname | return db/host",
        "port": "return db/port",
        "database": "return db/database | return db/dbname",
        "user": "return db/username",
        "password": "return db/password",
    },
)

LAMINAS = CONFIG.detector("module", "vendor", "public")
