"""Yii 1.1 returns components/db from protected/config/main.php, or db itself from protected/config/database.php.

https://www.yiiframework.com/doc/guide/1.1/en/database.dao
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "yii1",
    ("protected/config/database.php", "protected/config/main.php"),
    rb"connectionString",
    {
        "pdo": "return connectionString | return components/db/connectionString",
        "user": "return username | return components/db/username",
        "password": "return password | return components/db/password",
        "prefix": "return tablePrefix | return components/db/tablePrefix",
    },
)

YII1 = CONFIG.detector("protected", "index.php")
