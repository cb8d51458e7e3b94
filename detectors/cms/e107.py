"""e107 states $mySQLserver and its like in e107_config.php, or returns them as an array (since 2.4).

https://e107.org/developer-manual
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "e107",
    ("e107_config.php",),
    rb"mySQL|'database'",
    {
        "host": "var mySQLserver | return database/server",
        "database": "var mySQLdefaultdb | return database/db | return database/defaultdb",
        "user": "var mySQLuser | return database/user",
        "password": "var mySQLpassword | return database/password",
        "prefix": "var mySQLprefix | return database/prefix",
    },
)

E107 = CONFIG.detector("e107_core", "e107_handlers", "class2.php")
