"""What detectors yield: a claim about a database login and where it stands, or what is unclear and why.

All texts are str decoded from bytes as UTF-8 with surrogateescape, so `text.encode("utf-8", "surrogateescape")`
gives back the bytes as found: a user or database name may hold any bytes.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum
from typing import NoReturn

MASK = "***"


class Secret:
    """A plaintext that shows itself only through `reveal()`.

    Every text form is `***`; equality takes constant time; pickling raises TypeError, so that a plaintext can
    travel neither through a scheduler nor into a ledger.
    """

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The plaintext, byte for byte as the config states it."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return MASK

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never pickled: plaintext stays in the process that read it")

    def __getstate__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled: plaintext stays in the process that read it")


class Status(Enum):
    """How far a claim can be trusted. Only EXACT may be acted upon without a person."""

    EXACT = "exact"
    FALLBACK = "fallback"
    NEEDS_ENVIRONMENT = "needs-environment"
    PARTIAL = "partial"
    BACKUP_COPY = "backup-copy"
    AMBIGUOUS = "ambiguous"
    PLACEHOLDER = "placeholder"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a field stands: `path` relative to the examined root, `line` from 1 (None: the whole file),
    `field` such as "database", `how` the chain of constructs and assumptions, never a secret."""

    path: str
    line: int | None
    field: str = ""
    how: str = ""

    def __str__(self) -> str:
        place = self.path if self.line is None else f"{self.path}:{self.line}"
        return " ".join(part for part in (f"{self.field}:" if self.field else "", place, self.how) if part)


@dataclass(frozen=True, slots=True)
class Found:
    """One install's database login as its config claims it.

    `path` is the install's folder and `config` its config file, relative to the examined root. `host`, `port`
    and `socket` are as the site would use them, split apart. A field that could not be read is "" (None for
    port, socket and password) and `unclear` has a line "field: reason" for it; an empty password that the
    config really states is Secret(b""). With Status.EXACT every field is known.
    """

    system: str
    path: str
    version: str
    config: str
    status: Status
    host: str
    port: int | None
    socket: str | None
    database: str
    user: str
    password: Secret | None
    prefix: str
    evidence: tuple[Evidence, ...]
    unclear: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unclear:
    """An install, or a place where a database connection is opened, whose login cannot be read."""

    system: str
    path: str
    reason: str
    evidence: tuple[Evidence, ...]
    status: Status = Status.NONE
    version: str = ""


Finding = Found | Unclear


def text(value: bytes) -> str:
    """Bytes as found, as str: UTF-8 with surrogateescape."""
    return value.decode("utf-8", "surrogateescape")
