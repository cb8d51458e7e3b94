"""A damaged dump as a stream that loads: its complete rows alone, and what is lost of it (salvage_reader.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from restore.model.mysql import DumpLoss, Salvage
from restore.systems.salvage_reader import Salvager
from restore.systems.salvage_state import Reading
from restore.systems.unpack_salvage import Hole


class SalvagedDump:
    """A damaged dump's plain stream mended; it can be iterated again. `found` says what the last whole iteration kept
    and lost. `open` gives the pieces from the start; tables in `without` are left out, and told as lost. Not `alone`:
    it is cut out of a file of many databases, where damage may have swallowed the line that begins the next one; what
    stands behind damage is then not read, since it may be another customer's."""

    def __init__(
        self,
        open: Callable[[], Iterator[bytes | Hole]],
        without: frozenset[str] = frozenset(),
        *,
        alone: bool = True,
    ) -> None:
        self._open = open
        self._without = without
        self._alone = alone
        self.found = Salvage()

    def leaving_out(self, table: str) -> SalvagedDump:
        """The same without one more table."""
        return SalvagedDump(self._open, self._without | {table}, alone=self._alone)

    def __iter__(self) -> Iterator[bytes]:
        reading = Reading(self._without)
        yield from Salvager(reading, self._open(), alone=self._alone).run()
        losses = [*reading.losses]
        for table, lost in reading.undefined.items():
            losses.append(DumpLoss(table, lost.offset, lost.rows, lost.why))
        tables = [table for table in reading.cells if table not in self._without]
        losses.sort(key=lambda loss: loss.offset)
        counts = tuple((table, reading.kept.get(table, 0)) for table in tables)
        rows = sum(number for _, number in counts)
        self.found = Salvage(len(tables), rows, tuple(losses), tuple(reading.doubts), counts)
