"""CakePHP returns Datasources.default from config/app_local.php; CakePHP 2 declares DATABASE_CONFIG.

https://book.cakephp.org/5/en/development/configuration.html
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "cakephp",
    (
        "config/app_local.php",
        "config/app.php",
        "app/Config/database.php",
        "Config/database.php",
        "app/config/database.php",
        "config/database.php",
    ),
    rb"'Datasources'|\bclass\s+DATABASE_CONFIG\b",
    {
        "url": "return Datasources/default/url",
        "host": "return Datasources/default/host | class database_config/default/host",
        "port": "return Datasources/default/port | class database_config/default/port",
        "database": "return Datasources/default/database | class database_config/default/database",
        "user": "return Datasources/default/username | class database_config/default/login",
        "password": "return Datasources/default/password | class database_config/default/password",
        "prefix": "class database_config/default/prefix",
    },
)

CAKEPHP = CONFIG.detector("src", "webroot", "lib", "app")
