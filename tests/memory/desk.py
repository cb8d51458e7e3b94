"""A coordinator's desk in memory. It passes the same conformance suite as the socket's server and client."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from detectors.finding import Secret
from restore.errors import SecretMissing
from restore.ledger import codec
from restore.model.mail import JournalRecord
from restore.run.leases import Leases


def _nothing(moment: str, op: str, about: str) -> None:
    """The hook that does nothing."""


@dataclass(slots=True)
class Office:
    """What outlives a desk: journals by mailbox, as text, and the vault's secrets by id."""

    journals: dict[str, list[str]] = field(default_factory=dict)
    secrets: dict[str, tuple[str, Secret]] = field(default_factory=dict)


class MemoryDesk:
    """One worker's way to the office; satisfies restore.model.ports.Desk.

    Without `leases` every step is this worker's. `hook(moment, op, about)` is called "before" and "after" each
    call that changes the office, so that a test can cut there; the office keeps what a killed process had done.
    """

    def __init__(
        self,
        office: Office,
        leases: Leases | None = None,
        *,
        epoch: int = 1,
        worker: str = "worker",
        hook: Callable[[str, str, str], None] = _nothing,
    ) -> None:
        self.office = office
        self._leases = leases
        self._epoch = epoch
        self._worker = worker
        self._hook = hook

    def renew(self, step: str) -> None:
        if self._leases is not None:
            self._leases.check(self._epoch, step, self._worker)

    def journal(self, step: str, mailbox: str) -> Sequence[JournalRecord]:
        self.renew(step)
        records = map(codec.decode, self.office.journals.get(mailbox, ()))
        return tuple(record for record in records if isinstance(record, JournalRecord))

    def last(self, step: str, mailbox: str) -> JournalRecord | None:
        records = self.journal(step, mailbox)
        return records[-1] if records else None

    def record(self, step: str, mailbox: str, records: Sequence[JournalRecord]) -> None:
        self.renew(step)
        self._hook("before", "record", mailbox)
        self.office.journals.setdefault(mailbox, []).extend(map(codec.encode, records))
        self._hook("after", "record", mailbox)

    def put_secret(self, step: str, purpose: str, secret: Secret) -> str:
        self.renew(step)
        for vault_id, kept in self.office.secrets.items():
            if kept == (purpose, secret):
                return vault_id
        vault_id = secrets.token_hex(16)
        self._hook("before", "put_secret", purpose)
        self.office.secrets[vault_id] = (purpose, secret)
        self._hook("after", "put_secret", purpose)
        return vault_id

    def get_secret(self, step: str, vault_id: str) -> Secret:
        self.renew(step)
        if vault_id not in self.office.secrets:
            raise SecretMissing(f"the vault has no secret {vault_id!r}")
        return self.office.secrets[vault_id][1]
