"""Applications that keep their login in .env: Laravel, Symfony, Bedrock, Craft, CodeIgniter 4 and Node.

Which of them it is, is told by the files beside it. .env.local outweighs .env (Symfony).
https://laravel.com/docs/configuration, https://symfony.com/doc/current/doctrine.html, https://roots.io/bedrock/docs/,
https://craftcms.com/docs/5.x/reference/config/db.html, https://codeigniter.com/user_guide/database/configuration.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding, Status
from detectors.parsing import dotenv
from detectors.parsing.dsn import from_pdo, from_url
from detectors.parsing.stated import Stated

PATHS = (".env", ".env.local")
KINDS = (
    ("bedrock", ("config/application.php", "web/wp-config.php", "web/wp")),
    ("craft", ("craft", "config/craft", "cpresources")),
    ("laravel", ("artisan",)),
    ("codeigniter4", ("spark",)),
    ("symfony", ("bin/console", "symfony.lock", "config/bundles.php", "app/console")),
    ("node", ("package.json",)),
)
NAMES = {
    "driver": ("DB_CONNECTION", "DB_DRIVER", "CRAFT_DB_DRIVER", "database.default.DBDriver", "DB_DIALECT"),
    "host": ("DB_HOST", "DB_SERVER", "CRAFT_DB_SERVER", "database.default.hostname", "MYSQL_HOST"),
    "port": ("DB_PORT", "CRAFT_DB_PORT", "database.default.port", "MYSQL_PORT"),
    "socket": ("DB_SOCKET", "CRAFT_DB_UNIX_SOCKET"),
    "database": (
        "DB_DATABASE",
        "DB_NAME",
        "CRAFT_DB_DATABASE",
        "database.default.database",
        "MYSQL_DATABASE",
    ),
    "user": ("DB_USERNAME", "DB_USER", "CRAFT_DB_USER", "database.default.username", "MYSQL_USER"),
    "password": (
        "DB_PASSWORD",
        "DB_PASS",
        "CRAFT_DB_PASSWORD",
        "database.default.password",
        "MYSQL_PASSWORD",
    ),
    "prefix": ("DB_PREFIX", "DB_TABLE_PREFIX", "CRAFT_DB_TABLE_PREFIX", "database.default.DBPrefix"),
}
URLS = (b"DATABASE_URL", b"DB_URL", b"CRAFT_DB_URL", b"CLEARDB_DATABASE_URL")


def _fields(stated: Mapping[bytes, Stated]) -> dict[str, Stated | None]:
    fields: dict[str, Stated | None] = {
        field: next((stated[name.encode()] for name in names if name.encode() in stated), None)
        for field, names in NAMES.items()
    }
    dsn = stated.get(b"CRAFT_DB_DSN") or stated.get(b"DB_DSN")
    if dsn is not None:
        fields = {**fields, **from_pdo(dsn)}
    url = next((stated[name] for name in URLS if name in stated and stated[name].value != b""), None)
    if url is None:
        return fields
    if fields["database"] is not None and fields["user"] is not None:
        both = Stated(
            None, Status.AMBIGUOUS, url.path, url.line, "", "both a database URL and single fields are stated"
        )
        return {**fields, "database": both}
    return {**from_url(url), "prefix": fields["prefix"]}


def detect(site: Site) -> Iterator[Finding]:
    """One finding for a .env that states a database login."""
    stated: dict[bytes, Stated] = {}
    name = ""
    for path in PATHS:
        config = site.read(path)
        if config is not None:
            parsed = dotenv.parse(config)
            if not name or any(one is not None for one in _fields(parsed).values()):
                name = config.name
            stated |= parsed
    fields = _fields(stated)
    if any(fields.get(field) is not None for field in ("database", "user", "password")):
        kind = next((kind for kind, marks in KINDS if site.has(*marks)), "dotenv")
        yield claim(site, (kind, ""), name, fields)


DOTENV = Detector("dotenv", PATHS, detect)
