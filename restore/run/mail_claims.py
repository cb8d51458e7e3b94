"""The merge of one folder as arithmetic: which source message is which live one, each counted once.

Pure. Two equal messages in the backup are two messages: a live message, or a delivery the journal proves, stands
for one of them only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from restore.model.mail import Identity, LiveMessage, StoredMessage
from restore.model.message import message_id


class Claim(Enum):
    """What a source message turned out to be."""

    RESTORED = "restored before, and there"
    STATED = "restored before, and there; compared by size, date and flags"
    ALTERED = "restored before, and there with other content"
    MATCHED = "found there before, and there"
    DELETED = "restored or found there before, and taken away since"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message the journal proves: its UID at the folder's present UIDVALIDITY and how it came there."""

    uid: int
    claim: Claim


class Claims:
    """`deliveries` are what the journal proves of the folder, `present` the UIDs it holds now. What `live` messages
    it holds is told here or, where the journal explains all, never."""

    def __init__(
        self,
        deliveries: Iterable[tuple[Identity, Delivery]],
        live: Iterable[LiveMessage] = (),
        present: Iterable[int] = (),
    ) -> None:
        self._deliveries: dict[Identity, list[Delivery]] = defaultdict(list)
        self._proven: set[int] = set()
        for identity, delivery in deliveries:
            self._deliveries[identity].append(delivery)
            self._proven.add(delivery.uid)
        self._present: set[int] = set(present)
        self._given: set[int] = set()
        self._by_id: dict[bytes, list[int]] = defaultdict(list)
        self._by_size: dict[int, list[int]] = defaultdict(list)
        self._odd_by_size: dict[int, list[int]] = defaultdict(list)
        self._identified: dict[Identity, list[int]] = defaultdict(list)
        self.index(live)
        for waiting in self._deliveries.values():
            waiting.sort(key=lambda delivery: delivery.uid in self._present)

    def index(self, live: Iterable[LiveMessage]) -> None:
        """All that the folder holds now, before anything is appended to it."""
        for message in live:
            self._present.add(message.uid)
            if message.uid not in self._proven:
                self._index(message)

    def _index(self, message: LiveMessage) -> None:
        clean = message_id(message.message_id)
        if clean:
            self._by_id[clean].append(message.uid)
        else:
            self._odd_by_size[message.size].append(message.uid)
        self._by_size[message.size].append(message.uid)

    @property
    def has_unidentified(self) -> bool:
        """Whether the folder holds a message that may still turn out to be one of the backup's."""
        return bool(self._by_size)

    def proven(self, identity: Identity) -> Claim | None:
        """Take one delivery the journal proves for that identity, those still there first; None: no more."""
        waiting = self._deliveries.get(identity)
        if not waiting:
            return None
        delivery = waiting.pop()
        return delivery.claim if delivery.uid in self._present else Claim.DELETED

    def candidates(self, identity: Identity, clean_id: bytes) -> Sequence[int]:
        """Live UIDs not yet identified that may be this message; each is given out once.

        With a clean Message-ID on both sides that decides; where either has none, several or an odd one, the size.
        """
        if clean_id:
            found = self._by_id.pop(clean_id, []) + self._odd_by_size.pop(identity.size, [])
        else:
            found = self._by_size.pop(identity.size, [])
        fresh = [uid for uid in found if uid not in self._given]
        self._given.update(fresh)
        return fresh

    def identified(self, message: StoredMessage) -> None:
        """A candidate was read whole."""
        self._identified[message.identity].append(message.uid)

    def standing(self, identity: Identity) -> int | None:
        """Take one live message with that content; its UID, or None where there is no more."""
        uids = self._identified.get(identity)
        return uids.pop(0) if uids else None
