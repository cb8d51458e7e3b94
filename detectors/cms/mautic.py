"""Mautic states $parameters['db_host'] and its like in config/local.php (before 5: app/config/local.php).

https://docs.mautic.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "mautic",
    ("config/local.php", "app/config/local.php"),
    rb"'db_(?:host|name)'",
    {
        "driver": "var parameters/db_driver",
        "host": "var parameters/db_host",
        "port": "var parameters/db_port",
        "database": "var parameters/db_name",
        "user": "var parameters/db_user",
        "password": "var parameters/db_password",
        "prefix": "var parameters/db_table_prefix",
    },
    overrides=("config/parameters_local.php", "app/config/parameters_local.php"),
    carried=b"parameters",
)

MAUTIC = CONFIG.detector("app", "plugins")
