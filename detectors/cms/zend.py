"""Zend Framework 1 states resources.db.params in the section production of application.ini.

https://framework.zend.com/manual/1.12/en/zend.application.available-resources.html
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing import ini
from detectors.parsing.stated import Stated

INI = "application/configs/application.ini"
PARAMS = b"resources.db.params."
FIELDS = {"host": b"host", "port": b"port", "socket": b"unix_socket", "database": b"dbname", "user": b"username",
          "password": b"password"}  # fmt: skip


def detect(site: Site) -> Iterator[Finding]:
    """One finding per application.ini: the section production, which others only inherit from."""
    config = site.read(INI)
    if config is None or PARAMS not in config.content:
        return
    stated = ini.parse(config)
    sections = list(_sections(list(dict.fromkeys(section for section, _ in stated))))
    fields = {name: _inherited(stated, sections, PARAMS + key) for name, key in FIELDS.items()}
    fields["driver"] = _driver(_inherited(stated, sections, b"resources.db.adapter"))
    yield claim(site, ("zend", ""), config.name, fields)


def _sections(names: Sequence[bytes]) -> Iterator[bytes]:
    """The section production and those it extends, as Zend_Config_Ini writes it: [production : base]."""
    wanted, left = b"production", len(names)
    while wanted and left > 0:
        left -= 1
        found = next((name for name in names if name.partition(b":")[0].strip() == wanted), None)
        if found is None:
            return
        yield found
        wanted = found.partition(b":")[2].strip()


def _inherited(
    stated: Mapping[tuple[bytes, bytes], Stated], sections: Sequence[bytes], key: bytes
) -> Stated | None:
    return next((stated[section, key] for section in sections if (section, key) in stated), None)


def _driver(adapter: Stated | None) -> Stated | None:
    """The adapter where it is not MySQL's: PDO_MYSQL and Mysqli are."""
    return None if adapter is None or b"mysql" in (adapter.value or b"").lower() else adapter


ZEND = Detector("zend", (INI,), detect, core=("library", "public"))
