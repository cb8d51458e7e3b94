"""PostfixAdmin states $CONF['database_host'] and its like in config.local.php.

https://github.com/postfixadmin/postfixadmin/blob/master/config.inc.php
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "postfixadmin",
    (
        # It reads config.local.php, where there is one, at its end.
        "config.inc.php",
        "config.local.php",
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
