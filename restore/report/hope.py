"""What is to be expected of a thing before it is restored, as nouns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Hope(Enum):
    """What is to be expected of a thing."""

    WHOLE = "would come back"
    PART = "would come back in part"
    LOST = "would be lost"
    DOUBT = "is in doubt"
    UNKNOWN = "could not be checked"


OPEN = (Hope.DOUBT, Hope.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Expected:
    """One mailbox, database or login as a verification saw it. `lost` names what would not come back, `doubts` what
    would but need not be what it was; `notes` is what else was said of it. Texts are safe to show."""

    service: str
    server: str
    customer: str
    name: str
    hope: Hope
    what: str
    lost: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def whose(self) -> tuple[str, str]:
        """The customer: his old server and his name."""
        return self.server, self.customer
