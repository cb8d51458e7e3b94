"""phpBB states $dbhost, $dbname, $dbuser and $dbpasswd in config.php.

https://www.phpbb.com/support/docs/en/3.3/kb/article/rebuilding-your-config.php-file/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "phpbb",
    ("config.php",),
    rb"\$dbpasswd\b",
    {
        "driver": "var dbms",
        "host": "var dbhost",
        "port": "var dbport",
        "database": "var dbname",
        "user": "var dbuser",
        "password": "var dbpasswd",
        "prefix": "var table_prefix",
    },
)

PHPBB = CONFIG.detector("viewtopic.php", "includes", "phpbb")
