"""LimeSurvey returns components.db with a PDO DSN from application/config/config.php.

https://manual.limesurvey.org/Optional_settings
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "limesurvey",
    ("application/config/config.php", "config.php"),
    rb"connectionString|\$databaselocation\b",
    {
        "driver": "var databasetype",
        "host": "var databaselocation",
        "port": "var databaseport",
        "database": "var databasename",
        "pdo": "return components/db/connectionString",
        "user": "return components/db/username | var databaseuser",
        "password": "return components/db/password | var databasepass",
        "prefix": "return components/db/tablePrefix | var dbprefix",
    },
)

LIMESURVEY = CONFIG.detector("application", "framework", "admin")
