"""Roundcube states a database URL in $config['db_dsnw'] of config/config.inc.php; before 1.0, in config/db.inc.php.

https://github.com/roundcube/roundcubemail/wiki/Configuration
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "roundcube",
    (
        "config/config.inc.php",
        "config/db.inc.php",
    ),
    rb"db_dsnw",
    {
        "url": "var config/db_dsnw | var rcmail_config/db_dsnw",
        "prefix": "var config/db_prefix | var rcmail_config/db_prefix",
    },
    version=(("program/include/iniset.php", rb"define\('RCMAIL_VERSION', '([\w.-]{1,20})'\)"),),
)

ROUNDCUBE = CONFIG.detector("program", "skins")
