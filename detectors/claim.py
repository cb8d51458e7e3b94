"""From stated fields to a finding: host split, placeholders recognised, one status for the whole."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from detectors.detector import Site
from detectors.finding import Evidence, Finding, Found, Secret, Status, Unclear, text
from detectors.parsing import host
from detectors.parsing.stated import Stated

MYSQL = re.compile(rb"(?:^|[._:\\])(?:pdo_?)?(?:mysql|mariadb)\w*(?:$|\\)", re.IGNORECASE)
PLACEHOLDERS = frozenset(
    b"database_name_here username_here password_here your_database your_db your_database_name "
    b"your_username your_user your_password yourpassword yourusername yourdatabase databasename "
    b"dbname_here db_name_here changeme change_me putyourdbnamehere usernamehere yourpasswordhere "
    b"enter_your_password @@db_name@@ xxxxxx {db_name} {{db_name}} %db_name% db_database_here "
    b"my_database my_username my_password".split()
)
ORDER = (Status.NEEDS_ENVIRONMENT, Status.AMBIGUOUS, Status.PARTIAL, Status.FALLBACK)
SECRETS = ("database", "user", "password")


@dataclass(frozen=True, slots=True)
class Condition:
    """What is wrong with a config as a whole: `damage` the line of the first thing its language would not accept,
    `cut` whether its end is missing, `exhausted` whether a limit stopped the reading; `opaque`
    code that could not be read, which may state what else is missing."""

    damage: int = 0
    cut: bool = False
    exhausted: bool = False
    opaque: Stated | None = None

    def lines(self) -> tuple[str, ...]:
        """The reasons, for a person."""
        told = []
        if self.damage:
            told.append(f"file: damaged at line {self.damage}, the application could not read it")
        if self.cut:
            told.append("file: its end is missing")
        if self.exhausted:
            told.append("file: too large or too involved to be evaluated within the limits")
        return tuple(told)


class Evaluation(Protocol):
    """How the evaluation of a config went."""

    @property
    def damage(self) -> int: ...
    @property
    def cut(self) -> bool: ...
    @property
    def exhausted(self) -> bool: ...
    @property
    def opaque(self) -> Stated | None: ...


def condition_of(values: Evaluation) -> Condition:
    """The condition of a config that was evaluated."""
    return Condition(values.damage, values.cut, values.exhausted, values.opaque)


def claim(
    site: Site,
    of: tuple[str, str],
    config: str,
    fields: Mapping[str, Stated | None],
    condition: Condition | None = None,
    extra: Iterable[Evidence] = (),
) -> Finding:
    """The finding that these fields of `config` make; `of` is the system and its version ("" where it does not say).

    `fields`: host, port, socket, database, user, password, prefix, driver; None or absent where the config does
    not state it. A missing host is localhost and a missing port, socket or prefix none; the rest are needed. A
    driver that is not MySQL's makes the install Unclear.
    """
    system, version = of
    condition = condition or Condition()
    if condition.opaque is not None:
        opaque = {name: condition.opaque for name in SECRETS if fields.get(name) is None}
        fields = {**fields, **opaque}
    evidence = (*(one.evidence(name) for name, one in fields.items() if one is not None), *extra)
    driver = fields.get("driver")
    if driver is not None and driver.value and not MYSQL.search(driver.value):
        reason = f"its database is not MySQL but {text(driver.value)[:40]}"
        return Unclear(system, site.path, reason, evidence, Status.NONE, version)
    unclear = [*_unclear(fields), *condition.lines()]
    if all((one := fields.get(name)) is None or not one.value for name in SECRETS):
        status, reason = _nothing(fields, unclear)
        return Unclear(system, site.path, reason, evidence or (Evidence(config, None),), status, version)
    address = _address(fields)
    password = fields.get("password")
    return Found(
        system=system,
        path=site.path,
        version=version,
        config=config,
        status=_status(fields, bool(condition.lines())),
        host=text(address.host),
        port=address.port,
        socket=None if address.socket is None else text(address.socket),
        database=_plain(fields, "database"),
        user=_plain(fields, "user"),
        password=None if password is None or password.value is None else Secret(password.value),
        prefix=_plain(fields, "prefix"),
        evidence=evidence,
        unclear=tuple(unclear),
    )


def _nothing(fields: Mapping[str, Stated | None], unclear: list[str]) -> tuple[Status, str]:
    worst = [one.status for one in fields.values() if one is not None and one.value is None]
    status = next((each for each in ORDER if each in worst), Status.NONE)
    return status, "; ".join(unclear) or "it states no login"


def _plain(fields: Mapping[str, Stated | None], name: str) -> str:
    one = fields.get(name)
    return "" if one is None or one.value is None else text(one.value)


def _unclear(fields: Mapping[str, Stated | None]) -> Iterable[str]:
    for name in ("host", "port", "socket", "database", "user", "password", "prefix"):
        one = fields.get(name)
        if one is None and name in SECRETS:
            yield f"{name}: not stated"
        elif one is not None and one.value is None:
            yield f"{name}: {one.reason}"


def _status(fields: Mapping[str, Stated | None], damaged: bool) -> Status:
    for name in SECRETS:
        one = fields.get(name)
        if one is not None and one.value is not None and one.value.strip().lower() in PLACEHOLDERS:
            return Status.PLACEHOLDER
    found = [Status.PARTIAL] if damaged else []
    for name, one in fields.items():
        if one is not None:
            found.append(one.status)
        elif name in SECRETS:
            found.append(Status.PARTIAL)
    if any(name not in fields for name in SECRETS) or not _plain(fields, "database"):
        found.append(Status.PARTIAL)
    return next((status for status in ORDER if status in found), Status.EXACT)


def _address(fields: Mapping[str, Stated | None]) -> host.Address:
    stated, port, socket = fields.get("host"), fields.get("port"), fields.get("socket")
    if stated is not None and stated.value is None:
        return host.Address(b"")
    address = host.split(stated.value if stated is not None and stated.value is not None else b"")
    number = address.port
    if port is not None and port.value:
        number = host.port_number(port.value) or number
    path = address.socket
    if socket is not None and socket.value:
        path = socket.value
    return host.Address(address.host, number, path)
