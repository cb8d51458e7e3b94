"""Chamilo states $_configuration['db_host'] in app/config/configuration.php (1.9, Dokeos: main/inc/conf).

https://docs.chamilo.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "chamilo",
    ("app/config/configuration.php", "main/inc/conf/configuration.php"),
    rb"\$_configuration\['(?:db_host|main_database)'\]",
    {
        "host": "var _configuration/db_host",
        "port": "var _configuration/db_port",
        "database": "var _configuration/main_database",
        "user": "var _configuration/db_user",
        "password": "var _configuration/db_password",
        "prefix": "var _configuration/table_prefix",
    },
)

CHAMILO = CONFIG.detector("main", "courses")
