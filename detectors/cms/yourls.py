"""YOURLS states YOURLS_DB_HOST and its like in user/config.php (before 1.5: includes/config.php).

https://yourls.org/docs/guide/essentials/configuration
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "yourls",
    ("user/config.php", "includes/config.php"),
    rb"['\\x22]YOURLS_DB_NAME['\\x22]",
    {
        "host": "const YOURLS_DB_HOST",
        "database": "const YOURLS_DB_NAME",
        "user": "const YOURLS_DB_USER",
        "password": "const YOURLS_DB_PASS",
        "prefix": "const YOURLS_DB_PREFIX",
    },
)

YOURLS = CONFIG.detector("yourls-api.php", "yourls-loader.php")
