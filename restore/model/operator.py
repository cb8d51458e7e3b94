"""Who acts: stated, not proven, on a shared root shell, and the record says where the name came from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operator:
    """The person behind a command.

    `origin` says where `name` came from: "--operator", "BULKRESTORE_OPERATOR", "SUDO_USER" or "login".
    """

    name: str
    origin: str
    uid: int
    pid: int
    host: str

    def __str__(self) -> str:
        return f"{self.name} ({self.origin}, uid {self.uid}) on {self.host}, pid {self.pid}"
