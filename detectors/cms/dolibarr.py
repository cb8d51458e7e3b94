"""Dolibarr states $dolibarr_main_db_host and its like in htdocs/conf/conf.php.

https://wiki.dolibarr.org/index.php/Configuration_file
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "dolibarr",
    (
        "htdocs/conf/conf.php",
        "conf/conf.php",
    ),
    rb"\$dolibarr_main_db_name\b",
    {
        "driver": "var dolibarr_main_db_type",
        "host": "var dolibarr_main_db_host",
        "port": "var dolibarr_main_db_port",
        "database": "var dolibarr_main_db_name",
        "user": "var dolibarr_main_db_user",
        "password": "var dolibarr_main_db_pass",
        "prefix": "var dolibarr_main_db_prefix",
    },
)

DOLIBARR = CONFIG.detector("htdocs", "core", "main.inc.php")
