"""CMS Made Simple states $config['db_hostname'] and its like in config.php.

https://docs.cmsmadesimple.org/
"""

from __future__ import annotations

from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "cmsms",
    ("config.php",),
    rb"\$config\['db_hostname'\]",
    {
        "driver": "var config/dbms",
        "host": "var config/db_hostname",
        "port": "var config/db_port",
        "database": "var config/db_name",
        "user": "var config/db_username",
        "password": "var config/db_password",
        "prefix": "var config/db_prefix",
    },
)

CMSMS = CONFIG.detector("lib", "modules", "moduleinterface.php")
