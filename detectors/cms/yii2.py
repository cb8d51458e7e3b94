"""A Yii 2 application returns a PDO DSN from config/db.php.

https://www.yiiframework.com/doc/guide/2.0/en/db-dao
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "yii2",
    ("config/db.php", "common/config/main-local.php", "common/config/main.php"),
    rb"yii\\db\\Connection|'dsn'|'db'",
    {
        "pdo": "return dsn | return components/db/dsn",
        "user": "return username | return components/db/username",
        "password": "return password | return components/db/password",
        "prefix": "return tablePrefix | return components/db/tablePrefix",
    },
    never=rb"craft\\|'server'\s*=>",
)

YII2 = CONFIG.detector("web", "yii", "vendor")
