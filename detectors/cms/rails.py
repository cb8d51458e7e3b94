"""Ruby on Rails states the section "production" in config/database.yml.

https://guides.rubyonrails.org/configuring.html#configuring-a-database
"""

from __future__ import annotations

from collections.abc import Iterator

from detectors.claim import claim
from detectors.detector import Detector, Site
from detectors.finding import Finding
from detectors.parsing import yaml
from detectors.parsing.dsn import from_url
from detectors.parsing.stated import Stated

PATHS = ("config/database.yml",)
FIELDS = ("host", "port", "socket", "database", "password")


def detect(site: Site) -> Iterator[Finding]:
    """One finding per database.yml."""
    config = site.read(PATHS[0])
    if config is None or b"production" not in config.content:
        return
    several = yaml.at(config, "production", "primary") is not None
    base = ("production", "primary") if several else ("production",)
    fields: dict[str, Stated | None] = {name: yaml.at(config, *base, name) for name in FIELDS}
    fields["driver"] = yaml.at(config, *base, "adapter")
    if fields["driver"] is not None and fields["driver"].value == b"trilogy":
        fields["driver"] = None
    fields["user"] = yaml.at(config, *base, "username")
    url = yaml.at(config, *base, "url")
    yield claim(site, ("rails", ""), config.name, fields if url is None else from_url(url))


RAILS = Detector("rails", PATHS, detect)
