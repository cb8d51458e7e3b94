"""What is known while a damaged dump is read, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from restore.model.mysql import DumpLoss
from restore.systems.dump import Statement
from restore.systems.dump_session import DumpSession

CUT = "the dump is cut here: the rest of it is lost"


@dataclass(slots=True)
class Lost:
    """A table whose definition is lost: where, and how many of its rows were met."""

    offset: int
    rows: int
    why: str


@dataclass(slots=True)
class Reading:
    """What is known while a damaged dump is read."""

    without: frozenset[str]
    session: DumpSession = field(default_factory=DumpSession)
    cells: dict[str, int] = field(default_factory=dict)
    heads: dict[str, bytes] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    undefined: dict[str, Lost] = field(default_factory=dict)
    losses: list[DumpLoss] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    table: str = ""
    begun: int = 0
    ended: int = 0
    transaction: bool = False
    written: int = 0

    def lose(self, table: str, offset: int, rows: int | None, why: str, *, at_most: bool = False) -> None:
        self.losses.append(DumpLoss(table, offset, rows, why, at_most))

    @property
    def cut(self) -> bool:
        """Whether the last thing lost is the end of an INSERT that does not end."""
        return bool(self.losses) and self.losses[-1].rows is None and self.losses[-1].why == CUT

    def undefine(self, table: str, offset: int, rows: int, why: str) -> None:
        """A table that cannot be made: its rows are counted as they come by."""
        lost = self.undefined.setdefault(table, Lost(offset, 0, why))
        lost.rows += rows


@dataclass(frozen=True, slots=True)
class Good:
    """A statement that passes as it stands; `rows` of `table` where it is an INSERT, `cells` its columns where it makes
    it."""

    statement: Statement
    table: str = ""
    rows: int = 0
    drops: tuple[str, ...] = ()
    cells: int = 0


@dataclass(frozen=True, slots=True)
class Read:
    """A block's statements up to the first that is not whole (`bad`: where that begins); `open`: the exact reader did
    not come to an end. `session` is what the good ones make of it."""

    good: tuple[Good, ...]
    bad: int | None
    open: bool
    session: DumpSession
