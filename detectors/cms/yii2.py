"""A Yii 2 application returns a PDO DSN from config/db.php.

https://www.yiiframework.com/doc/guide/2.0/en/db-dao
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "yii2",
    ("config/db.php",),
    rb"yii\\db\\Connection|'dsn'",
    {
        "pdo": "return dsn",
        "user": "return username",
        "password": "return password",
        "prefix": "return tablePrefix",
    },
)

YII2 = CONFIG.detector("web", "yii", "vendor")
