"""phpList states $database_host and its like in config/config.php.

https://www.phplist.org/manual/books/phplist-manual/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "phplist",
    ("config/config.php", "lists/config/config.php"),
    rb"\$database_name\b",
    {
        "host": "var database_host",
        "port": "var database_port",
        "socket": "var database_socket",
        "database": "var database_name",
        "user": "var database_user",
        "password": "var database_password",
        "prefix": "var table_prefix",
    },
)

PHPLIST = CONFIG.detector("admin", "lists")
