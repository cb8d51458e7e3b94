"""XOOPS states XOOPS_DB_HOST and its like in xoops_data/data/secure.php, before 2.3 in mainfile.php.

https://xoops.gitbook.io/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "xoops",
    (
        "xoops_data/data/secure.php",
        "mainfile.php",
    ),
    rb"['\\x22]XOOPS_DB_NAME['\\x22]",
    {
        "driver": "const XOOPS_DB_TYPE",
        "host": "const XOOPS_DB_HOST",
        "database": "const XOOPS_DB_NAME",
        "user": "const XOOPS_DB_USER",
        "password": "const XOOPS_DB_PASS",
        "prefix": "const XOOPS_DB_PREFIX",
    },
)

XOOPS = CONFIG.detector("kernel", "modules", "class")
