"""CodeIgniter 4 states $default of Config\\Database in app/Config/Database.php; what .env states outweighs it.

https://codeigniter.com/user_guide/database/configuration.html
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing.php.fields import PhpConfig

CONFIG = PhpConfig(
    "codeigniter4",
    ("app/Config/Database.php",),
    rb"\bclass\s+Database\b",
    {
        "driver": "class database/default/DBDriver",
        "host": "class database/default/hostname",
        "port": "class database/default/port",
        "database": "class database/default/database",
        "user": "class database/default/username",
        "password": "class database/default/password",
        "prefix": "class database/default/DBPrefix",
    },
)
ENVIRONMENT = b"database.default."


def detect(site: Site) -> Iterator[Finding]:
    """One finding where .env says nothing of the database; else that is read (detectors.cms.dotenv)."""
    environment = site.read(".env")
    if environment is None or ENVIRONMENT not in environment.content:
        yield from CONFIG.detect(site)


CODEIGNITER4 = Detector("codeigniter4", CONFIG.paths, detect, core=("spark", "system", "vendor"))
