"""Moodle states $CFG->dbhost and its like in config.php.

https://docs.moodle.org/en/Configuration_file
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "moodle",
    ("config.php",),
    rb"\$CFG->dbname\b",
    {
        "driver": "var CFG/dbtype",
        "host": "var CFG/dbhost",
        "port": "var CFG/dboptions/dbport",
        "socket": "var CFG/dboptions/dbsocket",
        "database": "var CFG/dbname",
        "user": "var CFG/dbuser",
        "password": "var CFG/dbpass",
        "prefix": "var CFG/prefix",
    },
    version=(("version.php", rb"\$release\s*=\s*'([\w.]{1,20})"),),
)

MOODLE = CONFIG.detector("lib", "mod", "course")
