"""PrestaShop states _DB_SERVER_ in config/settings.inc.php (to 1.6), app/config/parameters.php since 1.7.

https://devdocs.prestashop-project.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "prestashop",
    (
        "app/config/parameters.php",
        "config/settings.inc.php",
    ),
    rb"_DB_SERVER_|database_host",
    {
        "host": "return parameters/database_host | const _DB_SERVER_",
        "port": "return parameters/database_port",
        "database": "return parameters/database_name | const _DB_NAME_",
        "user": "return parameters/database_user | const _DB_USER_",
        "password": "return parameters/database_password | const _DB_PASSWD_",
        "prefix": "return parameters/database_prefix | const _DB_PREFIX_",
    },
    version=(
        ("config/settings.inc.php", rb"'_PS_VERSION_', '([\d.]{1,20})'"),
        ("app/AppKernel.php", rb"const VERSION = '([\d.]{1,20})'"),
    ),
)

PRESTASHOP = CONFIG.detector("classes", "controllers", "modules")
