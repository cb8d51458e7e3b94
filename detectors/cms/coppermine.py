"""Coppermine Photo Gallery states $CONFIG['dbserver'] and its like in include/config.inc.php.

https://coppermine-gallery.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "coppermine",
    ("include/config.inc.php",),
    rb"\$CONFIG\['dbserver'\]",
    {
        "driver": "var CONFIG/dbtype",
        "host": "var CONFIG/dbserver",
        "database": "var CONFIG/dbname",
        "user": "var CONFIG/dbuser",
        "password": "var CONFIG/dbpass",
        "prefix": "var CONFIG/TABLE_PREFIX",
    },
)

COPPERMINE = CONFIG.detector("displayimage.php", "thumbnails.php")
