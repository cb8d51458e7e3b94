"""OpenCart states DB_HOSTNAME and its like in config.php; admin/config.php repeats them.

https://docs.opencart.com/en-gb/installation/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "opencart",
    ("config.php",),
    rb"['\\x22]DB_HOSTNAME['\\x22]",
    {
        "driver": "const DB_DRIVER",
        "host": "const DB_HOSTNAME",
        "port": "const DB_PORT",
        "database": "const DB_DATABASE",
        "user": "const DB_USERNAME",
        "password": "const DB_PASSWORD",
        "prefix": "const DB_PREFIX",
    },
    never=rb"['\\x22](?:DIR_CATALOG|DB_NAME)['\\x22]",
    version=(("index.php", rb"define\('VERSION', '([\w.]{1,20})'\)"),),
)

OPENCART = CONFIG.detector("catalog", "system")
