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
    rb"\$config\['MasterServer'\]|\$dbservertype\b",
    {
        "driver": "var config/Database/dbtype | var dbservertype",
        "host": "var config/MasterServer/servername | var servername",
        "port": "var config/MasterServer/port",
        "database": "var config/Database/dbname | var dbname",
        "user": "var config/MasterServer/username | var dbusername",
        "password": "var config/MasterServer/password | var dbpassword",
        "prefix": "var config/Database/tableprefix | var tableprefix",
    },
)

VBULLETIN = CONFIG.detector("forum.php", "showthread.php", "core")
