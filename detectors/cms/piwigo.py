"""Piwigo states $conf['db_base'] and its like in local/config/database.inc.php.

https://piwigo.org/doc
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "piwigo",
    ("local/config/database.inc.php",),
    rb"db_base",
    {
        "driver": "var conf/dblayer",
        "host": "var conf/db_host",
        "database": "var conf/db_base",
        "user": "var conf/db_user",
        "password": "var conf/db_password",
        "prefix": "var prefixeTable",
    },
)

PIWIGO = CONFIG.detector("picture.php", "admin.php")
