"""CodeIgniter 2 and 3 state $db['default'] in application/config/database.php.

https://codeigniter.com/userguide3/database/configuration.html
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "codeigniter",
    ("application/config/database.php",),
    rb"\$db\[(?:'default'|\$active_group)\]|\$db\b",
    {
        "driver": "var db/{}/dbdriver",
        "host": "var db/{}/hostname",
        "port": "var db/{}/port",
        "database": "var db/{}/database",
        "user": "var db/{}/username",
        "password": "var db/{}/password",
        "prefix": "var db/{}/dbprefix",
    },
    group=b"active_group",
    rivals=tuple(
        f"application/config/{name}/database.php" for name in ("production", "development", "testing")
    ),
)

CODEIGNITER = CONFIG.detector("system", "application")
