"""FluxBB and PunBB state $db_host and its like in config.php.

https://fluxbb.org/docs/v1.5/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "fluxbb",
    ("config.php",),
    rb"\$p_connect\b",
    {
        "driver": "var db_type",
        "host": "var db_host",
        "database": "var db_name",
        "user": "var db_username",
        "password": "var db_password",
        "prefix": "var db_prefix",
    },
)

FLUXBB = CONFIG.detector("viewforum.php", "include")
