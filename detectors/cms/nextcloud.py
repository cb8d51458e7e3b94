"""Nextcloud and ownCloud state $CONFIG in config/config.php.

https://docs.nextcloud.com/server/latest/admin_manual/configuration_server/config_sample_php_parameters.html
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "nextcloud",
    ("config/config.php",),
    rb"\$CONFIG\b[^;]{0,4000}'?db(?:type|name|user)",
    {
        "driver": "var CONFIG/dbtype",
        "host": "var CONFIG/dbhost",
        "port": "var CONFIG/dbport",
        "database": "var CONFIG/dbname",
        "user": "var CONFIG/dbuser",
        "password": "var CONFIG/dbpassword",
        "prefix": "var CONFIG/dbtableprefix",
    },
    overrides=("config/*.config.php",),
    version=(("version.php", rb"\$OC_VersionString\s*=\s*'([\w. ]{1,20})'"),),
)

NEXTCLOUD = CONFIG.detector("remote.php", "occ", "status.php")
