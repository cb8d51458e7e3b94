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
        "driver": "var config/database/type | var config/dbtype",
        "host": "var config/database/hostname | var config/hostname",
        "database": "var config/database/database | var config/database",
        "user": "var config/database/username | var config/username",
        "password": "var config/database/password | var config/password",
        "prefix": "var config/database/table_prefix | var config/table_prefix",
    },
    version=(("inc/class_core.php", rb"\$version = .([\w.]{1,20})."),),
)

MYBB = CONFIG.detector("showthread.php", "global.php")
