"""The sites under fixtures/sites: what lies in each, and what every detector together must find there."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detectors.examine import Examination, examine
from detectors.finding import Finding, Found
from detectors.local import LocalTree

ROOT = Path(__file__).parents[2] / "fixtures" / "sites"
Expected = Mapping[str, object]


@dataclass(frozen=True)
class Case:
    name: str
    folder: Path
    expected: Mapping[str, object]

    @property
    def findings(self) -> list[Expected]:
        found = self.expected.get("finding", [])
        assert isinstance(found, list)
        return found

    def examine(self) -> Examination:
        maps, environment, domains = (self.expected.get(key) for key in ("maps", "environment", "domains"))
        assert maps is None or isinstance(maps, dict)
        assert environment is None or isinstance(environment, dict)
        assert domains is None or isinstance(domains, list)
        return examine(
            LocalTree(str(self.folder / "files")),
            domains=domains or (),
            maps={lost.encode(): now.encode() for lost, now in (maps or {}).items()},
            environment={name: value.encode() for name, value in (environment or {}).items()},
        )


def cases() -> list[Case]:
    return [
        Case(f"{path.parent.parent.name}/{path.parent.name}", path.parent, tomllib.loads(path.read_text()))
        for path in sorted(ROOT.glob("*/*/expected.toml"))
    ]


def told(finding: Finding) -> dict[str, object]:
    """A finding in the words of expected.toml, passwords included: fixtures have no secrets."""
    if not isinstance(finding, Found):
        return {
            "system": finding.system,
            "path": finding.path,
            "status": finding.status.value,
            "version": finding.version,
        }
    made: dict[str, object] = {
        "system": finding.system, "path": finding.path, "version": finding.version, "config": finding.config,
        "status": finding.status.value, "host": finding.host, "port": finding.port, "socket": finding.socket,
        "database": finding.database, "user": finding.user, "prefix": finding.prefix,
    }  # fmt: skip
    password = None if finding.password is None else finding.password.reveal()
    try:
        made["password"] = None if password is None else password.decode()
    except UnicodeDecodeError:
        assert password is not None
        made["password_hex"] = password.hex()
    return made


EXACT = ("port", "socket")


def mismatch(expected: Expected, finding: Finding) -> dict[str, tuple[object, object]]:
    """Fields that differ, as (expected, found). An exact claim must agree in port and socket too."""
    found = told(finding)
    keys = (*expected, *(EXACT if expected["status"] == "exact" else ()))
    return {key: (expected.get(key), found.get(key)) for key in keys if expected.get(key) != found.get(key)}
