"""A made-up system for tests: its login file `login.conf` has the lines user, password, database, status."""

from __future__ import annotations

from collections.abc import Iterator

from detectors.detector import Detector, Site
from detectors.finding import Evidence, Finding, Found, Secret, Status, Unclear

PASSWORD = b"p'w$1;)"


def detect(site: Site) -> Iterator[Finding]:
    """The login of one folder."""
    config = site.read("login.conf")
    if config is None or config.content.count(b"\n") < 4:
        return
    user, password, database, status = config.content.split(b"\n")[:4]
    evidence = (Evidence(config.name, 1, "user"),)
    if status == b"unclear":
        yield Unclear("plain", site.path, "no value \x1b[2J to read", evidence)
        return
    yield Found(
        "plain", site.path, "1.0", config.name, Status(status.decode()), "localhost", None, None,
        database.decode(), user.decode("utf-8", "surrogateescape"), Secret(password), "", evidence,
    )  # fmt: skip


PLAIN = Detector("plain", ("login.conf",), detect)


def login(user: bytes = b"shop", password: bytes = PASSWORD, status: bytes = b"exact") -> bytes:
    """Such a file."""
    return b"\n".join((user, password, b"shopdb", status, b""))
