"""PostfixAdmin states $CONF['database_host'] and its like in config.local.php.

https://github.com/postfixadmin/postfixadmin/blob/master/config.inc.php
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "postfixadmin",
    (
        "config.local.php",
        "config.inc.php",
    ),
    rb"\$CONF\b",
    {
        "driver": "var CONF/database_type",
        "host": "var CONF/database_host",
        "port": "var CONF/database_port",
        "socket": "var CONF/database_socket",
        "database": "var CONF/database_name",
        "user": "var CONF/database_user",
        "password": "var CONF/database_password",
        "prefix": "var CONF/database_prefix",
    },
)

POSTFIXADMIN = CONFIG.detector("public", "functions.inc.php")
