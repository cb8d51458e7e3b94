"""Mailboxes that do not exist yet: where the old server kept its users, and how the new one is given them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from detectors.finding import Secret

# What a template of the incident file may name in braces.
ADDRESS_NAMES = ("address", "user", "domain", "customer")
QUOTA_NAMES = ("quota_bytes", "quota_kb", "quota_mb")
HASH_NAMES = ("hash", "bare_hash")
_NAMED = re.compile(r"\{([^{}]*)\}")


def names_in(template: str) -> list[str]:
    """The names in braces, in order."""
    return _NAMED.findall(template)


def filled(template: str, values: Mapping[str, bytes]) -> bytes:
    """A template with the values of its names."""
    parts = _NAMED.split(template)
    return b"".join(values[part] if place % 2 else part.encode() for place, part in enumerate(parts))


@dataclass(frozen=True, slots=True)
class UserBase:
    """Where an old server kept its mail users' password hashes and quotas: `path` inside its tree, which may name
    {domain} and {customer}. `kind` is passwd-file (Dovecot's), shadow, or dump (of the database that has the `table`
    with the columns `address`, `hash` and, unless "", `quota`, counted in units of `quota_unit` bytes). `scheme` is
    that of hashes that name none."""

    kind: str
    path: str
    scheme: str = "CRYPT"
    table: str = "mailbox"
    address: str = "username"
    hash: str = "password"
    quota: str = "quota"
    quota_unit: int = 1


@dataclass(frozen=True, slots=True)
class MailUser:
    """A user of the old mail server: his password hash with its scheme ("{SHA512-CRYPT}$6$..."), Secret(b"") where he
    could not log in, which `locked` says why; `quota` in bytes, None where none is stated."""

    hash: Secret
    quota: int | None = None
    locked: str = ""


@dataclass(frozen=True, slots=True)
class NewMailbox:
    """A mailbox to be made. `quota` in bytes, 0: none."""

    address: str
    customer: str
    hash: Secret
    quota: int = 0

    def values(self) -> dict[str, bytes]:
        """What templates may name, by its name, the hash left out."""
        user, _, domain = self.address.rpartition("@")
        texts = {"address": self.address, "user": user, "domain": domain, "customer": self.customer}
        sizes = {"quota_bytes": 1, "quota_kb": 1 << 10, "quota_mb": 1 << 20}
        return {name: text.encode("utf-8", "surrogateescape") for name, text in texts.items()} | {
            name: b"%d" % -(-self.quota // unit) for name, unit in sizes.items()
        }

    def hashes(self) -> dict[str, Secret]:
        """The hash with its scheme in front, and without."""
        whole = self.hash.reveal()
        return {"hash": self.hash, "bare_hash": Secret(whole.partition(b"}")[2] or whole)}
