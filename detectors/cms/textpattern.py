"""Textpattern states $txpcfg in textpattern/config.php.

https://docs.textpattern.com/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "textpattern",
    ("textpattern/config.php",),
    rb"\$txpcfg\b",
    {
        "host": "var txpcfg/host",
        "database": "var txpcfg/db",
        "user": "var txpcfg/user",
        "password": "var txpcfg/pass",
        "prefix": "var txpcfg/table_prefix",
    },
)

TEXTPATTERN = CONFIG.detector("textpattern", "index.php")
