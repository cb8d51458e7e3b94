"""WordPress states its database login as four constants in wp-config.php.

The file lives in the docroot, or one directory above it where that one has no wp-settings.php of its own.
https://developer.wordpress.org/advanced-administration/wordpress/wp-config/ and wp-load.php
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors.claim import claim, condition_of
from detectors.detector import Config, Detector, Site
from detectors.finding import Evidence, Finding, Status, Unclear, text
from detectors.parsing import php
from detectors.walk import join

PATHS = ("wp-config.php", "../wp-config.php")
FIELDS = {"host": b"DB_HOST", "database": b"DB_NAME", "user": b"DB_USER", "password": b"DB_PASSWORD"}


def _config(site: Site) -> Config | None:
    own = site.read("wp-config.php")
    if own is not None:
        return None if _is_parent_of_core(site) else own
    if site.has("wp-settings.php") and not site.has("../wp-settings.php"):
        return site.read("../wp-config.php")
    return None


def _is_parent_of_core(site: Site) -> bool:
    """Whether this wp-config.php belongs to a WordPress in a folder below that has none of its own."""
    if site.aliases or site.has("wp-settings.php"):
        return False
    for name in site.names()[:200]:
        inner = text(name)
        if site.has(f"{inner}/wp-settings.php") and not site.has(f"{inner}/wp-config.php"):
            return True
    return False


def _version(site: Site) -> str:
    config = site.read("wp-includes/version.php")
    found = (
        None
        if config is None
        else re.search(rb"^\$wp_version\s*=\s*'([\w.-]{1,30})'", config.content, re.MULTILINE)
    )
    return text(found.group(1)) if found else ""


def detect(site: Site) -> Iterator[Finding]:
    """One finding per WordPress."""
    config = _config(site)
    if config is None:
        if site.has("wp-settings.php") and site.has("wp-load.php") and not site.has(*PATHS):
            linked = b"wp-config.php" in site.names()
            reason = "it was never set up: there is no wp-config.php"
            if linked:
                reason = "its wp-config.php is a link that leads out of the customer's tree or nowhere"
            where = Evidence(text(join(site.folder, b"wp-config.php" if linked else b"")) or ".", None)
            yield Unclear("wordpress", site.path, reason, (where,), Status.NONE, _version(site))
        return
    if b"config/application.php" in config.content:
        return  # Bedrock: its own detector reads .env
    values = php.evaluate(site, config)
    fields = {name: values.constant(constant) for name, constant in FIELDS.items()}
    fields["prefix"] = values.variable(b"table_prefix")
    if all(one is None for one in fields.values()) and b"DB_NAME" not in config.content and not values.opened:
        yield Unclear(
            "wordpress",
            site.path,
            "its wp-config.php states no database at all",
            (Evidence(config.name, None),),
        )
        return
    multisite = values.constant(b"MULTISITE")
    extra = () if multisite is None or not multisite.value else (multisite.evidence("multisite"),)
    yield claim(site, ("wordpress", _version(site)), config.name, fields, condition_of(values), extra)


WORDPRESS = Detector(
    "wordpress",
    PATHS,
    detect,
    anchors=("wp-settings.php",),
    core=("wp-settings.php", "wp-load.php", "wp-includes"),
)
