"""TYPO3 returns DB from settings.php (12), LocalConfiguration.php (6 to 11), or states $typo_db in localconf.php.

https://docs.typo3.org/m/typo3/reference-coreapi/main/en-us/Configuration/Typo3ConfVars/DB.html
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "typo3",
    (
        "config/system/settings.php",
        "typo3conf/system/settings.php",
        "typo3conf/LocalConfiguration.php",
        "typo3conf/localconf.php",
    ),
    rb"'DB'|\$typo_db\b",
    {
        "driver": "return DB/Connections/Default/driver",
        "host": "return DB/Connections/Default/host | return DB/host | var typo_db_host",
        "port": "return DB/Connections/Default/port | return DB/port",
        "socket": "return DB/Connections/Default/unix_socket | return DB/socket",
        "database": "return DB/Connections/Default/dbname | return DB/database | var typo_db",
        "user": "return DB/Connections/Default/user | return DB/username | var typo_db_username",
        "password": "return DB/Connections/Default/password | return DB/password | var typo_db_password",
    },
    overrides=("./additional.php", "./AdditionalConfiguration.php"),
    carried=b"TYPO3_CONF_VARS",
    returned=True,
)

TYPO3 = CONFIG.detector("typo3", "index.php", "typo3conf")
