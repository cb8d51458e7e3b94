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
        "driver": "var db/default/dbdriver",
        "host": "var db/default/hostname",
        "port": "var db/default/port",
        "database": "var db/default/database",
        "user": "var db/default/username",
        "password": "var db/default/password",
        "prefix": "var db/default/dbprefix",
    },
)

CODEIGNITER = CONFIG.detector("system", "application")
