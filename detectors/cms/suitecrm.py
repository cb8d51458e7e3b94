"""SuiteCRM and SugarCRM state $sugar_config['dbconfig'] in config.php.

https://docs.suitecrm.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "suitecrm",
    ("config.php",),
    rb"\$sugar_config\b",
    {
        "driver": "var sugar_config/dbconfig/db_type",
        "host": "var sugar_config/dbconfig/db_host_name",
        "port": "var sugar_config/dbconfig/db_port",
        "database": "var sugar_config/dbconfig/db_name",
        "user": "var sugar_config/dbconfig/db_user_name",
        "password": "var sugar_config/dbconfig/db_password",
    },
    overrides=("config_override.php",),
    carried=b"sugar_config",
)

SUITECRM = CONFIG.detector("modules", "include", "data")
