"""Invision Community and IP.Board state $INFO['sql_host'] and its like in conf_global.php.

https://invisioncommunity.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "invision",
    ("conf_global.php",),
    rb"\$INFO\b",
    {
        "driver": "var INFO/sql_driver",
        "host": "var INFO/sql_host",
        "port": "var INFO/sql_port",
        "socket": "var INFO/sql_socket",
        "database": "var INFO/sql_database",
        "user": "var INFO/sql_user",
        "password": "var INFO/sql_pass",
        "prefix": "var INFO/sql_tbl_prefix",
    },
)

INVISION = CONFIG.detector("applications", "init.php", "initdata.php", "sources")
