"""osCommerce states DB_SERVER and its like in includes/configure.php, without Zen Cart's DB_PREFIX and DB_TYPE.

https://www.oscommerce.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "oscommerce",
    ("includes/local/configure.php", "includes/configure.php"),
    rb"['\\x22]DB_SERVER['\\x22]",
    {
        "host": "const DB_SERVER",
        "database": "const DB_DATABASE",
        "user": "const DB_SERVER_USERNAME",
        "password": "const DB_SERVER_PASSWORD",
    },
    never=rb"['\\x22](?:DIR_FS_ADMIN|DB_PREFIX|DB_TYPE)['\\x22]",
)

OSCOMMERCE = CONFIG.detector("includes", "checkout_shipping.php")
