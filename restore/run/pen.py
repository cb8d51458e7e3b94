"""The right to write: an incident's ledger and vault, held under its lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from restore.incident import secret
from restore.ledger.ledger import Ledger
from restore.ledger.vault import Vault
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
    """Be the one who writes. Raises RunInProgress where another command does, naming who it is."""
    state = Path(incident.state)
    key = secret(incident.vault_key) if incident.vault_key else None
    with (
        hold(state, operator, incident.digest) as holder,
        Ledger.open(state, operator, holder.epoch) as ledger,
    ):
        yield Pen(ledger, Vault.open(state, key), holder.epoch)


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
        done = self._ledger.done(in_part="load/")
        return {} if self._again else Passed(done)


class Passed(Mapping[str, Outcome]):
    """What stands done, without the looks."""

    def __init__(self, done: Mapping[str, Outcome]) -> None:
        self._done = done

    def __getitem__(self, key: str) -> Outcome:
        if key.startswith("look"):
            raise KeyError(key)
        return self._done[key]

    def __iter__(self) -> Iterator[str]:
        return (key for key in self._done if not key.startswith("look"))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __contains__(self, key: object) -> bool:
        return not str(key).startswith("look") and key in self._done
