"""osTicket states DBHOST and its like in include/ost-config.php.

https://docs.osticket.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "osticket",
    ("include/ost-config.php",),
    rb"['\\x22]DBNAME['\\x22]",
    {
        "driver": "const DBTYPE",
        "host": "const DBHOST",
        "database": "const DBNAME",
        "user": "const DBUSER",
        "password": "const DBPASS",
        "prefix": "const TABLE_PREFIX",
    },
)

OSTICKET = CONFIG.detector("scp", "bootstrap.php")
