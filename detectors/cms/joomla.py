"""Joomla keeps its login in class JConfig of configuration.php (since 1.5), Mambo and Joomla 1.0 in $mosConfig_*.

defines.php or includes/defines.php can move the file: JPATH_CONFIGURATION.
https://docs.joomla.org/Moving_the_configuration.php_file and libraries/src/Factory.php
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from detectors.claim import claim, condition_of
from detectors.detector import Config, Detector, Site
from detectors.finding import Finding, text
from detectors.parsing import php
from detectors.parsing.stated import Stated
from detectors.walk import join

PATHS = ("configuration.php",)
JCONFIG = {
    "host": b"host",
    "database": b"db",
    "user": b"user",
    "password": b"password",
    "prefix": b"dbprefix",
    "driver": b"dbtype",
}
MAMBO = {"host": b"host", "database": b"db", "user": b"user", "password": b"password", "prefix": b"dbprefix"}
UNMOVED = re.compile(rb"\n[ \t]*define\(\s*'JPATH_CONFIGURATION'\s*,\s*JPATH_(?:ROOT|BASE)\s*\)")
MANIFEST = "administrator/manifests/files/joomla.xml"
OLD_VERSIONS = ("libraries/cms/version/version.php", "libraries/joomla/version.php", "includes/version.php")


def _moved(site: Site) -> Config | None:
    """The configuration.php that a defines.php points to, None where none does."""
    for name in ("defines.php", "includes/defines.php"):
        defines = site.read(name)
        if defines is None or b"JPATH_CONFIGURATION" not in defines.content:
            continue
        if UNMOVED.search(defines.content) and defines.content.count(b"JPATH_CONFIGURATION") == 1:
            continue
        folder = php.evaluate(site, defines).folder(b"JPATH_CONFIGURATION")
        if folder is not None and folder != site.folder:
            return site.read_real(join(folder, b"configuration.php"))
    return None


def _version(site: Site) -> str:
    manifest = site.read(MANIFEST)
    if manifest is not None and (found := re.search(rb"<version>([\w.-]{1,20})</version>", manifest.content)):
        return text(found.group(1))
    for name in OLD_VERSIONS:
        config = site.read(name)
        parts = [] if config is None else _version_parts(config.content)
        if parts:
            return text(b".".join(parts))
    return ""


def _version_parts(content: bytes) -> list[bytes]:
    parts = []
    for name in (rb"RELEASE", rb"DEV_LEVEL"):
        found = re.search(rb"\$?" + name + rb"\s*=\s*['\"]([\w.]{1,12})['\"]", content)
        if found:
            parts.append(found.group(1))
    return parts


def _is_joomla(config: Config) -> bool:
    return b"JConfig" in config.content or b"mosConfig_" in config.content


def detect(site: Site) -> Iterator[Finding]:
    """One finding per Joomla or Mambo."""
    config = None if site.aliases else _moved(site)
    config = config or site.read("configuration.php")
    if config is None or not _is_joomla(config):
        return
    values = php.evaluate(site, config)
    fields: dict[str, Stated | None]
    if b"JConfig" in config.content:
        fields = {name: values.member(b"jconfig", prop) for name, prop in JCONFIG.items()}
    else:
        fields = {name: values.variable(b"mosConfig_" + part) for name, part in MAMBO.items()}
    condition = condition_of(values)
    yield claim(site, ("joomla", _version(site)), config.name, fields, condition)


JOOMLA = Detector(
    "joomla",
    PATHS,
    detect,
    anchors=("defines.php",),
    core=("administrator", "libraries", "includes", "components"),
)
