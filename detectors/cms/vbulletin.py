"""vBulletin states $config['MasterServer'] and $config['Database'] in includes/config.php.

config.php.new of vBulletin 3.8 and 4.2
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "vbulletin",
    (
        "includes/config.php",
        "core/includes/config.php",
    ),
    rb"\$config\['MasterServer'\]",
    {
        "driver": "var config/Database/dbtype",
        "host": "var config/MasterServer/servername",
        "port": "var config/MasterServer/port",
        "database": "var config/Database/dbname",
        "user": "var config/MasterServer/username",
        "password": "var config/MasterServer/password",
        "prefix": "var config/Database/tableprefix",
    },
)

VBULLETIN = CONFIG.detector("forum.php", "showthread.php", "core")
