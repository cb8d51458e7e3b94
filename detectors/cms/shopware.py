"""Shopware 4 and 5 return db/username and its like from config.php (Shopware 6 keeps DATABASE_URL in .env).

https://developers.shopware.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "shopware",
    ("config.php",),
    rb"'db'\s*=>\s*(?:array\s*\(|\[)",
    {
        "host": "return db/host",
        "port": "return db/port",
        "socket": "return db/unix_socket",
        "database": "return db/dbname",
        "user": "return db/username",
        "password": "return db/password",
    },
)

SHOPWARE = CONFIG.detector("shopware.php", "engine")
