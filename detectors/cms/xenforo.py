"""XenForo states $config['db'] in src/config.php, XenForo 1 in library/config.php; its tables all begin with xf_.

https://docs.xenforo.com/manual/config/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "xenforo",
    ("src/config.php", "library/config.php"),
    rb"\$config\['db'\]",
    {
        "driver": "var config/db/adapter",
        "host": "var config/db/host",
        "port": "var config/db/port",
        "socket": "var config/db/socket",
        "database": "var config/db/dbname",
        "user": "var config/db/username",
        "password": "var config/db/password",
    },
)

XENFORO = CONFIG.detector("src", "library", "admin.php")
