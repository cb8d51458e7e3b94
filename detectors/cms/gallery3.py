"""Gallery 3 states $config['default']['connection'] in var/database.php.

http://codex.galleryproject.org/Gallery3
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "gallery3",
    ("var/database.php",),
    rb"'connection'",
    {
        "driver": "var config/default/connection/type",
        "host": "var config/default/connection/host",
        "port": "var config/default/connection/port",
        "socket": "var config/default/connection/socket",
        "database": "var config/default/connection/database",
        "user": "var config/default/connection/user",
        "password": "var config/default/connection/pass",
        "prefix": "var config/default/table_prefix",
    },
)

GALLERY3 = CONFIG.detector("application", "modules", "system")
