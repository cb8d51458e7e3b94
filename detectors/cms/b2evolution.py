"""b2evolution states $db_config in conf/_basic_config.php.

https://b2evolution.net/man/basic-config-php
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "b2evolution",
    ("conf/_basic_config.php",),
    rb"\$db_config\b",
    {
        "host": "var db_config/host",
        "database": "var db_config/name",
        "user": "var db_config/user",
        "password": "var db_config/password",
        "prefix": "var tableprefix",
    },
)

B2EVOLUTION = CONFIG.detector("inc", "htsrv")
