"""Magento 2 returns db.connection.default from app/etc/env.php.

https://experienceleague.adobe.com/docs/commerce-operations/configuration-guide/files/config-reference-envphp.html
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "magento2",
    ("app/etc/env.php",),
    rb"'connection'",
    {
        "host": "return db/connection/default/host",
        "database": "return db/connection/default/dbname",
        "user": "return db/connection/default/username",
        "password": "return db/connection/default/password",
        "prefix": "return db/table_prefix",
    },
)

MAGENTO2 = CONFIG.detector("bin", "pub", "vendor", "lib")
