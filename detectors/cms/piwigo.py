"""Piwigo states $conf['db_base'] and its like in local/config/database.inc.php.

https://piwigo.org/doc
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "piwigo",
    ("local/config/database.inc.php", "include/mysql.inc.php"),
    rb"db_base|\$cfgBase\b",
    {
        "driver": "var conf/dblayer",
        "host": "var conf/db_host | var cfgHote",
        "database": "var conf/db_base | var cfgBase",
        "user": "var conf/db_user | var cfgUser",
        "password": "var conf/db_password | var cfgPassword",
        "prefix": "var prefixeTable",
    },
)

PIWIGO = CONFIG.detector("picture.php", "admin.php")
