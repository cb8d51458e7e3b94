"""ProcessWire states $config->dbHost and its like in site/config.php.

https://processwire.com/api/ref/config/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "processwire",
    ("site/config-dev.php", "site/config.php"),
    rb"\$config->dbName\b",
    {
        "host": "var config/dbHost",
        "port": "var config/dbPort",
        "socket": "var config/dbSocket",
        "database": "var config/dbName",
        "user": "var config/dbUser",
        "password": "var config/dbPass",
    },
)

PROCESSWIRE = CONFIG.detector("wire")
