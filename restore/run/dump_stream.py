"""A staged dump's plain bytes, told of as they are read, that can be read again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from restore.model.mysql import DumpFile
from restore.model.ports import Systems


@dataclass(frozen=True, slots=True)
class DumpStream:
    """Each iteration begins at the dump's first byte; before each chunk it is asked whether this worker may go on.
    `mended` is read in the dump's place where it is damaged."""

    key: str
    systems: Systems
    dump: DumpFile
    mended: Iterable[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        progress = self.systems.progress(self.key)
        chunks = self.systems.dumps.plain(self.dump) if self.mended is None else self.mended
        for number, chunk in enumerate(chunks):
            progress(0)
            if number % 256 == 0:
                self.systems.desk.renew(self.key)
            yield chunk
