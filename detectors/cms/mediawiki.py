"""MediaWiki states $wgDBserver and its like in LocalSettings.php.

https://www.mediawiki.org/wiki/Manual:LocalSettings.php
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "mediawiki",
    ("LocalSettings.php",),
    rb"\$wgDB(?:name|user)\b",
    {
        "driver": "var wgDBtype",
        "host": "var wgDBserver",
        "port": "var wgDBport",
        "database": "var wgDBname",
        "user": "var wgDBuser",
        "password": "var wgDBpassword",
        "prefix": "var wgDBprefix",
    },
    version=(
        ("includes/Defines.php", rb"define\(\s*'MW_VERSION',\s*'([\w.-]{1,20})'"),
        ("includes/DefaultSettings.php", rb"\$wgVersion\s*=\s*'([\w.-]{1,20})'"),
    ),
    roots=(b"IP",),
)

MEDIAWIKI = CONFIG.detector("includes", "api.php", "load.php")
