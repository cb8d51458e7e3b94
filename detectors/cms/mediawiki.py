"""MediaWiki states $wgDBserver and its like in LocalSettings.php.

https://www.mediawiki.org/wiki/Manual:LocalSettings.php
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "mediawiki",
    ("LocalSettings.php",),
    rb"\$wgDB(?:name|user|servers)\b",
    {
        "driver": "var wgDBservers/0/type | var wgDBtype",
        "host": "var wgDBservers/0/host | var wgDBserver",
        "port": "var wgDBport",
        "database": "var wgDBservers/0/dbname | var wgDBname",
        "user": "var wgDBservers/0/user | var wgDBuser",
        "password": "var wgDBservers/0/password | var wgDBpassword",
        "prefix": "var wgDBprefix",
    },
    version=(
        ("includes/Defines.php", rb"define\(\s*'MW_VERSION',\s*'([\w.-]{1,20})'"),
        ("includes/DefaultSettings.php", rb"\$wgVersion\s*=\s*'([\w.-]{1,20})'"),
    ),
    roots=(b"IP",),
)

MEDIAWIKI = CONFIG.detector("includes", "api.php", "load.php")
