"""Zen Cart states DB_SERVER and its like in includes/configure.php, and again below admin.

https://docs.zen-cart.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "zencart",
    ("includes/local/configure.php", "includes/configure.php"),
    rb"['\\x22]DB_(?:PREFIX|TYPE)['\\x22]",
    {
        "driver": "const DB_TYPE",
        "host": "const DB_SERVER",
        "database": "const DB_DATABASE",
        "user": "const DB_SERVER_USERNAME",
        "password": "const DB_SERVER_PASSWORD",
        "prefix": "const DB_PREFIX",
    },
    never=rb"['\\x22]DIR_FS_ADMIN['\\x22]",
)

ZENCART = CONFIG.detector("includes", "checkout_shipping.php")
