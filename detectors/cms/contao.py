"""Contao 3 states $GLOBALS['TL_CONFIG'] in system/config/localconfig.php.

https://docs.contao.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "contao",
    ("system/config/localconfig.php",),
    rb"TL_CONFIG'?\]\s*\[\s*'db",
    {
        "driver": "var TL_CONFIG/dbDriver",
        "host": "var TL_CONFIG/dbHost",
        "port": "var TL_CONFIG/dbPort",
        "database": "var TL_CONFIG/dbDatabase",
        "user": "var TL_CONFIG/dbUser",
        "password": "var TL_CONFIG/dbPass",
    },
)

CONTAO = CONFIG.detector("contao", "system")
