"""The right to write: an incident's ledger and vault, held under its lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restore.errors import IncidentClosed
from restore.incident import secret
from restore.ledger.ledger import Ledger
from restore.ledger.vault import Vault
from restore.ledger.witness import Witness
from restore.model.incident import Incident
from restore.model.operator import Operator
from restore.model.outcome import Outcome
from restore.run.lock import hold


@dataclass(frozen=True, slots=True)
class Pen:
    """The right to write: ledger and vault of an incident, held under its lock."""

    ledger: Ledger
    vault: Vault
    epoch: int


@contextmanager
def pen(incident: Incident, operator: Operator) -> Iterator[Pen]:
    """Be the one who writes. Raises RunInProgress where another command does, naming who it is, and IncidentClosed."""
    state = Path(incident.state)
    key = secret(incident.vault_key) if incident.vault_key else None
    with (
        hold(state, operator, incident.digest) as holder,
        Ledger.open(state, operator, holder.epoch) as ledger,
    ):
        if ending := ledger.ending():
            raise IncidentClosed(f"nothing was begun: {ending}")
        with _witnessed(incident, ledger):
            yield Pen(ledger, Vault.open(state, key), holder.epoch)


@contextmanager
def last_pen(incident: Incident, operator: Operator) -> Iterator[Ledger]:
    """Be the one who writes the ledger of an incident that may be closed already, its vault perhaps gone. Raises
    RunInProgress where another command writes."""
    state = Path(incident.state)
    with (
        hold(state, operator, incident.digest) as holder,
        Ledger.open(state, operator, holder.epoch) as ledger,
        _witnessed(incident, ledger),
    ):
        yield ledger


def _witnessed(incident: Incident, ledger: Ledger) -> Witness:
    """Sends copies of the head out for as long as somebody writes."""
    witness = Witness(incident.name, incident.head_copy, incident.syslog, lambda: ledger.head)
    ledger.committed = witness.committed
    return witness


class Remembering:
    """The ledger as the executor's pen, for a run that looks afresh: looks are never passed by, and with
    `again` nothing is."""

    def __init__(self, ledger: Ledger, *, again: bool) -> None:
        self._ledger = ledger
        self._again = again
        self.about = ledger.about
        self.append_all = ledger.append_all

    def done(self) -> Mapping[str, Outcome]:
        """The steps that are passed by."""
        # What was refused of a dump that was loaded in part would be refused the same again.
        # The same holds of a dump that a verification found unusable: its key holds its fingerprint.
        done = self._ledger.done(in_part=("load/", "verify/load/"))
        return {} if self._again else Passed(done)


# Looks and sweeps are made afresh in each run, and so is what is compared with live servers.
AFRESH = ("look", "prove/", "sweep/", "verify/mail/", "verify/hashes/", "verify/logins/")


class Passed(Mapping[str, Outcome]):
    """What stands done, without the looks and sweeps."""

    def __init__(self, done: Mapping[str, Outcome]) -> None:
        self._done = done

    def __getitem__(self, key: str) -> Outcome:
        if key.startswith(AFRESH):
            raise KeyError(key)
        return self._done[key]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._done if not key.startswith(AFRESH))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return not str(key).startswith(AFRESH) and key in self._done
