"""vtiger CRM states $dbconfig['db_server'] and its like in config.inc.php; the port is written with its colon.

https://code.vtiger.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "vtiger",
    ("config.inc.php",),
    rb"\$dbconfig\['db_(?:server|hostname)'\]",
    {
        "driver": "var dbconfig/db_type",
        "host": "var dbconfig/db_hostname | var dbconfig/db_server",
        "database": "var dbconfig/db_name",
        "user": "var dbconfig/db_username",
        "password": "var dbconfig/db_password",
    },
    overrides=("config_override.php",),
    carried=b"dbconfig",
    version=(("vtigerversion.php", rb"\$vtiger_current_version = '([\w.-]{1,20})'"),),
)

VTIGER = CONFIG.detector("vtigerversion.php", "modules")
