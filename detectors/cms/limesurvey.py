"""LimeSurvey returns components.db with a PDO DSN from application/config/config.php.

https://manual.limesurvey.org/Optional_settings
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "limesurvey",
    ("application/config/config.php",),
    rb"connectionString",
    {
        "pdo": "return components/db/connectionString",
        "user": "return components/db/username",
        "password": "return components/db/password",
        "prefix": "return components/db/tablePrefix",
    },
)

LIMESURVEY = CONFIG.detector("application", "framework", "admin")
