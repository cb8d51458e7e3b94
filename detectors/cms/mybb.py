"""MyBB states $config['database'] in inc/config.php.

https://docs.mybb.com/1.8/install/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "mybb",
    ("inc/config.php",),
    rb"\$config\['database'\]",
    {
        "driver": "var config/database/type",
        "host": "var config/database/hostname",
        "database": "var config/database/database",
        "user": "var config/database/username",
        "password": "var config/database/password",
        "prefix": "var config/database/table_prefix",
    },
    version=(("inc/class_core.php", rb"\$version = .([\w.]{1,20})."),),
)

MYBB = CONFIG.detector("showthread.php", "global.php")
