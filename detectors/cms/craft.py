"""Craft 2 and Craft 3 without a .env return server, user and password from craft/config/db.php or config/db.php.

https://craftcms.com/docs/2.x/config/database-settings.html, https://craftcms.com/docs/3.x/config/db-settings.html
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "craft",
    ("craft/config/db.php", "config/db.php"),
    rb"['\x22]tablePrefix['\x22]\s*=>",
    {
        "driver": "return driver",
        "host": "return server | return */server",
        "port": "return port | return */port",
        "socket": "return unixSocket | return */unixSocket",
        "database": "return database | return */database",
        "user": "return user | return */user",
        "password": "return password | return */password",
        "prefix": "return tablePrefix | return */tablePrefix",
    },
    never=rb"yii\\db\\Connection|\benv\(\s*['\x22](?:CRAFT_)?DB_(?:PASSWORD|DATABASE)",
)

CRAFT = CONFIG.detector("craft", "app", "vendor")
